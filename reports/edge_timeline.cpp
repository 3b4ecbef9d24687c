#include "reports/edge_timeline.h"

#include <fmt/format.h>

#include <algorithm>

#include "reports/number_text.h"

namespace headroom {
namespace {

constexpr std::uint64_t kAccelerator = 1;  // its thread in a site's process

std::string ms(Duration time) { return significant(milliseconds(time)) + " ms"; }

std::uint64_t key_of(std::uint32_t site, std::uint32_t task) {
  return std::uint64_t{site} << 32 | task;
}

bool at_edge(EdgeOutcome outcome) {
  return outcome == EdgeOutcome::edge || outcome == EdgeOutcome::stolen ||
         outcome == EdgeOutcome::missed_edge;
}

const char* name_of(EdgePlace place) {
  switch (place) {
    case EdgePlace::queued:
      return "queued at the edge";
    case EdgePlace::parked:
      return "parked for its trigger";
    case EdgePlace::cloud_queue:
      return "waits for a call";
    case EdgePlace::edge:
      return "runs at the edge";
    default:
      return "elsewhere";
  }
}

std::string sent_by(const EdgeStep& step, std::uint32_t task) {
  const bool own = step.by == task;
  switch (step.asked) {
    case EdgeAsked::arrival:
      return own ? "its arrival" : fmt::format("the arrival of task {}", step.by);
    case EdgeAsked::free_edge:
      return "the edge was free";
    case EdgeAsked::due:
      return own ? "its trigger" : fmt::format("the trigger of task {}", step.by);
    case EdgeAsked::result:
      return fmt::format("the end of task {}", step.by);
  }
  return "";
}

}  // namespace

std::string why_missed(const EdgeTaskType& type, const EdgeResult& result, MissCause cause,
                       const CloudCall* call) {
  const EdgeTask& task = result.task;
  const std::string left = ms(task.deadline - result.when);
  const std::string late = ms(result.when - task.deadline) + " late";
  switch (cause) {
    case MissCause::none:
      break;
    case MissCause::no_place_in_time:
      return fmt::format(
          "dropped with {} left: {} are expected at the edge behind its queue, {} in "
          "the cloud",
          left, ms(task.edge_time), ms(task.cloud_time));
    case MissCause::not_worth_cloud:
      return fmt::format(
          "dropped with {} left: the edge had no room, and a call costs {:.4g} of "
          "the {:.4g} points that it gives",
          left, type.cloud_price, type.benefit);
    case MissCause::edge_wait:
      return fmt::format("its turn at the edge came with {} left, {} are expected there", left,
                         ms(task.edge_time));
    case MissCause::edge_slow:
      return fmt::format("ran {} at the edge, {} expected: {}", ms(result.actual),
                         ms(task.edge_time), late);
    case MissCause::cloud_wait:
      if (call == nullptr) {
        return fmt::format("its turn for a call came with {} left, {} are expected", left,
                           ms(task.cloud_time));
      }
      return fmt::format("waited {} for its turn to call: {}", ms(call->waited), late);
    case MissCause::cloud_slow:
      return fmt::format("the call executed {}, {} expected: {}", ms(call->execution),
                         ms(type.cloud_time), late);
    case MissCause::cloud_cold:
      return fmt::format("the call started an instance for {}: {}", ms(call->cold_start), late);
    case MissCause::cloud_network:
      return fmt::format("the call's upload and latency took {}: {}", ms(call->network), late);
    case MissCause::cloud_timeout:
      return fmt::format("the call was given up or refused after {}", ms(result.actual));
  }
  return "";
}

EdgeTimeline::EdgeTimeline(const std::string& path, const std::vector<EdgeTaskType>& types,
                           std::uint64_t most_tasks)
    : events_(path), types_(types), most_tasks_(most_tasks) {}

EdgeTimeline::Way* EdgeTimeline::way_of(std::uint32_t site, std::uint32_t task) {
  const auto found = ways_.find(key_of(site, task));
  if (found != ways_.end()) return &found->second;
  if (shown_ >= most_tasks_) return nullptr;
  ++shown_;
  if (sites_.size() <= site) sites_.resize(site + std::size_t{1});
  if (!sites_[site].named) {
    sites_[site].named = true;
    events_.name_process(site, fmt::format("site {}", site));
    events_.name_thread({site, kAccelerator}, "accelerator");
  }
  return &ways_[key_of(site, task)];
}

void EdgeTimeline::count(std::uint32_t site, EdgePlace place, std::int64_t by, Instant at) {
  if (place != EdgePlace::queued && place != EdgePlace::parked) return;
  const bool queued = place == EdgePlace::queued;
  std::int64_t& held = queued ? sites_[site].queued : sites_[site].parked;
  held += by;
  events_.counter(site, queued ? "tasks queued" : "tasks parked", at, held);
}

void EdgeTimeline::on_step(std::uint32_t site, const EdgeTask& task, const EdgeStep& step) {
  Way* way = way_of(site, task.id);
  if (way == nullptr) return;
  if (!way->empty()) count(site, way->back().place, -1, step.when);
  way->push_back(step);
  count(site, step.place, 1, step.when);
}

/// The places where a task was; the last one it left at `left_queues`, or when its run ended.
void EdgeTimeline::show_way(const TraceFlight& flight, const Way& way, const EdgeResult& result,
                            Instant left_queues) {
  for (std::size_t i = 0; i < way.size(); ++i) {
    const EdgeStep& step = way[i];
    const bool last = i + 1 == way.size();
    Instant end = step.place == EdgePlace::edge ? result.when : left_queues;
    if (!last) end = way[i + 1].when;
    if (end <= step.when) continue;
    events_.open(flight, name_of(step.place), step.when,
                 TraceArgs().add("sent by", sent_by(step, result.task.id)));
    events_.close(flight, name_of(step.place), end);
  }
}

/// The parts of a call, cut where it was given up.
void EdgeTimeline::show_call(const TraceFlight& flight, const EdgeResult& result,
                             const CloudCall& call, const std::string& sent) {
  Instant at = result.task.started;
  const auto part = [&](const char* name, Duration length, const TraceArgs& args) {
    const Duration shown = std::min(length, result.when - at);
    if (shown <= Duration(0)) return;
    events_.open(flight, name, at, args);
    at = at + shown;
    events_.close(flight, name, at);
  };
  part("call: network", call.network, {});
  part("call: instance starts", call.cold_start, {});
  part("call: executes", call.execution,
       TraceArgs().add("sent by", sent).add("expected_ms", types_[result.task.type].cloud_time));
}

void EdgeTimeline::on_task(std::uint32_t site, const EdgeResult& result, MissCause cause,
                           const CloudCall* call) {
  const EdgeTask& task = result.task;
  Way* way = way_of(site, task.id);
  if (way == nullptr) {
    ++left_out_;
    return;
  }
  const EdgeTaskType& type = types_[task.type];
  const bool missed = !in_time(result.outcome);
  const bool ran = at_edge(result.outcome);
  const std::string name =
      missed ? fmt::format("{} missed: {}", type.name, to_string(cause)) : type.name;
  const TraceFlight flight{site, key_of(site, task.id), "task"};
  TraceArgs args;
  args.add("task", task.id).add("drone", task.drone).add("outcome", to_string(result.outcome));
  args.add("deadline_ms", task.deadline - task.received);
  if (missed) args.add("why", why_missed(type, result, cause, call));
  if (!way->empty() && way->back().place == EdgePlace::gone) {
    args.add("dropped by", sent_by(way->back(), task.id));
  }
  events_.open(flight, name, task.received, args);
  show_way(flight, *way, result, ran || call != nullptr ? task.started : result.when);
  if (call != nullptr) {
    show_call(flight, result, *call, way->empty() ? "" : sent_by(way->back(), task.id));
  }
  if (missed && task.deadline < result.when) events_.mark(flight, "deadline", task.deadline);
  events_.close(flight, name, result.when);
  if (ran) {
    events_.slice({site, kAccelerator}, type.name, task.started, result.actual,
                  TraceArgs().add("task", task.id).add("expected_ms", task.edge_time));
  }
  if (!way->empty() && !ran) count(site, way->back().place, -1, result.when);
  ways_.erase(key_of(site, task.id));
}

}  // namespace headroom
