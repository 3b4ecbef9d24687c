#include "sim/cli/plan_watch.h"

#include <algorithm>
#include <limits>

#include "reports/percentile_limits.h"

namespace headroom {
namespace {

constexpr std::array<const char*, 3> kPartNames{"TTFT", "TPOT", "end-to-end time"};
constexpr Duration kNever{std::numeric_limits<std::int64_t>::max()};

}  // namespace

MissWatch::MissWatch(const SloSpec& slo, const PlanLoad& load, const Scope& scope,
                     const std::atomic<bool>* stop)
    : may_cut_(scope.may_cut), outer_(stop) {
  if (slo.joint()) {
    Criterion joint;
    joint.limits = {slo.ttft, slo.tpot, slo.end_to_end};
    joint.share = slo.attainment;
    add(std::move(joint), load, scope);
  }
  for (const PercentileLimit& limit : slo.percentiles) {
    Criterion one;
    one.name = limit_text(limit);
    one.limits[static_cast<std::size_t>(limit.metric)] = limit.at_most;
    one.request_class = limit.request_class;
    one.share = limit.percentile / 100;
    add(std::move(one), load, scope);
  }
}

void MissWatch::add(Criterion criterion, const PlanLoad& load, const Scope& scope) {
  if (!scope.ttft) criterion.limits[kTtft].reset();
  if (!scope.tpot) criterion.limits[kTpot].reset();
  if (!scope.end_to_end) criterion.limits[kEndToEnd].reset();
  const auto set = [](const std::optional<Duration>& limit) { return limit.has_value(); };
  if (std::none_of(criterion.limits.begin(), criterion.limits.end(), set)) return;
  criterion.requests = load.count(scope.first, criterion.request_class);
  criterion.allowed = allowed_misses(criterion.share, criterion.requests);
  criteria_.push_back(std::move(criterion));
}

void MissWatch::count(std::uint32_t request_class, const std::array<Duration, kParts>& times) {
  bool all = true;
  for (Criterion& one : criteria_) {
    if (one.request_class && *one.request_class != request_class) continue;
    ++one.seen;
    bool held = true;
    for (std::size_t part = 0; part < kParts; ++part) {
      if (!one.limits[part] || times[part] <= *one.limits[part]) continue;
      ++one.misses[part];
      held = false;
    }
    if (!held) ++one.missed;
    all = all && held;
    if (may_cut_ && one.missed > one.allowed) cut_ = true;
  }
  ++seen_;
  met_ += all ? 1U : 0U;
  if (cut_ || (outer_ != nullptr && outer_->load())) stop_.store(true);
}

void MissWatch::on_finished(const FinishedRequest& request) {
  count(request.class_index, {request.ttft(), request.tpot(), request.end_to_end()});
}

void MissWatch::on_rejected(const RejectedRequest& request) {
  count(request.class_index, {kNever, kNever, kNever});
}

std::uint64_t MissWatch::all_missed(const Criterion& criterion) {
  const std::uint64_t never_left =
      criterion.requests > criterion.seen ? criterion.requests - criterion.seen : 0;
  return criterion.missed + never_left;
}

bool MissWatch::holds() const {
  return !cut_ && std::all_of(criteria_.begin(), criteria_.end(),
                              [](const Criterion& one) { return all_missed(one) <= one.allowed; });
}

MissWatch::Slack MissWatch::worst() const {
  Slack worst;
  for (const Criterion& one : criteria_) {
    if (one.requests == 0) continue;
    // Of a run that was cut, the shares of what it saw.
    const auto of = static_cast<double>(cut_ ? std::max<std::uint64_t>(1, one.seen) : one.requests);
    const double missed = static_cast<double>(cut_ ? one.missed : all_missed(one)) / of;
    const double slack = 1 - missed - one.share;
    if (slack >= worst.slack) continue;
    worst.slack = slack;
    const auto most = std::max_element(one.misses.begin(), one.misses.end());
    worst.limit = one.name;
    if (!worst.limit.empty()) continue;
    const auto set = std::find_if(one.limits.begin(), one.limits.end(),
                                  [](const auto& limit) { return limit.has_value(); });
    const auto part = *most > 0 ? most - one.misses.begin() : set - one.limits.begin();
    worst.limit = kPartNames[static_cast<std::size_t>(part)];
  }
  return worst;
}

}  // namespace headroom
