#include "sim/edge_site.h"

#include <algorithm>

#include "sim/check.h"

namespace headroom {
namespace {

/// The first multiple of `grid` after `from` that is not before `t`; `t` itself without a grid.
Instant on_grid(Instant t, Duration grid, Instant from) {
  if (grid <= Duration(0) || t <= from) return std::max(t, from);
  const std::int64_t steps = ((t - from).value() + grid.value() - 1) / grid.value();
  return from + grid * steps;
}

/// Rates of longer runs are counted in fewer, longer windows than this many a site.
constexpr std::int64_t kMostWindows = 1 << 16;

}  // namespace

EdgeSite::EdgeSite(const EdgeSiteContext& context, std::uint32_t site,
                   std::unique_ptr<DispatchPolicy> policy, std::unique_ptr<EdgeTaskSource> source,
                   EdgeTimes times, const EdgeLosses& losses, EdgeMetrics& metrics)
    : context_(context),
      plan_(*context.types, site),
      policy_(std::move(policy)),
      source_(std::move(source)),
      times_(std::move(times)),
      losses_(losses),
      metrics_(metrics),
      timing_(policy_->timing()) {
  CheckContext& check = check_context();
  check.policy = context.policy_name;
  check.seed = context.seed;
  plan_.losses_ = &losses_;
  plan_.watched_ = !context.observers->empty();
}

Instant EdgeSite::due_time() const {
  if (plan_.parked_.empty()) return Instant::never();
  const Instant due = plan_.parked_.back().trigger - timing_.lead;
  return on_grid(std::max(due, plan_.now_), timing_.parked_poll, Instant());
}

Instant EdgeSite::next() const {
  Instant first = std::min(edge_end_, source_->next_arrival());
  if (!calls_.empty()) first = std::min(first, calls_.front().time);
  return std::min({first, due_time(), look_at_});
}

void EdgeSite::set_now(Instant now) {
  SIM_CHECK(now >= plan_.now_, "the clock never goes back");
  plan_.now_ = now;
  CheckContext& check = check_context();
  check.now_ns = now.ns();
  ++check.event_number;
}

void EdgeSite::step() {
  const Instant now = next();
  SIM_CHECK(now < Instant::never(), "a site steps only while something is to come");
  set_now(now);
  if (edge_end_ == now) end_edge();
  while (!calls_.empty() && calls_.front().time == now) {
    const std::uint32_t slot = calls_.front().slot;
    std::pop_heap(calls_.begin(), calls_.end());
    calls_.pop_back();
    end_call(slot);
  }
  while (source_->next_arrival() == now) arrive();
  parked_due();
  look_for_work();
}

void EdgeSite::call_done(std::uint32_t slot, Instant when, bool answered) {
  set_now(when);
  Hidden& hidden = hidden_[slot];
  const EdgeTask& task = plan_.tasks_[slot];
  SIM_CHECK(task.place == EdgePlace::cloud, "an answer belongs to a call under way");
  hidden.call.execution = when - task.started - hidden.call.network;
  hidden.call.timed_out = !answered || when - task.started > context_.cloud->timeout;
  end_call(slot);
  parked_due();
  look_for_work();
}

void EdgeSite::arrive() {
  const EdgeArrival arrival = source_->take();
  SIM_CHECK(arrival.type < context_.types->size(), "a task is of a known type");
  const EdgeTaskType& type = (*context_.types)[arrival.type];
  const std::uint32_t slot = plan_.new_slot();
  EdgeTask& task = plan_.tasks_[slot];
  task = EdgeTask{};
  task.received = arrival.time;
  task.deadline = arrival.time + arrival.deadline;
  task.edge_time = type.edge_time;
  task.cloud_time = type.cloud_time;
  SIM_CHECK(next_id_ < ~std::uint32_t{0}, "tasks of a site fit 32 bits");
  task.id = next_id_++;
  task.drone = arrival.drone;
  task.type = arrival.type;
  if (hidden_.size() < plan_.tasks_.size()) hidden_.resize(plan_.tasks_.size());
  hidden_[slot] = Hidden{arrival.edge_actual, arrival.cloud_actual, {}, false};
  ++totals_.generated;
  metrics_.types[arrival.type].drone_energy += arrival.drone_energy;
  check_context().request = task.id;
  asking(EdgeAsked::arrival, task.id);
  policy_->on_arrival(plan_, plan_.view(slot));
  SIM_CHECK(plan_.tasks_[slot].place != EdgePlace::arriving,
            "an arriving task is queued, parked, called or dropped at once");
  settle();
}

void EdgeSite::end_edge() {
  const std::uint32_t slot = running_;
  const EdgeTask& task = plan_.tasks_[slot];
  const Duration actual = plan_.now_ - task.started;
  plan_.executing_ = false;
  edge_end_ = Instant::never();
  idle_since_ = plan_.now_;
  totals_.busy += actual;
  EdgeOutcome outcome = EdgeOutcome::missed_edge;
  if (plan_.now_ <= task.deadline) {
    outcome = task.start == EdgeStart::stolen ? EdgeOutcome::stolen : EdgeOutcome::edge;
  }
  book(slot, outcome, actual);
  settle();
}

void EdgeSite::end_call(std::uint32_t slot) {
  const EdgeTask& task = plan_.tasks_[slot];
  --in_flight_;
  const Duration actual = plan_.now_ - task.started;
  metrics_.cloud_time.add(actual.value());
  times_.release(task.type, plan_.now_);
  EdgeOutcome outcome = EdgeOutcome::missed_cloud;
  if (plan_.now_ <= task.deadline && !hidden_[slot].call.timed_out) {
    outcome = task.route == CloudRoute::gatekeeper    ? EdgeOutcome::gatekeeper_cloud
              : task.route == CloudRoute::rescheduled ? EdgeOutcome::rescheduled_cloud
                                                      : EdgeOutcome::cloud;
  }
  book(slot, outcome, actual);
  start_calls();
  settle();
}

/// Parked tasks leave from the head while it is due.
void EdgeSite::parked_due() {
  while (due_time() == plan_.now_) {
    const std::uint32_t slot = plan_.parked_.back().slot;
    const std::size_t before = plan_.parked_.size();
    asking(EdgeAsked::due, plan_.tasks_[slot].id);
    policy_->on_due(plan_, plan_.view(slot));
    SIM_CHECK(plan_.parked_.size() < before, "a parked task that is due leaves");
    settle();
  }
}

void EdgeSite::look_for_work() {
  if (plan_.executing_ || (plan_.queue_.empty() && plan_.parked_.empty())) {
    look_at_ = Instant::never();
    return;
  }
  if (timing_.idle_poll > Duration(0)) {
    look_at_ = on_grid(plan_.now_, timing_.idle_poll, idle_since_);
    if (look_at_ > plan_.now_) return;
    look_at_ = Instant::never();
  }
  asking(EdgeAsked::free_edge, 0);
  policy_->on_idle(plan_);
  if (plan_.run_asked_) start_run();
  settle();
}

void EdgeSite::start_run() {
  plan_.run_asked_ = false;
  running_ = plan_.to_run_;
  EdgeTask& task = plan_.tasks_[running_];
  task.started = plan_.now_;
  const EdgeTaskType& type = (*context_.types)[task.type];
  const Hidden& hidden = hidden_[running_];
  const Duration actual =
      hidden.edge_actual ? *hidden.edge_actual : times_.edge(type, task.type, task.id);
  plan_.executing_ = true;
  plan_.expected_end_ = plan_.now_ + task.edge_time;
  edge_end_ = plan_.now_ + actual;
  ++(task.copy ? metrics_.copies_run : metrics_.edge_runs);
}

void EdgeSite::asking(EdgeAsked asked, std::uint32_t by) {
  show_steps();
  asked_ = asked;
  asked_by_ = by;
}

void EdgeSite::show_steps() {
  for (const std::uint32_t slot : plan_.moved_) {
    const EdgeTask& task = plan_.tasks_[slot];
    if (task.copy) continue;
    const std::uint32_t by = asked_ == EdgeAsked::free_edge ? task.id : asked_by_;
    for (EdgeObserver* observer : *context_.observers) {
      observer->on_step(plan_.site(), task, {plan_.now_, task.place, asked_, by});
    }
  }
  plan_.moved_.clear();
}

/// Carries out what a policy asked for, and what it asks for when it hears of that.
void EdgeSite::settle() {
  metrics_.most_parked = std::max<std::uint64_t>(metrics_.most_parked, plan_.parked_.size());
  // Copies of tasks come into being here only: hidden_ follows the slots.
  if (hidden_.size() < plan_.tasks_.size()) hidden_.resize(plan_.tasks_.size());
  do {
    show_steps();
    for (const std::uint32_t slot : plan_.to_cloud_) {
      hidden_[slot].call.queued = plan_.now_;
      waiting_calls_.push_back(slot);
    }
    plan_.to_cloud_.clear();
    if (plan_.dropped_.empty()) {
      start_calls();
    } else {
      const EdgePlan::Dropped drop = plan_.dropped_.front();
      plan_.dropped_.erase(plan_.dropped_.begin());
      book_drop(drop.slot, drop.reason);
      if (plan_.dropped_.empty() && plan_.to_cloud_.empty()) start_calls();
    }
  } while (!plan_.dropped_.empty() || !plan_.to_cloud_.empty());
  show_steps();
}

void EdgeSite::start_calls() {
  while (!waiting_calls_.empty() &&
         in_flight_ < static_cast<std::uint64_t>(context_.cloud->concurrency)) {
    const std::uint32_t slot = waiting_calls_.front();
    waiting_calls_.pop_front();
    if (policy_->starts_call(plan_.now_, plan_.view(slot))) {
      start_call(slot);
    } else {
      book(slot, EdgeOutcome::expired_cloud, Duration(0));
    }
  }
}

void EdgeSite::start_call(std::uint32_t slot) {
  EdgeTask& task = plan_.tasks_[slot];
  const EdgeTaskType& type = (*context_.types)[task.type];
  Hidden& hidden = hidden_[slot];
  const Instant queued = hidden.call.queued;
  task.place = EdgePlace::cloud;
  task.started = plan_.now_;
  hidden.called = true;
  ++metrics_.calls;
  ++in_flight_;
  metrics_.most_calls_at_once = std::max(metrics_.most_calls_at_once, in_flight_);
  metrics_.uploaded += type.input;
  if (context_.remote != nullptr) {
    hidden.call.network = times_.network(plan_.now_, type, task.id);
    hidden.call.waited = plan_.now_ - queued;
    context_.remote->call(plan_.site(), slot, plan_.now_ + hidden.call.network, type);
    return;
  }
  hidden.call = times_.call(plan_.now_, type, task.type, task.id, hidden.cloud_actual);
  hidden.call.queued = queued;
  hidden.call.waited = plan_.now_ - queued;
  if (hidden.call.cold_start > Duration(0)) ++metrics_.cold_starts;
  const Duration work = hidden.call.cold_start + hidden.call.execution;
  metrics_.billed +=
      kMillisecond * ((work.value() + kMillisecond.value() - 1) / kMillisecond.value());
  const Duration in_flight = std::min(hidden.call.in_flight(), context_.cloud->timeout);
  calls_.push_back({plan_.now_ + in_flight, slot});
  std::push_heap(calls_.begin(), calls_.end());
}

void EdgeSite::book_drop(std::uint32_t slot, DropReason reason) {
  const bool again = plan_.tasks_[slot].rescheduled;
  EdgeOutcome outcome = EdgeOutcome::expired_edge;
  if (reason == DropReason::time) {
    outcome = again ? EdgeOutcome::rescheduled_drop_time : EdgeOutcome::drop_time;
  } else if (reason == DropReason::cost) {
    outcome = again ? EdgeOutcome::rescheduled_drop_cost : EdgeOutcome::drop_cost;
  }
  book(slot, outcome, Duration(0));
}

MissCause EdgeSite::cause_of(const EdgeTask& task, EdgeOutcome outcome,
                             const Hidden& hidden) const {
  switch (outcome) {
    case EdgeOutcome::drop_time:
    case EdgeOutcome::rescheduled_drop_time:
      return MissCause::no_place_in_time;
    case EdgeOutcome::drop_cost:
    case EdgeOutcome::rescheduled_drop_cost:
      return MissCause::not_worth_cloud;
    case EdgeOutcome::expired_edge:
      return MissCause::edge_wait;
    case EdgeOutcome::missed_edge:
      return MissCause::edge_slow;
    case EdgeOutcome::expired_cloud:
      return MissCause::cloud_wait;
    case EdgeOutcome::missed_cloud:
      break;
    default:
      return MissCause::none;
  }
  // The largest of what came on top of the expected call.
  const CloudCall& call = hidden.call;
  if (call.timed_out) return MissCause::cloud_timeout;
  const Duration slow = call.execution - (*context_.types)[task.type].cloud_time;
  const Duration most = std::max({slow, call.network, call.cold_start, call.waited});
  if (most == call.cold_start && most > Duration(0)) return MissCause::cloud_cold;
  if (most == call.waited && most > Duration(0)) return MissCause::cloud_wait;
  if (most == call.network && most > Duration(0)) return MissCause::cloud_network;
  return MissCause::cloud_slow;
}

void EdgeSite::count_loss(const EdgeTask& task, EdgeOutcome outcome) {
  const EdgeTaskType& type = (*context_.types)[task.type];
  if (!in_time(outcome) || !(type.loss > 0)) return;
  EdgeTypeTotals& totals = metrics_.types[task.type];
  const double loss = losses_.actual(type, task.type, task.id);
  totals.loss += loss;
  if (!type.model_of) return;
  const EdgeTaskType& asked = (*context_.types)[*type.model_of];
  bool best = asked.models > 0;
  for (int i = asked.first_model; i < asked.first_model + asked.models; ++i) {
    const auto other = static_cast<std::uint16_t>(i);
    best = best && losses_.actual((*context_.types)[other], other, task.id) >= loss;
  }
  if (best) ++totals.best_model;
}

void EdgeSite::count_window(const EdgeTask& task, bool kept) {
  const std::int64_t window =
      std::min(task.received.ns() / context_.window.value(), kMostWindows - 1);
  const std::uint16_t type = (*context_.types)[task.type].model_of.value_or(task.type);
  const std::size_t at = static_cast<std::size_t>(window) * context_.types->size() + type;
  if (at >= windows_.size()) {
    windows_.resize((static_cast<std::size_t>(window) + 1) * context_.types->size());
  }
  ++windows_[at].arrived;
  if (kept) ++windows_[at].kept;
}

void EdgeSite::book(std::uint32_t slot, EdgeOutcome outcome, Duration actual) {
  EdgeResult result{plan_.tasks_[slot], outcome, plan_.now_, actual};
  plan_.tasks_[slot].place = EdgePlace::gone;
  plan_.free_.push_back(slot);
  if (result.task.copy) return;
  result.task.place = EdgePlace::gone;
  const Hidden& hidden = hidden_[slot];
  ++booked_;
  const EdgeTask& task = result.task;
  ++metrics_.types[task.type].generated;
  ++metrics_.types[task.type].outcomes[static_cast<std::size_t>(outcome)];
  const MissCause cause = cause_of(task, outcome, hidden);
  ++metrics_.causes[static_cast<std::size_t>(cause)];
  if (in_time(outcome)) ++totals_.in_time;
  if (actual > Duration(0)) metrics_.response.add((plan_.now_ - task.received).value());
  count_window(task, in_time(outcome));
  count_loss(task, outcome);
  std::uint64_t h = metrics_.decision_digest;
  h = (h ^ static_cast<std::uint64_t>(plan_.now_.ns())) * 0x9E3779B97F4A7C15ULL;
  h ^= h >> 32;
  h = (h ^ (static_cast<std::uint64_t>(outcome) << 32 | task.id)) * 0xD6E8FEB86659FD93ULL;
  metrics_.decision_digest = h ^ (h >> 29);
  show_steps();
  for (EdgeObserver* observer : *context_.observers) {
    observer->on_task(plan_.site(), result, cause, hidden.called ? &hidden.call : nullptr);
  }
  asking(EdgeAsked::result, task.id);
  policy_->on_result(plan_, result);
}

void EdgeSite::finish() {
  SIM_CHECK(booked_ == totals_.generated && booked_ == next_id_,
            "every task ends in exactly one outcome");
  SIM_CHECK(plan_.queue_.empty() && plan_.parked_.empty() && in_flight_ == 0 && calls_.empty(),
            "a site that is done holds no task");
  const std::size_t types = context_.types->size();
  for (std::size_t at = 0; at < windows_.size(); ++at) {
    const Window& window = windows_[at];
    if (window.arrived == 0) continue;
    EdgeTypeTotals& totals = metrics_.types[at % types];
    ++totals.windows;
    const double rate = static_cast<double>(window.kept) / static_cast<double>(window.arrived);
    if (rate >= (*context_.types)[at % types].wanted_rate) ++totals.windows_kept;
  }
  metrics_.sites.push_back(totals_);
  metrics_.end = std::max(metrics_.end, plan_.now_);
}

}  // namespace headroom
