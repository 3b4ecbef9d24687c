#include "sim/dynamics.h"

#include <algorithm>
#include <utility>

#include "sim/check.h"

namespace headroom {
namespace {

/// Beyond every run: 30 years.
constexpr Duration kFar = kHour * 24 * 365 * 30;
/// Of an event that changes which replicas serve: behind every replica of the same instant.
constexpr std::uint32_t kSubject = kNetworkSubject - 1;

}  // namespace

Dynamics::Dynamics(DynamicsSetup setup, const Replicas& replicas, SimulationState& state,
                   const ClusterView& cluster, std::uint64_t seed)
    : setup_(std::move(setup)), replicas_(replicas), state_(state), serving_(cluster, {}) {
  SIM_CHECK(setup_.scaling != nullptr && setup_.interval > Duration(0) &&
                setup_.start_up.size() == replicas.size() && !setup_.floor.empty(),
            "dynamics have a scaling policy, an interval, start-up times and a floor");
  for (std::size_t i = 0; i < replicas.size(); ++i) {
    SIM_CHECK(replicas[i]->role() == ReplicaRole::joint, "replicas that come and go are joint");
    members_.emplace_back(RandomStream(seed, "dynamics", i));
  }
  wanted_ = floor_now();
  for (std::int64_t i = 0; i < wanted_; ++i) serve(static_cast<std::uint32_t>(i));
  for (const Outage& outage : setup_.outages) {
    plan_at(outage.at, Change::outage, outage.replica.index(), outage.down);
  }
  if (setup_.restart) plan_at(*setup_.restart, Change::restart, 0, Duration(0));
  plan(setup_.interval, Change::ask);
  refresh();
  arm();
}

std::vector<RequestSlot> Dynamics::take_homeless() {
  if (serving_.replicas() == 0) return {};
  std::sort(homeless_.begin(), homeless_.end(), [this](RequestSlot a, RequestSlot b) {
    return state_.requests[a].id < state_.requests[b].id;
  });
  return std::exchange(homeless_, {});
}

bool Dynamics::over() const {
  return state_.requests.live() == 0 && state_.source->next_arrival() == Instant::never();
}

bool Dynamics::is_current(std::uint32_t detail) const { return detail == armed_ && !over(); }

void Dynamics::on_event() {
  while (!due_.empty() && due_.front().at <= state_.now()) {
    std::pop_heap(due_.begin(), due_.end(), later);
    const Due due = due_.back();
    due_.pop_back();
    make(due);
  }
  settle();
  refresh();
  arm();
}

void Dynamics::plan(Duration delay, Change change, std::uint32_t replica, Duration down) {
  plan_at(state_.now() + std::min(delay, kFar), change, replica, down);
}

void Dynamics::plan_at(Instant at, Change change, std::uint32_t replica, Duration down) {
  due_.push_back({at, planned_++, change, replica, members_[replica].life, down});
  std::push_heap(due_.begin(), due_.end(), later);
}

void Dynamics::arm() {
  if (due_.empty()) return;
  state_.queue.push(std::max(due_.front().at, state_.now()), Phase::completion, EventKind::dynamics,
                    kSubject, ++armed_);
}

void Dynamics::make(const Due& due) {
  Member& member = members_[due.replica];
  const bool lapsed = due.life != member.life;
  switch (due.change) {
    case Change::ask:
      ask();
      plan(setup_.interval, Change::ask);
      return;
    case Change::ready:
      if (!lapsed && member.state == State::starting) serve(due.replica);
      return;
    case Change::fail:
      if (!lapsed) fail(due.replica, std::nullopt);
      return;
    case Change::repaired:
      if (!lapsed) start(due.replica);
      return;
    case Change::notice:
      if (lapsed || member.state != State::up) return;
      member.doomed = true;
      drain(due.replica);
      if (member.state == State::draining) plan(setup_.notice, Change::reclaim, due.replica);
      return;
    case Change::reclaim:
      if (!lapsed) reclaim(due.replica);
      return;
    case Change::outage:
      // Of whatever life: the trace says that this replica is gone then.
      if (member.state == State::up || member.state == State::draining) fail(due.replica, due.down);
      return;
    case Change::restart:
      for (std::size_t i = members_.size(); i-- > 0;) {
        if (members_[i].state == State::up) to_restart_.push_back(static_cast<std::uint32_t>(i));
      }
      restart_next();
      return;
  }
}

void Dynamics::start(std::uint32_t replica) {
  Member& member = members_[replica];
  if (member.state != State::down) member.paid_since = state_.now();
  member.state = State::starting;
  ++totals_.starts;
  plan(setup_.start_up[replica], Change::ready, replica);
}

void Dynamics::serve(std::uint32_t replica) {
  Member& member = members_[replica];
  if (member.state == State::off) member.paid_since = state_.now();
  member.state = State::up;
  member.doomed = false;
  member.busy_before = replicas_[replica]->totals().busy;
  if (setup_.mean_up) plan(drawn(member, *setup_.mean_up), Change::fail, replica);
  if (setup_.mean_reclaim) plan(drawn(member, *setup_.mean_reclaim), Change::notice, replica);
  if (restarting_ == replica) {
    restarting_.reset();
    restart_next();
  }
}

Duration Dynamics::drawn(Member& member, Duration mean) {
  if (mean == Duration(0)) return mean;
  return std::min(duration_from_seconds(std::min(member.luck.exponential(seconds(mean)), 1e9)),
                  kFar);
}

void Dynamics::drain(std::uint32_t replica) {
  members_[replica].state = State::draining;
  if (replicas_[replica]->outstanding() == 0) stop(replica);
}

void Dynamics::stop(std::uint32_t replica) {
  Member& member = members_[replica];
  SIM_CHECK(replicas_[replica]->lose_all().empty(), "a replica turns off without requests");
  pay(member, state_.now());
  member.state = State::off;
  ++member.life;
  if (member.doomed) ++totals_.reclaims;
  member.doomed = false;
  if (restarting_ == replica) start(replica);
}

void Dynamics::lose(std::uint32_t replica) {
  for (const RequestSlot slot : replicas_[replica]->lose_all()) {
    ++totals_.lost;
    if (setup_.on_loss == OnLoss::reject) {
      state_.reject(slot, RejectReason::replica_lost);
    } else {
      homeless_.push_back(slot);
    }
  }
}

void Dynamics::fail(std::uint32_t replica, std::optional<Duration> down) {
  Member& member = members_[replica];
  if (member.state != State::up && member.state != State::draining) return;
  ++totals_.failures;
  lose(replica);
  ++member.life;
  member.doomed = false;
  // An outage ends when the replica serves again; after a repair it starts up first.
  member.state = down ? State::starting : State::down;
  if (down) {
    plan(*down, Change::ready, replica);
  } else {
    plan(drawn(member, setup_.mean_repair), Change::repaired, replica);
  }
  if (restarting_ == replica) {
    restarting_.reset();  // it starts anew anyway
    restart_next();
  }
}

void Dynamics::reclaim(std::uint32_t replica) {
  if (members_[replica].state != State::draining) return;
  lose(replica);
  stop(replica);
}

void Dynamics::restart_next() {
  while (!restarting_ && !to_restart_.empty()) {
    const std::uint32_t next = to_restart_.back();
    to_restart_.pop_back();
    if (members_[next].state != State::up) continue;
    restarting_ = next;
    ++totals_.restarts;
    drain(next);
  }
}

void Dynamics::stop_drained() {
  bool changed = false;
  for (std::uint32_t i = 0; i < members_.size(); ++i) {
    if (members_[i].state != State::draining || replicas_[i]->outstanding() > 0) continue;
    stop(i);
    changed = true;
  }
  if (!changed) return;
  settle();
  refresh();
  arm();
}

ScalingView Dynamics::view() {
  ScalingView view;
  view.now = state_.now();
  view.interval = std::max(state_.now() - asked_, kNanosecond);
  view.start_up = *std::max_element(setup_.start_up.begin(), setup_.start_up.end());
  view.serving = count(State::up);
  view.starting = count(State::starting);
  view.least = floor_now();
  view.most = static_cast<std::int64_t>(members_.size());
  view.outstanding = static_cast<std::int64_t>(state_.requests.live());
  view.waiting = static_cast<std::int64_t>(homeless_.size());
  double busy = 0;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    Member& member = members_[i];
    view.waiting += static_cast<std::int64_t>(replicas_[i]->waiting());
    const Duration before = std::exchange(member.busy_before, replicas_[i]->totals().busy);
    if (member.state == State::up) busy += seconds(member.busy_before - before);
  }
  if (view.serving > 0) {
    view.busy = busy / seconds(view.interval) / static_cast<double>(view.serving);
  }
  view.arrivals =
      static_cast<double>(state_.metrics.arrived - arrived_before_) / seconds(view.interval);
  arrived_before_ = state_.metrics.arrived;
  asked_ = state_.now();
  return view;
}

void Dynamics::ask() {
  check_context().policy = setup_.scaling_name.c_str();
  const ScalingView seen = view();
  wanted_ = std::clamp(setup_.scaling->wanted(seen), seen.least, seen.most);
}

std::int64_t Dynamics::floor_now() const {
  std::int64_t least = setup_.floor.front().replicas;
  for (const ScheduledFloor& floor : setup_.floor) {
    if (floor.at <= state_.now()) least = floor.replicas;
  }
  return std::clamp<std::int64_t>(least, 1, static_cast<std::int64_t>(members_.size()));
}

void Dynamics::settle() {
  // One that restarts is as good as there.
  std::int64_t serving = count(State::up) + count(State::starting);
  if (restarting_ && members_[*restarting_].state == State::draining) ++serving;
  const auto size = static_cast<std::uint32_t>(members_.size());
  for (std::uint32_t i = 0; i < size && serving < wanted_; ++i) {
    Member& member = members_[i];
    if (member.state != State::draining || member.doomed || restarting_ == i) continue;
    member.state = State::up;
    ++serving;
  }
  for (std::uint32_t i = 0; i < size && serving < wanted_; ++i) {
    if (members_[i].state != State::off) continue;
    start(i);
    ++serving;
  }
  for (std::uint32_t i = size; i-- > 0 && serving > wanted_;) {
    if (members_[i].state != State::starting || restarting_ == i) continue;
    stop(i);
    --serving;
  }
  for (std::uint32_t i = size; i-- > 0 && serving > wanted_;) {
    if (members_[i].state != State::up || restarting_ == i) continue;
    ++totals_.drains;
    drain(i);
    --serving;
  }
}

void Dynamics::pay(Member& member, Instant until) const {
  // Before the first arrival nobody needs them.
  const Instant since = std::max(member.paid_since, state_.metrics.first_arrival);
  if (until > since) member.paid += until - since;
  member.paid_since = until;
}

void Dynamics::refresh() {
  std::vector<ReplicaId> up;
  for (std::uint32_t i = 0; i < members_.size(); ++i) {
    if (members_[i].state == State::up) up.emplace_back(i);
  }
  serving_.set_members(std::move(up));
  totals_.most_up = std::max(totals_.most_up, static_cast<std::int64_t>(serving_.replicas()));
}

std::int64_t Dynamics::count(State state) const {
  return std::count_if(members_.begin(), members_.end(),
                       [state](const Member& member) { return member.state == state; });
}

void Dynamics::close() {
  const Metrics& metrics = state_.metrics;
  const Instant end = state_.requests.live() > 0 ? state_.now() : metrics.last_finish;
  for (Member& member : members_) {
    if (member.state != State::off) pay(member, end);
  }
  state_.metrics.dynamics = totals_;
}

}  // namespace headroom
