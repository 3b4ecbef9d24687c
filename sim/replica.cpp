#include "sim/replica.h"

#include <algorithm>
#include <utility>

#include "sim/policy.h"

namespace headroom {

namespace {

/// Longest run booked as one event; keeps sums far from overflow.
constexpr std::int64_t kMaxRun = std::int64_t{1} << 20;

}  // namespace

BatchShape Replica::Batch::shape() const {
  BatchShape shape;
  shape.decodes = static_cast<std::int64_t>(decodes.size());
  shape.decode_context = decode_context;
  shape.padded_decodes = padded;
  shape.prefills = chunks;
  shape.host_transfer = host_transfer;
  shape.prefill_tokens_before = prefill_tokens_before;
  return shape;
}

Replica::Replica(ReplicaId id, ReplicaSetup setup, SimulationState& state,
                 RunCompression compression)
    : id_(id),
      setup_(std::move(setup)),
      state_(state),
      compression_(compression),
      kv_(setup_.kv_blocks, setup_.host_blocks),
      plan_(*this),
      block_tokens_(setup_.block_tokens.value()),
      skewed_(setup_.cost != nullptr && setup_.cost->has_skew()),
      remembers_(setup_.cost != nullptr && setup_.cost->has_memory()),
      max_blocks_(blocks_for(setup_.max_model_len, setup_.block_tokens).value()) {
  SIM_CHECK(setup_.batch != nullptr && setup_.cost != nullptr && block_tokens_ > 0 &&
                setup_.pipeline_stages >= 1,
            "a replica has a batch policy, a cost model, a block size and at least one stage");
  batches_.resize(static_cast<std::size_t>(setup_.pipeline_stages));
  stage_free_.resize(static_cast<std::size_t>(setup_.pipeline_stages));
  totals_.total_blocks = setup_.kv_blocks;
  const PrefixRules rules = setup_.batch->prefix_rules();
  if (rules.reuse != PrefixReuse::none)
    prefixes_.emplace(kv_, setup_.block_tokens, rules, setup_.kept_below);
}

Replica::~Replica() = default;

void Replica::enqueue(RequestSlot slot) {
  LiveRequest& request = state_.requests[slot];
  request.state = RequestState::waiting;
  state_.requests.history(slot).replica = id_;
  state_.record(Milestone::routed, slot);
  if (setup_.scheduling == Scheduling::overlapped) {
    coming_.push_back({slot, state_.now()});
  } else {
    waiting_.push_back(slot);
  }
  count_in(request);
  if (in_flight_ == setup_.pipeline_stages) {
    cut_run();
  } else {
    request_decision();
  }
}

void Replica::request_decision() {
  if (decision_requested_) return;
  decision_requested_ = true;
  state_.ready.push_back(id_);
}

void Replica::decide() {
  decision_requested_ = false;
  if (in_flight_ == setup_.pipeline_stages || !lost_.empty()) return;
  if (state_.now() < down_until_) return;
  if (setup_.pipeline_stages > 1 && stage_free_[0] > state_.now()) return;
  if (inbound_ > 0 && setup_.transfer.loop == TransferRules::Loop::waits) return;
  plan_batch();
}

bool Replica::has_requests() const {
  return !waiting_.empty() || !running_.empty() || !swapped_.empty();
}

void Replica::see_arrivals() {
  if (coming_.empty()) return;
  const auto see_first = [this] {
    waiting_.push_back(coming_.front().slot);
    coming_.pop_front();
  };
  while (!coming_.empty() && coming_.front().since <= last_start_) see_first();
  const bool goes_on = in_flight_ > 0 || last_end_ == state_.now();
  if (goes_on && has_requests()) return;
  while (!coming_.empty()) see_first();
}

void Replica::plan_batch() {
  see_arrivals();
  // A plan that only preempts or drops is followed by another, as an engine's loop would do at
  // once; each such plan shrinks what is left to do, so a few more rounds than there are requests
  // mean a policy that goes round in circles.
  std::size_t rounds = waiting_.size() + running_.size() + swapped_.size() + 2 * coming_.size() + 8;
  check_context().policy = setup_.batch_name.c_str();
  while (has_requests()) {
    planning_ = &free_batch();
    plan_.reset();
    plan_changed_something_ = false;
    setup_.batch->next_batch(plan_);
    if (plan_.requests_ > 0) {
      start_batch();
      return;
    }
    if (plan_changed_something_) {
      release_held();  // the last one still running may just have been preempted
    } else if (in_flight_ > 0 || coming_.empty()) {
      break;
    }
    // Where nothing runs on, the scheduler looks at its arrivals again at once.
    if (in_flight_ == 0) last_start_ = state_.now();
    see_arrivals();
    SIM_CHECK(rounds-- > 0, "a policy makes progress");
  }
  check_progress();
}

void Replica::check_progress() {
  if (waiting_.empty() && running_.empty() && swapped_.empty()) return;
  if (plan_.wake_ < Instant::never()) {
    SIM_CHECK(plan_.wake_ > state_.now(), "a policy asks to be woken later than now");
    state_.queue.push(plan_.wake_, Phase::completion, EventKind::stage_free, id_.index());
    return;
  }
  SIM_CHECK(in_flight_ > 0 || handed_over_ > 0 || inbound_ > 0,
            "a replica with work always has an event pending");
}

Replica::Batch& Replica::free_batch() {
  for (Batch& batch : batches_) {
    if (batch.active) continue;
    batch.decodes.clear();
    batch.prefills.clear();
    batch.chunks.clear();
    batch.decode_context = 0;
    batch.min_remaining = 0;
    return batch;
  }
  law_broken("a free stage has a free batch", "batch.active", __FILE__, __LINE__);
}

void Replica::start_batch() {
  Batch& batch = *planning_;
  const Instant now = state_.now();
  batch.padded = plan_.padded_;
  if (skewed_) batch.decode_context += skew_of(batch);
  batch.decode_context += plan_.padded_context_;
  batch.lookahead = plan_.lookahead_;
  batch.decode_context -= plan_.together_;
  SIM_CHECK(batch.decode_context >= static_cast<std::int64_t>(batch.decodes.size()),
            "each decode reads its own token at least");
  batch.arrivals = plan_.arrivals_;
  batch.host_transfer = plan_swapped_ + plan_loaded_;
  batch.disk_wait = plan_disk_wait_;
  plan_loaded_ = Bytes(0);
  plan_disk_wait_ = Duration(0);
  batch.start = last_start_ = now;
  batch.active = true;
  totals_.swapped += plan_swapped_;
  plan_swapped_ = Bytes(0);
  for (const PrefillPart& part : batch.prefills) {
    RequestHistory& history = state_.requests.history(part.slot);
    if (history.first_scheduled != Instant::never()) continue;
    history.first_scheduled = now;
    state_.record(Milestone::scheduled, part.slot);
  }
  if (remembers_) {
    batch.prefill_tokens_before = std::exchange(last_prefill_tokens_, batch.prefill_tokens());
  }
  if (in_flight_++ == 0) busy_since_ = now;
  price_batch(batch);
  fresh_blocks_ = Blocks(0);
  totals_.peak_blocks = std::max(totals_.peak_blocks, kv_.used());
  push_end(batch);
  if (in_flight_ < setup_.pipeline_stages) {
    state_.queue.push(stage_free_[0], Phase::completion, EventKind::stage_free, id_.index());
  }
}

std::int64_t Replica::skew_of(const Batch& batch) const {
  const auto count = static_cast<std::int64_t>(batch.decodes.size());
  std::int64_t longest = 0;
  for (const RequestSlot slot : batch.decodes)
    longest = std::max<std::int64_t>(longest, state_.requests[slot].target());
  const auto beside = batch.prefills.empty() ? DecodesBeside::nothing : DecodesBeside::prompts;
  const std::int64_t share = setup_.cost->skew_share(count, beside);
  return ((count * longest - batch.decode_context) * share) >> kSkewBits;
}

void Replica::price_batch(Batch& batch) {
  const auto decodes = static_cast<std::int64_t>(batch.decodes.size());
  batch.iterations = 1;
  batch.stall = Duration(0);
  const bool single_stage = setup_.pipeline_stages == 1;
  batch.compressible = single_stage && batch.prefills.empty() && batch.host_transfer == Bytes(0) &&
                       batch.prefill_tokens_before == 0;
  if (batch.compressible) {
    const DecodeLine line = setup_.cost->decode_line(decodes, batch.padded, batch.decode_context);
    batch.run = DecodeRun(line, decodes, batch.decode_context);
    batch.first = batch.run.at(0);
    if (plan_.steady_ && compression_ == RunCompression::on && !pull_is_open()) {
      batch.iterations = steady_iterations(batch, line);
    }
    batch.end = batch.start + batch.run.sum(batch.iterations);
    return;
  }
  const IterationPrice price = setup_.cost->price(batch.shape());
  Instant at = batch.start + batch.disk_wait;
  for (std::size_t s = 0; s < stage_free_.size(); ++s) {
    if (s > 0) at = at + price.handoff;
    at = std::max(at, stage_free_[s]) + price.stage;
    stage_free_[s] = at;
  }
  batch.end = at;
  batch.first = batch.end - batch.start;
  if (single_stage && !batch.prefills.empty()) {
    Duration alone(0);
    if (decodes > 0 && batch.prefill_tokens_before == 0) {
      alone = setup_.cost->decode_line(decodes, batch.padded, batch.decode_context)
                  .at(batch.decode_context);
    } else if (decodes > 0) {
      BatchShape shape = batch.shape();
      shape.prefills = {};
      shape.host_transfer = Bytes(0);
      alone = setup_.cost->price(shape).stage;
    }
    batch.stall = std::max(Duration(0), batch.first - alone);
  }
}

std::int64_t Replica::grown_blocks(const LiveRequest& request, std::int64_t tokens,
                                   std::int64_t lookahead) const {
  if (request.blocks * block_tokens_ >= tokens) return request.blocks;
  const std::int64_t missing = (tokens + block_tokens_ - 1) / block_tokens_ - request.blocks;
  const std::int64_t step = 1 + lookahead;
  const std::int64_t taken = (missing + step - 1) / step * step;
  return std::max(std::min(request.blocks + taken, max_blocks_), request.blocks + missing);
}

std::int64_t Replica::steady_iterations(const Batch& batch, const DecodeLine& line) const {
  const auto decodes = static_cast<std::int64_t>(batch.decodes.size());
  if (!coming_.empty() && batch.arrivals == Arrivals::matter) return 1;
  std::int64_t k = std::min(batch.min_remaining, kMaxRun);
  k = std::min(k, (line.last_context - batch.decode_context) / decodes + 1);
  if (k <= 1) return 1;
  // At the start of each iteration every request may look for a free block, so one more than they
  // take must be left: then no decision in the run can have gone the other way.
  const std::int64_t room = kv_.free().value() - decodes - 1;
  std::int64_t growth = 0;
  for (const RequestSlot slot : batch.decodes) {
    const LiveRequest& request = state_.requests[slot];
    growth += grown_blocks(request, request.computed + k, batch.lookahead) - request.blocks;
  }
  if (growth <= room || (growth == 0 && plan_.room_ == Room::reserved)) return k;
  const std::int64_t each = room / (decodes * (1 + batch.lookahead)) - 1;
  return std::clamp<std::int64_t>(each * block_tokens_, 1, k);
}

void Replica::push_end(Batch& batch) {
  batch.generation = ++next_generation_;
  state_.queue.push(batch.end, Phase::completion, EventKind::iteration_end, id_.index(),
                    batch.generation);
}

void Replica::cut_run() {
  if (batches_.front().arrivals == Arrivals::wait) return;
  cut_run_now(setup_.scheduling == Scheduling::overlapped ? 1 : 0);
}

void Replica::cut_run_now(std::int64_t more) {
  Batch& batch = batches_.front();
  if (setup_.pipeline_stages > 1 || batch.iterations == 1 || !batch.active) return;
  const std::int64_t k =
      more + batch.run.iterations_to_reach(state_.now() - batch.start, batch.iterations);
  if (k >= batch.iterations) return;
  batch.iterations = k;
  batch.end = batch.start + batch.run.sum(k);
  push_end(batch);
}

Blocks Replica::used_blocks_now() const {
  std::int64_t used = kv_.used().value();
  const Batch& batch = batches_.front();
  if (setup_.pipeline_stages > 1 || !batch.active || batch.iterations == 1) return Blocks(used);
  const Duration elapsed = state_.now() - batch.start;
  std::int64_t begun = batch.run.iterations_to_reach(elapsed, batch.iterations);
  // At a boundary the next iteration has begun only once this instant's decisions are made.
  const bool at_boundary = elapsed > Duration(0) && batch.run.sum(begun) == elapsed;
  if (at_boundary && state_.phase > Phase::arrival) ++begun;
  for (const RequestSlot slot : batch.decodes) {
    const LiveRequest& request = state_.requests[slot];
    used += grown_blocks(request, request.computed + begun, batch.lookahead) - request.blocks;
  }
  return Blocks(used);
}

bool Replica::is_current(std::uint32_t generation) const {
  return std::any_of(batches_.begin(), batches_.end(), [generation](const Batch& batch) {
    return batch.active && batch.generation == generation;
  });
}

void Replica::on_iteration_end(std::uint32_t generation) {
  for (Batch& batch : batches_) {
    if (!batch.active || batch.generation != generation) continue;
    finish_iterations(batch);
    request_decision();
    return;
  }
}

void Replica::finish_iterations(Batch& batch) {
  batch.active = false;
  last_end_ = state_.now();
  if (batch.iterations > 1 && setup_.scheduling == Scheduling::overlapped)
    last_start_ = batch.start + batch.run.sum(batch.iterations - 1);
  if (--in_flight_ == 0) totals_.busy += state_.now() - busy_since_;
  book(batch);
  stall_clock_ += batch.stall;
  if (!batch.decodes.empty()) finish_decodes(batch);
  if (!batch.prefills.empty()) finish_prefills(batch);
  if (running_changed_) sweep_running();
  if (in_flight_ == 0 && !lost_.empty()) lose_kv();
}

void Replica::on_failure(const ReplicaFailure& failure) {
  down_until_ = std::max(down_until_, state_.now() + failure.downtime);
  state_.queue.push(down_until_, Phase::completion, EventKind::stage_free, id_.index());
  lost_.push_back(failure.one_in);
  if (in_flight_ > 0) {
    cut_run_now();
  } else {
    lose_kv();
  }
}

void Replica::lose_kv() {
  for (const std::uint32_t one_in : lost_) {
    if (one_in == 0) continue;
    // Back to front, as those preempted go to the queue's front. A worker that is one of several
    // holds the requests of its number.
    const std::vector<RequestSlot> running = running_;
    for (std::size_t i = running.size(); i-- > 0;)
      if (state_.requests[running[i]].id % one_in == 0) preempt(running[i], Preemption::recompute);
    if (prefixes_ && one_in == 1) prefixes_->lose_all();
  }
  lost_.clear();
  release_held();
}

void Replica::book(const Batch& batch) {
  const auto decodes = static_cast<std::int64_t>(batch.decodes.size());
  const std::int64_t k = batch.iterations;
  totals_.iterations += k;
  totals_.batched_requests += k * static_cast<std::int64_t>(batch.requests());
  totals_.decode_tokens += k * decodes;
  if (batch.compressible) {
    setup_.cost->charge_decodes(decodes, batch.padded, batch.decode_context, k,
                                k * batch.decode_context + decodes * (k * (k - 1) / 2),
                                state_.metrics.ledger);
  } else {
    setup_.cost->charge(batch.shape(), state_.metrics.ledger);
  }
  const std::int64_t prefill_tokens = batch.prefill_tokens();
  totals_.prefill_tokens += prefill_tokens;
  if (!batch.prefills.empty()) ++totals_.prefill_iterations;
  if (state_.sinks.empty()) return;
  const IterationRun seen{id_,
                          batch.start,
                          batch.end,
                          k,
                          decodes,
                          prefill_tokens,
                          kv_.used().value(),
                          static_cast<std::int64_t>(batch.prefills.size())};
  for (MetricsSink* sink : state_.sinks) sink->on_iterations(seen);
}

void Replica::finish_decodes(Batch& batch) {
  const auto k = static_cast<std::int32_t>(batch.iterations);
  const Instant first_end = batch.start + batch.first;
  LogHistogram& gaps = state_.metrics.token_gaps;
  std::int64_t gap = -1;
  std::int64_t weight = 0;
  for (const RequestSlot slot : batch.decodes) {
    LiveRequest& request = state_.requests[slot];
    const std::int64_t its_gap = (first_end - request.last_token).value();
    if (its_gap != gap) {
      if (weight > 0) gaps.add(gap, weight);
      gap = its_gap;
      weight = 0;
    }
    ++weight;
    request.generated += k;
    request.computed += k;
    request.last_token = batch.end;
    request.in_flight = 0;
    if (request.blocks * block_tokens_ < request.computed) {
      const std::int64_t grown = grown_blocks(request, request.computed, batch.lookahead);
      SIM_CHECK(take_blocks(Blocks(grown - request.blocks)), "KV blocks are conserved");
      request.blocks = static_cast<std::int32_t>(grown);
    }
  }
  // What the run's last iteration holds, before anyone leaves.
  totals_.peak_blocks = std::max(totals_.peak_blocks, kv_.used());
  gaps.add(gap, weight);
  if (k > 1) batch.run.add_gaps(1, k, static_cast<std::int64_t>(batch.decodes.size()), gaps);
  if (k < batch.min_remaining) return;
  for (const RequestSlot slot : batch.decodes) {
    const LiveRequest& request = state_.requests[slot];
    if (request.generated >= request.output) leave(slot);
  }
}

void Replica::finish_prefills(Batch& batch) {
  for (std::size_t i = 0; i < batch.prefills.size(); ++i) {
    const RequestSlot slot = batch.prefills[i].slot;
    LiveRequest& request = state_.requests[slot];
    request.computed += batch.prefills[i].tokens;
    request.in_flight = 0;
    if (batch.chunks[i].samples == 0) continue;
    RequestHistory& history = state_.requests.history(slot);
    if (request.generated == 0) {
      history.first_token = state_.now();
      state_.record(Milestone::first_token, slot);
    } else {
      state_.metrics.token_gaps.add((state_.now() - request.last_token).value());
    }
    ++request.generated;
    request.last_token = state_.now();
    history.stall_mark = stall_clock_;
    if (request.generated >= request.output) {
      leave(slot);
    } else if (setup_.role == ReplicaRole::prefill) {
      hand_over(slot);
    }
  }
}

void Replica::leave(RequestSlot slot) {
  LiveRequest& request = state_.requests[slot];
  RequestHistory& history = state_.requests.history(slot);
  if (history.stall_mark != RequestHistory::kNotDecoding)
    history.stalled += stall_clock_ - history.stall_mark;
  running_changed_ = true;
  if (setup_.batch->result_release() == ResultRelease::with_batch) {
    request.state = RequestState::held;
    held_.push_back(slot);
    return;
  }
  retire(slot);
}

void Replica::retire(RequestSlot slot) {
  give_back_all(slot);
  count_out(state_.requests[slot]);
  ++totals_.finished;
  state_.finish(slot);
}

void Replica::sweep_running() {
  running_changed_ = false;
  std::erase_if(running_, [this](RequestSlot slot) {
    return state_.requests[slot].state != RequestState::running;
  });
  release_held();
}

void Replica::release_held() {
  if (!running_.empty() || held_.empty()) return;
  for (const RequestSlot slot : held_) retire(slot);
  held_.clear();
}

ReplicaTotals Replica::totals() const {
  ReplicaTotals totals = totals_;
  if (in_flight_ > 0) totals.busy += state_.now() - busy_since_;
  if (prefixes_) totals.prefixes = prefixes_->totals();
  return totals;
}

}  // namespace headroom
