#include "sim/simulation_state.h"

namespace headroom {

namespace {

RequestRow to_row(const FinishedRequest& request) {
  RequestRow row;
  row.arrival_ns = request.arrival.ns();
  row.queued_ns = request.queued.value();
  row.ttft_ns = request.ttft().value();
  row.end_to_end_ns = request.end_to_end().value();
  row.stalled_ns = request.stalled.value();
  row.prompt = static_cast<std::uint32_t>(request.prompt.value());
  row.output = static_cast<std::uint32_t>(request.output.value());
  row.id = request.id.index();
  row.replica = static_cast<std::uint16_t>(request.replica.index());
  row.class_index = static_cast<std::uint16_t>(request.class_index);
  return row;
}

void add_parts(LatencyParts& parts, const FinishedRequest& request) {
  parts.queued += request.queued.value();
  parts.prefill += request.prefill.value();
  parts.preempted += request.preempted.value();
  parts.transfer += request.transfer.value();
  parts.stalled += request.stalled.value();
  parts.decode += request.decode.value();
}

}  // namespace

const char* to_string(Milestone milestone) {
  constexpr const char* kNames[kMilestones] = {"routed",   "scheduled",   "first token",
                                               "finished", "preempted",   "rejected",
                                               "offered",  "transferred", "lost"};
  return kNames[static_cast<std::size_t>(milestone)];
}

void SimulationState::finish(RequestSlot slot) {
  const LiveRequest& live = requests[slot];
  const RequestHistory& history = requests.history(slot);
  FinishedRequest done;
  done.id = RequestId(live.id);
  done.replica = history.replica;
  done.class_index = live.class_index;
  done.session = history.session;
  done.turn = history.turn;
  done.arrival = live.arrival;
  done.first_scheduled = history.first_scheduled;
  done.first_token = history.first_token;
  done.finish = now();
  done.prompt = Tokens(live.prompt);
  done.output = Tokens(live.output);
  done.queued = done.first_scheduled - done.arrival;
  done.prefill = done.first_token - done.first_scheduled - history.preempted_before_first;
  done.preempted = history.preempted_before_first + history.preempted_after_first;
  done.stalled = history.stalled;
  done.transfer = history.transfer;
  done.decode = done.finish - done.first_token - history.preempted_after_first - history.stalled -
                history.transfer;
  done.preemptions = live.preemptions;
  SIM_CHECK(done.queued >= Duration(0) && done.prefill >= Duration(0) &&
                done.stalled >= Duration(0) && done.decode >= Duration(0),
            "arrival <= scheduled <= first token <= finish, and no part of a latency is negative");

  record(Milestone::finished, slot);
  ++metrics.finished;
  metrics.input_tokens += live.prompt;
  metrics.output_tokens += live.output;
  metrics.last_finish = now();
  metrics.rows.push(to_row(done));
  add_parts(metrics.parts, done);
  for (MetricsSink* sink : sinks) sink->on_finished(done);
  tell_source(slot);
}

void SimulationState::reject(RequestSlot slot, RejectReason reason) {
  const LiveRequest& live = requests[slot];
  record(Milestone::rejected, slot);
  ++metrics.rejected[static_cast<std::size_t>(reason)];
  if (live.class_index >= metrics.rejected_of_class.size()) {
    metrics.rejected_of_class.resize(live.class_index + std::size_t{1}, 0);
  }
  ++metrics.rejected_of_class[live.class_index];
  if (!sinks.empty()) {
    RejectedRequest gone;
    gone.id = RequestId(live.id);
    gone.class_index = live.class_index;
    gone.arrival = live.arrival;
    gone.when = now();
    gone.prompt = Tokens(live.prompt);
    gone.output = Tokens(live.output);
    gone.reason = reason;
    for (MetricsSink* sink : sinks) sink->on_rejected(gone);
  }
  tell_source(slot);
}

void SimulationState::tell(Milestone milestone, RequestSlot slot) {
  milestones->on_milestone(
      {now(), milestone, RequestId(requests[slot].id), requests.history(slot).replica});
}

void SimulationState::tell_source(RequestSlot slot) {
  const LiveRequest& live = requests[slot];
  const RequestHistory& history = requests.history(slot);
  RequestSpec spec;
  spec.arrival = live.arrival;
  spec.prompt = Tokens(live.prompt);
  spec.output = Tokens(live.output);
  spec.session = history.session;
  spec.turn = history.turn;
  spec.class_index = live.class_index;
  requests.remove(slot);
  source->on_left(spec, now());
}

}  // namespace headroom
