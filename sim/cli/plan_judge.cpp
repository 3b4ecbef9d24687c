#include "sim/cli/plan_judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "reports/percentile_limits.h"
#include "reports/summary.h"
#include "reports/text_layout.h"
#include "sim/check.h"
#include "sim/cli/assemble.h"
#include "sim/cli/plan_watch.h"
#include "sim/scenario_reader.h"

namespace headroom {
namespace {

/// Prompts so many times longer, and answers of one token where only prompts are judged.
class EditedSource final : public RequestSource {
 public:
  EditedSource(std::unique_ptr<RequestSource> source, double prompts, JudgedPart part)
      : source_(std::move(source)), prompts_(prompts), part_(part) {}
  [[nodiscard]] Instant next_arrival() const override { return source_->next_arrival(); }
  [[nodiscard]] RequestSpec take() override {
    RequestSpec request = source_->take();
    if (part_ == JudgedPart::prefill) request.output = Tokens(1);
    if (prompts_ == 1) return request;
    const double longer = request.prompt.as_double() * prompts_ + 0.5;
    request.prompt = Tokens(
        std::clamp<std::int64_t>(static_cast<std::int64_t>(longer), 1, kMaxRequestTokens.value()));
    const std::int64_t block = request.prefix_block_tokens.value();
    if (block > 0) {
      const auto blocks = static_cast<std::size_t>(request.prompt.value() / block);
      request.prefix_blocks =
          request.prefix_blocks.first(std::min(blocks, request.prefix_blocks.size()));
    }
    return request;
  }
  void on_left(const RequestSpec& request, Instant when) override {
    source_->on_left(request, when);
  }

 private:
  std::unique_ptr<RequestSource> source_;
  double prompts_;
  JudgedPart part_;
};

/// Everything takes `slower` times as long: the same as a clock that runs so much slower, under
/// which arrivals come faster and limits are shorter.
void apply(const PlanQuestion& question, Scenario& scenario) {
  const PlanWhatIf& what_if = question.what_if;
  const auto shorter = [&](Duration limit) {
    return duration_from_seconds(seconds(limit) / what_if.slower);
  };
  scenario.workload.rate_scale *= what_if.load * what_if.slower;
  for (auto* limit : {&scenario.slo.ttft, &scenario.slo.tpot, &scenario.slo.end_to_end}) {
    if (*limit) *limit = shorter(**limit);
  }
  for (PercentileLimit& limit : scenario.slo.percentiles) limit.at_most = shorter(limit.at_most);
  if (question.first > 0 &&
      (scenario.workload.limit == 0 || question.first < scenario.workload.limit)) {
    scenario.workload.limit = question.first;
  }
}

/// On the clock of the scenario, where the run's was slower.
PlanFigures figures_of(const Summary& summary, const MissWatch& watch, double slower) {
  PlanFigures figures;
  const DurationSummary& ttft = summary.of(LatencyMetric::ttft);
  const DurationSummary& tpot = summary.of(LatencyMetric::tpot);
  figures.ttft_p50 = ttft.p50 * slower;
  figures.ttft_p99 = ttft.p99 * slower;
  figures.tpot_p50 = tpot.p50 * slower;
  figures.tpot_p99 = tpot.p99 * slower;
  figures.end_to_end_p99 = summary.of(LatencyMetric::end_to_end).p99 * slower;
  figures.attainment = summary.context.slo.joint() ? summary.slo.joint : 1;
  figures.worst_slack = watch.worst().slack;
  figures.binds = watch.worst().limit;
  figures.requests_per_s = summary.throughput.requests.per_second / slower;
  figures.output_tokens_per_s = summary.throughput.output_tokens.per_second / slower;
  figures.usd_per_million_output = summary.cost.usd_per_million_output.value_or(0) * slower;
  if (summary.dynamics) {
    figures.paid_gpus = summary.dynamics->mean_paid;
    figures.usd_per_hour = summary.cost.usd_per_hour;
  }
  if (summary.context.energy && summary.span_s > 0)
    figures.watts = summary.context.energy->value() / summary.span_s;
  figures.requests = summary.arrived;
  return figures;
}

/// Everything that a question adds to a scenario, exactly.
std::string words_of(const PlanQuestion& question) {
  return fmt::format("load {} slower {} prompts {} first {} part {} {}", question.what_if.load,
                     question.what_if.slower, question.what_if.prompts, question.first,
                     static_cast<int>(question.part),
                     question.depth == JudgeDepth::whole ? "whole" : "until missed");
}

}  // namespace

PlanJudge::PlanJudge(const PlanSpace& space, PlanResults* results, const std::atomic<bool>* stop)
    : space_(space),
      scenario_(read_scenario(space.base).scenario),
      results_(results),
      stop_(stop),
      load_(read_load(scenario_)) {}

Judged PlanJudge::judge(const PlanFamily& family, const PlanCounts& counts,
                        const PlanQuestion& question) {
  Judged judged;
  Scenario asked;
  try {
    asked = read_scenario(deployment_scenario(space_, family, counts)).scenario;
  } catch (const InputError& error) {
    judged.impossible = printable(error.what());
    return judged;
  }
  const std::string words = words_of(question);
  if (results_ != nullptr) {
    if (const std::optional<Judged> known = results_->find(asked, words)) {
      ++cached_;
      return *known;
    }
  }
  Scenario scenario = asked;
  apply(question, scenario);
  try {
    judged = simulate_it(family, scenario, question);
  } catch (const InputError& error) {
    judged.impossible = printable(error.what());
  }
  judged.scenario_digest = asked.digest;
  if (results_ != nullptr && !stopped()) results_->keep(asked, words, judged);
  return judged;
}

Judged PlanJudge::simulate_it(const PlanFamily& family, const Scenario& scenario,
                              const PlanQuestion& question) {
  MissWatch::Scope scope;
  scope.first = question.first;
  scope.may_cut = question.depth == JudgeDepth::until_missed;
  if (question.part == JudgedPart::prefill) scope.tpot = scope.end_to_end = false;
  if (question.part == JudgedPart::decode) scope.ttft = scope.end_to_end = false;
  MissWatch watch(scenario.slo, load_, scope, stop_);
  RunOptions options;
  options.slower = question.what_if.slower;
  options.sinks = {&watch};
  options.stop = watch.stop();
  options.costs = &costs_;
  if (question.part != JudgedPart::whole && family.apart())
    options.group_alone = question.part == JudgedPart::prefill ? 0 : 1;
  if (question.what_if.prompts != 1 || question.part == JudgedPart::prefill) {
    options.edit_source = [&](std::unique_ptr<RequestSource> source) {
      return std::unique_ptr<RequestSource>(std::make_unique<EditedSource>(
          std::move(source), question.what_if.prompts, question.part));
    };
  }
  const RunResult result = run_scenario(scenario, options);
  ++runs_;
  simulated_ += watch.seen();
  Judged judged;
  judged.requests = watch.seen();
  judged.met = watch.met();
  judged.cut = watch.cut();
  judged.holds = result.does_not_fit.empty() && watch.holds();
  if (!judged.holds) judged.missed = watch.worst().limit;
  judged.impossible = printable(result.does_not_fit);
  if (!judged.impossible.empty() || judged.cut || stopped()) return judged;
  const Summary summary = summarise(result.metrics, result.context);
  judged.figures = figures_of(summary, watch, question.what_if.slower);
  if (summary.lower_bound) judged.bound_gpus = summary.lower_bound->gpus;
  if (summary.dynamics && summary.lower_bound && summary.lower_bound->usd && summary.span_s > 0 &&
      summary.context.gpu_hour_price->value() > 0) {
    judged.bound_paid_gpus =
        *summary.lower_bound->usd / summary.context.gpu_hour_price->value() / summary.span_s * 3600;
  }
  if (summary.context.lower_bound) judged.bound_reason = summary.context.lower_bound->reason;
  judged.cost_model = summary.context.cost_model;
  judged.cost_digest = summary.context.cost_digest;
  return judged;
}

}  // namespace headroom
