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

Dynamics::Dynamics(DynamicsSetup setup, const Surroundings& around, std::uint64_t seed)
    : setup_(std::move(setup)),
      replicas_(around.replicas),
      state_(around.state),
      pools_(around.pools),
      up_(around.cluster, {}) {
  SIM_CHECK(setup_.interval > Duration(0) && setup_.start_up.size() == replicas_.size(),
            "dynamics have an interval and start-up times");
  for (std::size_t i = 0; i < replicas_.size(); ++i)
    members_.emplace_back(RandomStream(seed, "dynamics", i));
  std::vector<int> units_of(replicas_.size(), 0);
  const auto decodes = [this](ReplicaId id) {
    return replicas_[id.index()]->role() == ReplicaRole::decode;
  };
  for (ScalingUnit& rules : setup_.units) {
    SIM_CHECK(rules.scaling != nullptr && !rules.floor.empty() && !rules.replicas.empty(),
              "replicas that scale have a policy and a floor");
    for (const ReplicaId id : rules.replicas) ++units_of[id.index()];
    Unit unit;
    unit.takes_arrivals = !decodes(rules.replicas.front());
    unit.wanted = floor_now(rules);
    unit.rules = std::move(rules);
    units_.push_back(std::move(unit));
  }
  const auto entrances = std::count_if(units_.begin(), units_.end(),
                                       [](const Unit& unit) { return unit.takes_arrivals; });
  for (Unit& unit : units_) {
    unit.takes_all = unit.takes_arrivals && entrances == 1;
    for (std::size_t i = 0; i < static_cast<std::size_t>(unit.wanted); ++i)
      serve(unit.rules.replicas[i].index());
  }
  SIM_CHECK(std::all_of(units_of.begin(), units_of.end(), [](int n) { return n == 1; }),
            "each replica scales in one unit");
  for (const Outage& outage : setup_.outages) {
    plan_at(outage.at, Change::outage, outage.replica.index(), outage.down);
  }
  if (setup_.restart) plan_at(*setup_.restart, Change::restart, 0, Duration(0));
  plan(setup_.interval, Change::ask);
  refresh();
  arm();
}

std::vector<RequestSlot> Dynamics::take_homeless() {
  if (homeless_.empty() || entrances().replicas() == 0) return {};
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
  SIM_CHECK(replicas_[replica]->lose_all({}).empty(), "a replica turns off without requests");
  pay(member, state_.now());
  member.state = State::off;
  ++member.life;
  if (member.doomed) ++totals_.reclaims;
  member.doomed = false;
  if (restarting_ == replica) start(replica);
}

void Dynamics::lose(std::uint32_t replica) {
  Pools::Stranded stranded;
  if (pools_ != nullptr) stranded = pools_->strand(ReplicaId(replica));
  for (const RequestSlot slot : stranded.with_kv) {
    if (setup_.on_loss == OnLoss::resume) {
      pools_->offer_again(slot);
    } else {
      ++totals_.lost;
      pools_->give_up(slot, RejectReason::replica_lost);
    }
  }
  for (const RequestSlot slot : replicas_[replica]->lose_all(stranded.without_kv)) {
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

void Dynamics::see_load(const Unit& unit, ScalingView& view) {
  double busy = 0;
  for (const ReplicaId id : unit.rules.replicas) {
    const ReplicaEngine& replica = *replicas_[id.index()];
    Member& member = members_[id.index()];
    const auto waiting = static_cast<std::int64_t>(replica.waiting());
    view.waiting += waiting;
    if (unit.takes_arrivals) {
      // Finished prompts whose KV is still here are the decode replicas' load.
      view.outstanding += waiting + static_cast<std::int64_t>(replica.running()) +
                          static_cast<std::int64_t>(replica.swapped());
    } else {
      view.outstanding += replica.outstanding();
      view.waiting += static_cast<std::int64_t>(replica.in_line().size());
    }
    const Duration before = std::exchange(member.busy_before, replica.totals().busy);
    if (member.state == State::up) busy += seconds(member.busy_before - before);
  }
  const std::int64_t nowhere = unit.takes_arrivals ? homeless() : pools_->unoffered();
  view.waiting += nowhere;
  view.outstanding += nowhere;
  if (view.serving > 0) {
    view.busy = busy / seconds(view.interval) / static_cast<double>(view.serving);
  }
}

ScalingView Dynamics::view(Unit& unit) {
  ScalingView view;
  view.now = state_.now();
  view.interval = std::max(state_.now() - asked_, kNanosecond);
  view.serving = count(unit, State::up);
  view.starting = count(unit, State::starting);
  view.least = floor_now(unit.rules);
  view.most = static_cast<std::int64_t>(unit.rules.replicas.size());
  see_load(unit, view);
  // Where nobody else serves, whoever has arrived is here.
  if (units_.size() == 1) view.outstanding = static_cast<std::int64_t>(state_.requests.live());
  std::uint64_t came = 0;
  for (const ReplicaId id : unit.rules.replicas) {
    view.start_up = std::max(view.start_up, setup_.start_up[id.index()]);
    came += replicas_[id.index()]->came();
  }
  if (unit.takes_all) came = state_.metrics.arrived;
  view.arrivals =
      static_cast<double>(came - std::exchange(unit.came_before, came)) / seconds(view.interval);
  return view;
}

void Dynamics::ask() {
  for (Unit& unit : units_) {
    check_context().policy = unit.rules.scaling_name.c_str();
    const ScalingView seen = view(unit);
    unit.wanted = std::clamp(unit.rules.scaling->wanted(seen), seen.least, seen.most);
  }
  asked_ = state_.now();
}

std::int64_t Dynamics::floor_now(const ScalingUnit& unit) const {
  std::int64_t least = unit.floor.front().replicas;
  for (const ScheduledFloor& floor : unit.floor) {
    if (floor.at <= state_.now()) least = floor.replicas;
  }
  return std::clamp<std::int64_t>(least, 1, static_cast<std::int64_t>(unit.replicas.size()));
}

void Dynamics::settle() {
  for (const Unit& unit : units_) settle(unit);
}

void Dynamics::settle(const Unit& unit) {
  std::int64_t serving = count(unit, State::up) + count(unit, State::starting);
  const std::vector<ReplicaId>& mine = unit.rules.replicas;
  // One that restarts is as good as there.
  for (const ReplicaId id : mine) {
    if (restarting_ == id.index() && members_[id.index()].state == State::draining) ++serving;
  }
  for (auto id = mine.begin(); id != mine.end() && serving < unit.wanted; ++id) {
    Member& member = members_[id->index()];
    if (member.state != State::draining || member.doomed || restarting_ == id->index()) continue;
    member.state = State::up;
    ++serving;
  }
  for (auto id = mine.begin(); id != mine.end() && serving < unit.wanted; ++id) {
    if (members_[id->index()].state != State::off) continue;
    start(id->index());
    ++serving;
  }
  for (auto id = mine.rbegin(); id != mine.rend() && serving > unit.wanted; ++id) {
    if (members_[id->index()].state != State::starting || restarting_ == id->index()) continue;
    stop(id->index());
    --serving;
  }
  for (auto id = mine.rbegin(); id != mine.rend() && serving > unit.wanted; ++id) {
    if (members_[id->index()].state != State::up || restarting_ == id->index()) continue;
    ++totals_.drains;
    drain(id->index());
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
  if (pools_ != nullptr) pools_->set_up(up);
  up_.set_members(std::move(up));
  totals_.most_up = std::max(totals_.most_up, this->up());
}

std::int64_t Dynamics::count(const Unit& unit, State state) const {
  return std::count_if(unit.rules.replicas.begin(), unit.rules.replicas.end(),
                       [&](ReplicaId id) { return members_[id.index()].state == state; });
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
