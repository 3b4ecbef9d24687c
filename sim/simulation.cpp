#include "sim/simulation.h"

#include <algorithm>

#include "sim/math.h"

namespace headroom {

namespace {

/// Most samples kept of a time series; beyond, every other one is dropped and the spacing doubles.
constexpr std::size_t kMostSamples = 2048;

class Simulation final : public ClusterView {
 public:
  explicit Simulation(SimulationSetup setup);
  [[nodiscard]] Metrics run();

  // ClusterView
  [[nodiscard]] Instant now() const override { return state_.now(); }
  [[nodiscard]] std::uint32_t replicas() const override {
    return static_cast<std::uint32_t>(replicas_.size());
  }
  [[nodiscard]] std::int64_t outstanding_requests(ReplicaId replica) const override {
    return replicas_[replica.index()]->outstanding();
  }
  [[nodiscard]] Tokens outstanding_prompt_tokens(ReplicaId replica) const override {
    return replicas_[replica.index()]->outstanding_prompt();
  }
  [[nodiscard]] std::int64_t waiting_requests(ReplicaId replica) const override {
    return static_cast<std::int64_t>(replicas_[replica.index()]->waiting());
  }
  [[nodiscard]] Blocks used_blocks(ReplicaId replica) const override {
    return replicas_[replica.index()]->used_blocks_now();
  }
  [[nodiscard]] Blocks total_blocks(ReplicaId replica) const override {
    return replicas_[replica.index()]->total_blocks();
  }
  [[nodiscard]] bool is_joint(ReplicaId replica) const override {
    return replicas_[replica.index()]->role() == ReplicaRole::joint;
  }
  [[nodiscard]] Tokens cached_prefix(const RequestView& request, ReplicaId replica) const override {
    return replicas_[replica.index()]->cached_prefix(request.slot());
  }

 private:
  [[nodiscard]] bool step();
  void discard_stale();
  [[nodiscard]] bool stands(const Event& event) const;
  void handle(const Event& event);
  /// Turns off replicas that have drained; gives requests without a replica to one that is up.
  void follow_dynamics();
  void decide_all();
  void arrive();
  [[nodiscard]] std::int32_t predict(std::int32_t output);
  void admit(RequestSlot slot);
  void route(RequestSlot slot);
  void observe();
  [[nodiscard]] Metrics close();

  SimulationSetup setup_;
  SimulationState state_;
  Replicas replicas_;
  std::vector<std::vector<ReplicaFailure>> failures_;  ///< by replica
  std::optional<Pools> pools_;                         ///< nothing where all replicas are joint
  std::optional<Dynamics> dynamics_;                   ///< nothing where all replicas serve, always
  RandomStream routing_random_;
  RandomStream predictor_random_;
  std::uint32_t next_id_ = 0;
  bool prefixes_shared_ = false;  ///< on some replica
  Duration sample_interval_;
  Instant next_sample_;
};

Simulation::Simulation(SimulationSetup setup)
    : setup_(std::move(setup)),
      routing_random_(setup_.seed, "routing"),
      predictor_random_(setup_.seed, "predictor"),
      sample_interval_(setup_.sample_interval) {
  const std::size_t count = setup_.replicas.size() + setup_.stage_queues.size();
  SIM_CHECK(setup_.source != nullptr && setup_.routing != nullptr && setup_.admission != nullptr &&
                count >= 1 && count <= 65536,
            "a simulation has a source, policies and 1 to 65,536 replicas");
  SIM_CHECK(sample_interval_ > Duration(0), "samples are apart");
  check_context() = CheckContext{};
  check_context().seed = setup_.seed;
  state_.source = setup_.source;
  state_.sinks = setup_.sinks;
  state_.milestones = setup_.milestones;
  const auto next_replica = [this] { return ReplicaId(replicas()); };
  for (ReplicaSetup& replica : setup_.replicas) {
    failures_.push_back(replica.failures);
    for (std::uint32_t i = 0; i < failures_.back().size(); ++i) {
      SIM_CHECK(replica.role != ReplicaRole::prefill, "replicas that fail decode");
      state_.queue.push(failures_.back()[i].at, Phase::completion, EventKind::failure,
                        next_replica().index(), i);
    }
    replicas_.push_back(
        std::make_unique<Replica>(next_replica(), std::move(replica), state_, setup_.compression));
  }
  for (StageQueuesSetup& stages : setup_.stage_queues) {
    replicas_.push_back(std::make_unique<StageQueues>(next_replica(), std::move(stages), state_));
  }
  if (setup_.pools) pools_.emplace(std::move(*setup_.pools), replicas_, state_, *this, setup_.seed);
  if (setup_.dynamics) {
    state_.metrics.dynamic = true;
    const Dynamics::Surroundings around{replicas_, state_, *this, pools_ ? &*pools_ : nullptr};
    dynamics_.emplace(std::move(*setup_.dynamics), around, setup_.seed);
  }
  prefixes_shared_ = std::any_of(replicas_.begin(), replicas_.end(),
                                 [](const auto& replica) { return replica->shares_prefixes(); });
  const auto joint = [](const auto& replica) { return replica->role() == ReplicaRole::joint; };
  SIM_CHECK(pools_ || std::all_of(replicas_.begin(), replicas_.end(), joint),
            "replicas that only prefill or only decode have pools around them");
}

Metrics Simulation::run() {
  while (step()) {
    if (setup_.stop != nullptr && setup_.stop->load(std::memory_order_relaxed)) break;
  }
  return close();
}

/// Takes the next thing that happens, in order of (time, phase); false when nothing is left.
bool Simulation::step() {
  discard_stale();
  const Instant arrival = state_.source->next_arrival();
  const Instant queued = state_.queue.empty() ? Instant::never() : state_.queue.top().time;
  const bool at_once = !state_.ready.empty() || !state_.handed_over.empty();
  // Decisions of this instant come after its completions and arrivals, before anything later.
  if (at_once && arrival > now() &&
      (queued > now() || state_.queue.top().phase() >= Phase::decision)) {
    decide_all();
    // Requests may have been dropped, or have left a prefill replica at once.
    if (dynamics_) follow_dynamics();
    return true;
  }
  const Instant next = std::min(arrival, queued);
  if (next == Instant::never()) return false;
  const bool cut = setup_.time_limit && next > *setup_.time_limit;
  const Instant until = cut ? *setup_.time_limit : next;
  if (until > next_sample_) {
    // Observations sit between events: nothing changes from here to then.
    state_.queue.advance(next_sample_);
    observe();
    return true;
  }
  if (cut) {
    state_.queue.advance(until);
    return false;
  }
  ++state_.metrics.events;
  CheckContext& context = check_context();
  context.event_number = state_.metrics.events;
  context.now_ns = next.ns();
  const bool queue_first =
      queued < arrival || (queued == arrival && state_.queue.top().phase() < Phase::arrival);
  if (queue_first) {
    const Event event = state_.queue.pop();
    state_.phase = event.phase();
    handle(event);
    if (dynamics_) follow_dynamics();
  } else {
    state_.queue.advance(arrival);
    state_.phase = Phase::arrival;
    if (state_.source->brings_request()) {
      arrive();
    } else {
      state_.source->step();
    }
  }
  return true;
}

/// Drops ends of runs that were cut, so that they neither move the clock nor keep the simulation
/// alive.
void Simulation::discard_stale() {
  while (!state_.queue.empty()) {
    const Event& top = state_.queue.top();
    if (stands(top)) return;
    state_.queue.drop();
  }
}

bool Simulation::stands(const Event& event) const {
  switch (event.kind) {
    case EventKind::iteration_end:
      return replicas_[event.subject]->is_current(event.detail);
    case EventKind::network:
      return pools_->is_current(event.detail);
    case EventKind::dynamics:
      return dynamics_->is_current(event.detail);
    case EventKind::failure:
      // A failure after the last request is no part of the run.
      return state_.requests.live() > 0 || state_.source->next_arrival() < Instant::never();
    default:
      return true;
  }
}

void Simulation::handle(const Event& event) {
  switch (event.kind) {
    case EventKind::iteration_end:
      replicas_[event.subject]->on_iteration_end(event.detail);
      return;
    case EventKind::stage_free:
      replicas_[event.subject]->on_stage_free();
      return;
    case EventKind::retry_admission:
      admit(RequestSlot(event.subject));
      return;
    case EventKind::network:
      pools_->on_network_event();
      return;
    case EventKind::dynamics:
      dynamics_->on_event();
      return;
    case EventKind::failure:
      if (dynamics_ && !dynamics_->runs(event.subject)) return;
      check_context().policy = "failure";
      replicas_[event.subject]->on_failure(failures_[event.subject][event.detail]);
      return;
  }
}

void Simulation::follow_dynamics() {
  dynamics_->stop_drained();
  for (const RequestSlot slot : dynamics_->take_homeless()) route(slot);
}

void Simulation::decide_all() {
  if (pools_) {
    pools_->offer_finished();
    const EventQueue& queue = state_.queue;
    if (!queue.empty() && queue.top().time == now() && queue.top().phase() < Phase::decision)
      return;
    pools_->pull();
  }
  state_.phase = Phase::decision;
  for (std::size_t i = 0; i < state_.ready.size(); ++i) {
    replicas_[state_.ready[i].index()]->decide();
  }
  state_.ready.clear();
}

void Simulation::arrive() {
  const RequestSpec spec = state_.source->take();
  Metrics& metrics = state_.metrics;
  ++metrics.arrived;
  if (metrics.arrived == 1) metrics.first_arrival = spec.arrival;
  metrics.last_arrival = spec.arrival;
  const RequestSlot slot = state_.requests.add();
  LiveRequest& request = state_.requests[slot];
  SIM_CHECK(next_id_ < RequestId::none().index(), "request ids fit 32 bits");
  request.id = next_id_++;
  request.arrival = spec.arrival;
  request.prompt = static_cast<std::int32_t>(spec.prompt.value());
  request.output = static_cast<std::int32_t>((spec.output + setup_.extra_output).value());
  request.predicted = predict(request.output);
  request.class_index = spec.class_index;
  RequestHistory& history = state_.requests.history(slot);
  history.session = spec.session;
  history.turn = spec.turn;
  if (prefixes_shared_ && !spec.prefix_blocks.empty()) {
    state_.requests.set_prefix(slot, spec.prefix_blocks, spec.prefix_block_tokens);
    ++metrics.hashed;
  }
  check_context().request = request.id;
  admit(slot);
}

std::int32_t Simulation::predict(std::int32_t output) {
  switch (setup_.predictor.kind) {
    case PredictorSetup::Kind::oracle:
      return output;
    case PredictorSetup::Kind::mean:
      return static_cast<std::int32_t>(setup_.predictor.mean.value());
    case PredictorSetup::Kind::noisy: {
      const double factor = predictor_random_.lognormal(0.0, setup_.predictor.sigma);
      const double guess = std::min(static_cast<double>(output) * factor + 0.5, 1e9);
      return std::max(1, static_cast<std::int32_t>(guess));
    }
  }
  return output;
}

void Simulation::admit(RequestSlot slot) {
  check_context().policy = setup_.admission_name.c_str();
  const AdmissionDecision decision = setup_.admission->admit(state_.requests.view(slot), *this);
  switch (decision.verdict) {
    case AdmissionDecision::Verdict::accept:
      route(slot);
      return;
    case AdmissionDecision::Verdict::reject:
      state_.reject(slot, RejectReason::admission);
      return;
    case AdmissionDecision::Verdict::hold:
      SIM_CHECK(decision.retry > now(), "a held request is asked again later than now");
      state_.queue.push(decision.retry, Phase::arrival, EventKind::retry_admission, slot.index());
      return;
  }
}

void Simulation::route(RequestSlot slot) {
  check_context().policy = setup_.routing_name.c_str();
  const PoolView* some = dynamics_ ? &dynamics_->entrances()
                         : pools_  ? &pools_->entrances()
                                   : nullptr;
  const ClusterView& seen = some ? *some : static_cast<const ClusterView&>(*this);
  if (seen.replicas() == 0) return dynamics_->wait(slot);
  ReplicaId chosen = setup_.routing->route(state_.requests.view(slot), seen, routing_random_);
  SIM_CHECK(chosen.index() < seen.replicas(), "a router names an existing replica");
  if (some != nullptr) chosen = some->member(chosen);
  ReplicaEngine& replica = *replicas_[chosen.index()];
  Tokens longest = replica.max_model_len();
  if (pools_ && replica.role() == ReplicaRole::prefill) {
    longest = std::min(longest, pools_->longest());
  }
  LiveRequest& request = state_.requests[slot];
  const std::int64_t room = longest.value() - request.prompt;
  if (room < 1) {
    state_.reject(slot, RejectReason::prompt_too_long);
    return;
  }
  if (request.output > room) {
    request.output = static_cast<std::int32_t>(room);
    ++state_.metrics.truncated;
  }
  replica.enqueue(slot);
}

void Simulation::observe() {
  ClusterSample sample;
  sample.time = next_sample_;
  sample.decision_digest = state_.metrics.decision_digest;
  state_.phase = Phase::observation;
  for (const std::unique_ptr<ReplicaEngine>& replica : replicas_) {
    sample.waiting += static_cast<std::int64_t>(replica->waiting());
    sample.running += static_cast<std::int64_t>(replica->running());
    sample.swapped += static_cast<std::int64_t>(replica->swapped());
    sample.used_blocks += replica->used_blocks_now().value();
    sample.busy_replicas += replica->in_flight() > 0 ? 1 : 0;
  }
  sample.up_replicas = dynamics_ ? dynamics_->up() : static_cast<std::int64_t>(replicas_.size());
  if (dynamics_) sample.waiting += dynamics_->homeless();
  std::vector<ClusterSample>& samples = state_.metrics.samples;
  samples.push_back(sample);
  for (MetricsSink* sink : state_.sinks) sink->on_sample(sample);
  if (samples.size() >= kMostSamples) {
    for (std::size_t i = 0; 2 * i < samples.size(); ++i) samples[i] = samples[2 * i];
    samples.resize((samples.size() + 1) / 2);
    sample_interval_ = sample_interval_ * 2;
    next_sample_ = samples.back().time;
  }
  next_sample_ = next_sample_ + sample_interval_;
}

Metrics Simulation::close() {
  state_.phase = Phase::observation;
  for (const std::unique_ptr<ReplicaEngine>& replica : replicas_) replica->book_so_far();
  if (dynamics_) dynamics_->close();
  Metrics metrics = std::move(state_.metrics);
  metrics.end = now();
  metrics.live_at_end = state_.requests.live();
  metrics.sample_interval = sample_interval_;
  for (const std::unique_ptr<ReplicaEngine>& replica : replicas_) {
    metrics.replicas.push_back(replica->totals());
    if (dynamics_) metrics.replicas.back().paid = dynamics_->paid(metrics.replicas.size() - 1);
    SIM_CHECK(replica->outstanding() > 0 || replica->used_blocks_now() == Blocks(0),
              "KV blocks are conserved: an empty replica holds none");
  }
  const TransferTotals& moves = metrics.transfers;
  const auto under_way = static_cast<std::int64_t>(pools_ ? pools_->under_way() : std::size_t{0});
  SIM_CHECK(moves.started == moves.landed + moves.called_off + under_way,
            "moves are conserved: started == landed + called off + under way");
  SIM_CHECK(metrics.arrived == metrics.finished + metrics.total_rejected() + metrics.live_at_end,
            "requests are conserved: arrived == finished + rejected + live");
  return metrics;
}

}  // namespace

Metrics simulate(SimulationSetup setup) { return Simulation(std::move(setup)).run(); }

}  // namespace headroom
