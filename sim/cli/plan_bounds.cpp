#include "sim/cli/plan_bounds.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "reports/number_text.h"
#include "reports/percentile_limits.h"
#include "reports/text_layout.h"
#include "sim/check.h"

namespace headroom {
namespace {

using Metric = PercentileLimit::Metric;

/// One pass of a batch through all stages, s.
double pass_seconds(const AssembledGroup& group, const BatchShape& shape) {
  double total = 0;
  const auto stages = static_cast<double>(group.spec.pipeline_parallel);
  for (const CostModel* cost : group.costs) {
    const IterationPrice price = cost->price(shape);
    total += seconds(price.stage) + seconds(price.handoff);
  }
  return total * stages / static_cast<double>(group.costs.size());
}

double decode_seconds(const AssembledGroup& group, std::uint32_t context) {
  BatchShape shape;
  shape.decodes = 1;
  shape.decode_context = context;
  return pass_seconds(group, shape);
}

double prefill_seconds(const AssembledGroup& group, std::uint32_t tokens) {
  const std::array<PrefillChunk, 1> chunk{{{static_cast<std::int32_t>(tokens), 0, 1}}};
  BatchShape shape;
  shape.prefills = chunk;
  return pass_seconds(group, shape);
}

/// Of sorted values that which more than the allowed misses reach.
std::uint32_t unavoidable(const std::vector<std::uint32_t>& sorted, double share) {
  const std::uint64_t allowed = allowed_misses(share, sorted.size());
  return allowed >= sorted.size() ? 0 : sorted[sorted.size() - 1 - allowed];
}

/// Of the service levels, those that a bound may use: of all classes together.
struct SharedLimit {
  Duration at_most;
  double share = 1;
};

std::vector<SharedLimit> limits_on(const SloSpec& slo, Metric metric) {
  std::vector<SharedLimit> limits;
  const std::array<std::optional<Duration>, 3> joint{slo.ttft, slo.tpot, slo.end_to_end};
  if (const auto& limit = joint[static_cast<std::size_t>(metric)])
    limits.push_back({*limit, slo.attainment});
  for (const PercentileLimit& one : slo.percentiles) {
    if (one.metric == metric && !one.request_class)
      limits.push_back({one.at_most, one.percentile / 100});
  }
  return limits;
}

}  // namespace

double md1_wait(double arrivals_per_s, double service) {
  const double load = arrivals_per_s * service;
  if (load >= 1) return std::numeric_limits<double>::infinity();
  return service * load / (2 * (1 - load));
}

PlanBounds::PlanBounds(const PlanSpace& space, PlanJudge& judge) : space_(space), judge_(judge) {
  const PlanLoad& load = judge.load();
  prompts_ = load.prompts;
  for (std::size_t i = 0; i < load.prompts.size(); ++i) {
    // A single output token holds any TPOT.
    contexts_.push_back(load.outputs[i] > 1 ? load.prompts[i] + load.outputs[i] / 2 : 0);
  }
  std::sort(prompts_.begin(), prompts_.end());
  std::sort(contexts_.begin(), contexts_.end());
  mean_prompt_ =
      std::accumulate(prompts_.begin(), prompts_.end(), 0.0) / static_cast<double>(prompts_.size());
}

/// One request alone on the group's device.
void PlanBounds::look_at_one(const AssembledGroup& group, double slower, FamilyBound& bound) const {
  if (group.engine.simdistserve) return;  // its prices have no batches to compare
  const auto say = [&](const char* step, const char* name, double alone, Duration limit) {
    if (alone * slower * kBoundSlack <= seconds(limit) || !bound.too_slow.empty()) return;
    bound.alone_ms = alone * slower * 1e3;
    bound.too_slow = fmt::format("the {} alone takes {} ms at tp {} on {} ({} limit {} ms)", step,
                                 significant(bound.alone_ms, 3), group.spec.tensor_parallel,
                                 group.device.name, name, significant(seconds(limit) * 1e3, 3));
  };
  if (group.spec.role != "prefill") {
    for (const SharedLimit& limit : limits_on(judge_.scenario().slo, Metric::tpot)) {
      const std::uint32_t context = unavoidable(contexts_, limit.share);
      if (context > 0) say("decode step", "TPOT", decode_seconds(group, context), limit.at_most);
    }
  }
  // Prompts that find a part of theirs in KV are shorter than they look.
  if (group.spec.role == "decode" || judge_.load().shared) return;
  for (const SharedLimit& limit : limits_on(judge_.scenario().slo, Metric::ttft)) {
    const std::uint32_t tokens = unavoidable(prompts_, limit.share);
    if (tokens > 0) say("prompt", "TTFT", prefill_seconds(group, tokens), limit.at_most);
  }
}

std::optional<PlanBounds::Window> PlanBounds::window(const PlanWhatIf& what_if) const {
  const SloSpec& slo = judge_.scenario().slo;
  const auto tightest = [&](Metric metric) -> std::optional<SharedLimit> {
    std::optional<SharedLimit> best;
    for (const SharedLimit& limit : limits_on(slo, metric)) {
      if (!best || limit.share > best->share) best = limit;
    }
    return best;
  };
  // Arrivals come faster by `load`; what is slower is a slower clock for arrivals and limits.
  const double span = seconds(judge_.load().span) / what_if.load / what_if.slower;
  if (const auto whole = tightest(Metric::end_to_end))
    return Window{span + seconds(whole->at_most) / what_if.slower, whole->share};
  const auto ttft = tightest(Metric::ttft);
  const auto tpot = tightest(Metric::tpot);
  if (!ttft || !tpot) return {};
  const auto& outputs = judge_.load().outputs;
  const double longest = *std::max_element(outputs.begin(), outputs.end());
  const double most = seconds(ttft->at_most) + seconds(tpot->at_most) * longest;
  return Window{span + most / what_if.slower,
                std::max(0.0, 1 - (1 - ttft->share) - (1 - tpot->share))};
}

std::int64_t PlanBounds::least_gpus(const Assembly& assembly, const Device& device,
                                    const std::string& key, const PlanWhatIf& what_if) {
  if (judge_.load().shared) return 1;
  const std::optional<Window> window_of = window(what_if);
  if (!window_of || !(window_of->seconds > 0)) return 1;
  const PlanLoad& load = judge_.load();
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto [it, fresh] = works_.try_emplace(key, assembly.model, assembly.precision);
  if (fresh) {
    // The shortest requests are those that hold.
    std::vector<std::uint32_t> order(load.size());
    std::iota(order.begin(), order.end(), 0U);
    const auto length = [&](std::uint32_t i) { return load.prompts[i] + load.outputs[i]; };
    std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
      return length(a) != length(b) ? length(a) < length(b) : a < b;
    });
    order.resize(static_cast<std::size_t>(window_of->share * static_cast<double>(load.size())));
    for (const std::uint32_t i : order)
      it->second.add(Tokens(load.prompts[i]), Tokens(load.outputs[i]));
  }
  const LowerBound bound = lower_bound(it->second, assembly.model, assembly.precision, device,
                                       duration_from_seconds(window_of->seconds), UsdPerHour(0));
  const double most = std::max(bound.compute_gpus, bound.bandwidth_gpus) * kBoundSlack;
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(most - 1e-9)));
}

std::int64_t PlanBounds::md1_replicas(const AssembledGroup& group,
                                      const PlanWhatIf& what_if) const {
  const double service =
      prefill_seconds(group, static_cast<std::uint32_t>(std::max(1.0, mean_prompt_))) *
      what_if.prompts;
  const double rate = judge_.load().per_second() * what_if.load * what_if.slower;
  double limit = 1e9;
  for (const SharedLimit& one : limits_on(judge_.scenario().slo, Metric::ttft))
    limit = std::min(limit, seconds(one.at_most) / what_if.slower);
  constexpr std::int64_t kMost = 4096;
  for (std::int64_t n = 1; n < kMost; ++n) {
    if (service + md1_wait(rate / static_cast<double>(n), service) <= limit) return n;
  }
  return kMost;
}

FamilyBound PlanBounds::bound(const PlanFamily& family, const PlanWhatIf& what_if) {
  FamilyBound bound;
  const PlanCounts ones(family.phases.size(), 1);
  bound.least = bound.guess = ones;
  try {
    const Scenario scenario = read_scenario(deployment_scenario(space_, family, ones)).scenario;
    const Assembly assembly = assemble(scenario, &judge_.costs());
    bound.impossible = printable(assembly.does_not_fit);
    if (!bound.impossible.empty()) return bound;
    const bool longer = what_if.prompts != 1;
    for (std::size_t i = 0; i < assembly.groups.size(); ++i) {
      const AssembledGroup& group = assembly.groups[i];
      if (!longer) look_at_one(group, what_if.slower, bound);
      if (group.spec.role != "decode" && !group.engine.simdistserve)
        bound.guess[i] = md1_replicas(group, what_if);
    }
    if (family.apart() || longer || !bound.too_slow.empty()) return bound;
    const std::string key = scenario.model.weights + "|" + scenario.model.kv_cache;
    const std::int64_t gpus = least_gpus(assembly, family.phases.front().device, key, what_if);
    const std::int64_t each = family.phases.front().gpus();
    bound.least[0] = (gpus + each - 1) / each;
    bound.guess[0] = std::max(bound.guess[0], bound.least[0]);
  } catch (const InputError& error) {
    bound.impossible = printable(error.what());
  }
  return bound;
}

}  // namespace headroom
