#include "sim/cli/validate_open.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>

#include "models/engine_calibration.h"
#include "sim/check.h"
#include "sim/cli/assemble.h"
#include "sim/cli/ingest_source.h"
#include "sim/cli/parallel.h"
#include "sim/cli/validate_figures.h"
#include "sim/cli/validate_journal.h"
#include "sim/random.h"

namespace headroom {
namespace {

/// Requests known beforehand.
class ListSource final : public RequestSource {
 public:
  explicit ListSource(std::vector<RequestSpec> requests) : requests_(std::move(requests)) {}
  [[nodiscard]] Instant next_arrival() const override {
    return next_ < requests_.size() ? requests_[next_].arrival : Instant::never();
  }
  [[nodiscard]] RequestSpec take() override { return requests_[next_++]; }

 private:
  std::vector<RequestSpec> requests_;
  std::size_t next_ = 0;
};

// Text of inference-perf, random tokens spelt out, on its way into tokens and the scheduler. Fitted
// to TTFT of the fit half of 13 runs on H100.
constexpr Duration kTextPerToken{8'000};

// Of the KV memory, for what is not running: prompts and answers written since a prompt was last
// used are still there while they fit into it.
constexpr double kCacheShare = 0.8;

/// What a run's iterations cost where the model's price of a batch does not tell:
/// - requests whose head is in the engine's prefix cache are sent without it, and read it as
///   context in every iteration;
/// - a prompt runs on one attention group, and the others wait for it, where the model's price
///   shares its tokens out evenly: fewer chunks than groups are filled up with copies.
class RunCost final : public CostModel {
 public:
  RunCost(const CostModel& cost, std::int64_t cached_head, std::int64_t groups)
      : cost_(cost), head_(cached_head), groups_(static_cast<std::size_t>(groups)) {}
  [[nodiscard]] IterationPrice price(const BatchShape& shape) const override {
    std::vector<PrefillChunk> chunks;
    return cost_.price(as_run(shape, chunks));
  }
  [[nodiscard]] std::int64_t skew_share(std::int64_t decodes, DecodesBeside beside) const override {
    return cost_.skew_share(decodes, beside);
  }
  [[nodiscard]] bool has_skew() const override { return cost_.has_skew(); }
  [[nodiscard]] bool has_memory() const override { return cost_.has_memory(); }
  [[nodiscard]] DecodeLine decode_line(std::int64_t decodes, std::int64_t padded,
                                       std::int64_t context) const override {
    const std::int64_t heads = decodes * head_;
    DecodeLine line = cost_.decode_line(decodes, padded, context + heads);
    line.base += line.slope * heads;
    line.last_context -= heads;
    return line;
  }
  void charge(const BatchShape& shape, CostLedger& ledger) const override {
    std::vector<PrefillChunk> chunks;
    cost_.charge(as_run(shape, chunks), ledger);
  }
  void charge_decodes(std::int64_t decodes, std::int64_t padded, std::int64_t context,
                      std::int64_t iterations, std::int64_t context_sum,
                      CostLedger& ledger) const override {
    const std::int64_t heads = decodes * head_;
    cost_.charge_decodes(decodes, padded, context + heads, iterations,
                         context_sum + iterations * heads, ledger);
  }

 private:
  [[nodiscard]] BatchShape as_run(const BatchShape& shape,
                                  std::vector<PrefillChunk>& chunks) const {
    chunks.assign(shape.prefills.begin(), shape.prefills.end());
    for (PrefillChunk& chunk : chunks) chunk.cached += static_cast<std::int32_t>(head_);
    if (!chunks.empty() && chunks.size() < groups_) {
      const PrefillChunk largest = *std::max_element(
          chunks.begin(), chunks.end(),
          [](const PrefillChunk& a, const PrefillChunk& b) { return a.tokens < b.tokens; });
      chunks.resize(groups_, largest);
    }
    BatchShape run = shape;
    run.decode_context += run.decodes * head_;
    run.prefills = chunks;
    return run;
  }
  const CostModel& cost_;
  std::int64_t head_;
  std::size_t groups_;
};

/// Arrivals of one stage: as many as rate x duration, uniform over it, which is what
/// inference-perf's exponential gaps scaled to the duration are.
std::vector<RequestSpec> stage_requests(const MeasuredRun& run, std::size_t stage,
                                        std::int64_t cached_head) {
  const LoadStage& load = run.stages[stage];
  RandomStream random(1, "validate-arrival", stage);
  std::vector<double> times(static_cast<std::size_t>(load.rate * load.seconds));
  for (double& time : times) time = random.uniform() * load.seconds;
  std::sort(times.begin(), times.end());
  std::vector<RequestSpec> requests;
  for (const double time : times) {
    RequestSpec request;
    request.arrival = Instant(static_cast<std::int64_t>(time * 1e9));
    request.prompt = Tokens(run.shared + run.question - cached_head);
    request.output = Tokens(run.output);
    requests.push_back(request);
  }
  return requests;
}

std::vector<RequestSpec> recorded_requests(const MeasuredRun& run) {
  std::vector<RequestSpec> requests;
  for (const RecordedRequest& recorded : run.requests) {
    RequestSpec request;
    request.arrival = Instant() + recorded.offset;
    request.prompt = Tokens(recorded.prompt);
    request.output = Tokens(recorded.output);
    requests.push_back(request);
  }
  return requests;
}

ServingFigures measured_of(const RunFigures& run) {
  struct Pair {
    RunMetric from;
    ServingMetric to;
  };
  constexpr std::array<Pair, kRunMetrics> kPairs{
      {{RunMetric::ttft_mean, ServingMetric::ttft},
       {RunMetric::ttft_p90, ServingMetric::ttft_p90},
       {RunMetric::ttft_p99, ServingMetric::ttft_p99},
       {RunMetric::itl_mean, ServingMetric::tpot},
       {RunMetric::itl_p90, ServingMetric::tpot_p90},
       {RunMetric::itl_p99, ServingMetric::tpot_p99},
       {RunMetric::e2e_mean, ServingMetric::end_to_end},
       {RunMetric::e2e_p90, ServingMetric::end_to_end_p90},
       {RunMetric::e2e_p99, ServingMetric::end_to_end_p99},
       {RunMetric::output_rate, ServingMetric::throughput}}};
  ServingFigures figures;
  for (const Pair& pair : kPairs)
    figures[static_cast<std::size_t>(pair.to)] = run[static_cast<std::size_t>(pair.from)];
  return figures;
}

/// Where a benchmark counts pieces of a stream for tokens, its ITL is longer than its own TTFT and
/// end-to-end time allow; empty where the three agree to 5 %.
std::string itl_remark(const MeasuredRun& run, const RunFigures& figures) {
  const auto value = [&](RunMetric metric) { return figures[static_cast<std::size_t>(metric)]; };
  const auto ttft = value(RunMetric::ttft_mean), itl = value(RunMetric::itl_mean),
             e2e = value(RunMetric::e2e_mean);
  if (!ttft || !itl || !e2e || !(*itl > 0) || run.output < 2) return {};
  const double pieces = (*e2e - *ttft) / *itl + 1;
  if (pieces > 0.95 * static_cast<double>(run.output)) return {};
  return fmt::format(
      "its own TTFT, ITL and end-to-end time make {:.0f} intervals of {} tokens: "
      "several tokens came in one piece",
      pieces, run.output);
}

class RunRepeater {
 public:
  RunRepeater(const MeasuredRun& run, const ValidateOptions& options)
      : run_(run), options_(options), plan_(plan_run(run, options.habits)) {}

  std::vector<ValidatedPoint> results() {
    std::vector<ValidatedPoint> results;
    const bool several = run_.measured.size() > 2;  // the whole and more than one stage
    for (const StageFigures& figures : run_.measured)
      if (figures.stage < 0 || several) results.push_back(labelled(figures));
    if (recalled(results)) return results;
    if (plan_.why_not.empty()) simulate_all();
    for (ValidatedPoint& result : results) fill(result);
    // A simulation that was stopped has no result.
    if (options_.journal != nullptr && !stopped())
      for (const ValidatedPoint& result : results) options_.journal->keep(what_ran(result), result);
    return results;
  }

 private:
  /// The run's load and deployment, and the stage.
  [[nodiscard]] std::string what_ran(const ValidatedPoint& result) const {
    const auto optional = [](const std::optional<std::int64_t>& value) {
      return value ? std::to_string(*value) : std::string("-");
    };
    std::string text = fmt::format(
        "{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}", result.id, result.mode, run_.device,
        run_.model, run_.engine, run_.engine_version, run_.precision, run_.kv_cache, run_.tensor,
        run_.attention_data, run_.expert, optional(run_.max_batched_tokens),
        optional(run_.max_sequences), optional(run_.kv_blocks), optional(run_.max_model_len),
        run_.memory_share.value_or(0), options_.habits.device);
    text +=
        fmt::format("|{}|{}|{}|{}", run_.shared, run_.question, run_.output, run_.distinct_prompts);
    for (const LoadStage& stage : run_.stages)
      text += fmt::format("|{}/s {} s", stage.rate, stage.seconds);
    for (const RecordedRequest& request : run_.requests)
      text += fmt::format("|{}:{}:{}", request.offset.value(), request.prompt, request.output);
    return text;
  }

  /// Whether an earlier call found all of them.
  [[nodiscard]] bool recalled(std::vector<ValidatedPoint>& results) const {
    if (options_.journal == nullptr) return false;
    std::vector<ValidatedPoint> before = results;
    for (ValidatedPoint& result : before)
      if (!options_.journal->recall(what_ran(result), result)) return false;
    results = std::move(before);
    return true;
  }

  ValidatedPoint labelled(const StageFigures& figures) {
    ValidatedPoint result;
    result.id = run_.id + " " + run_.workload;
    if (figures.stage >= 0) result.id += fmt::format(" stage {}", figures.stage);
    result.where = run_.where;
    result.device = plan_.device;
    result.kind = kind_of(plan_.model);
    result.model = plan_.model;
    if (!run_.precision.empty()) result.model += " " + run_.precision;
    result.engine = plan_.engine;
    if (!run_.engine_version.empty()) result.engine += " " + run_.engine_version;
    result.mode = figures.stage < 0 ? run_.format : run_.format + " stage";
    result.detail = fmt::format("{} {} {} tp {} {}{}", result.model, result.device, result.engine,
                                run_.tensor, run_.workload,
                                figures.stage < 0 ? "" : fmt::format(" stage {}", figures.stage));
    result.split = split_of(run_.device + "|" + run_.model + "|" + std::to_string(run_.tensor) +
                            "|" + run_.workload);
    result.doubt = run_.doubt;
    result.unpredicted = plan_.why_not;
    result.note = itl_remark(run_, figures.figures);
    result.measured = measured_of(figures.figures);
    result.stage = figures.stage;
    return result;
  }

  void simulate_all() {
    try {
      const Assembly assembly = assemble(plan_.scenario);
      if (!assembly.does_not_fit.empty()) {
        plan_.why_not = "does not fit: " + assembly.groups.front().fit.text;
        return;
      }
      if (!run_.requests.empty()) {
        simulate_one(assembly, recorded_requests(run_), 0);
      } else {
        const std::int64_t head = cached_tokens(assembly);
        for (std::size_t i = 0; i < run_.stages.size() && !stopped(); ++i)
          simulate_one(assembly, stage_requests(run_, i, head), head);
      }
    } catch (const InputError& error) {
      plan_.why_not = reason_of(error);
    }
  }

  /// Tokens of a prompt that the engine's prefix cache holds: all but the last block's where the
  /// generator's few prompts come round before they are overwritten, else the shared head.
  [[nodiscard]] std::int64_t cached_tokens(const Assembly& assembly) const {
    const auto block = assembly.groups.front().engine.block_tokens.value();
    const AssembledGroup& group = assembly.groups.front();
    const std::int64_t prompt = run_.shared + run_.question;
    if (run_.distinct_prompts == 0) return 0;
    const bool stays = static_cast<double>(run_.distinct_prompts * (prompt + run_.output)) <=
                       kCacheShare * static_cast<double>(group.kv_blocks.value() * block);
    return (stays ? prompt - 1 : run_.shared) / block * block;
  }

  void simulate_one(const Assembly& assembly, std::vector<RequestSpec> requests,
                    std::int64_t cached_head) {
    ListSource source(std::move(requests));
    EngineDescription engine = assembly.groups.front().engine;
    if (run_.requests.empty()) {
      engine.ingest_per_request += kTextPerToken * (run_.shared + run_.question);
    } else if (run_.format == "llmservingsim") {
      // Its arrivals are those at the engine's queue.
      engine.ingest_per_request = engine.ingest_per_token = Duration(0);
    }
    IngestSource ingest(source, engine);
    SimulationSetup setup = make_setup(plan_.scenario, assembly, ingest);
    setup.stop = options_.stop;
    const RunCost cost(*assembly.groups.front().costs.front(), cached_head, run_.attention_data);
    const std::int64_t block = assembly.groups.front().engine.block_tokens.value();
    for (ReplicaSetup& replica : setup.replicas) {
      replica.cost = &cost;
      const Blocks shared(cached_head * run_.distinct_prompts / block);
      if (shared < replica.kv_blocks) replica.kv_blocks = replica.kv_blocks - shared;
    }
    if (plan_.engine == "vllm")
      for (ReplicaSetup& replica : setup.replicas) replica.scheduling = Scheduling::overlapped;
    const Metrics metrics = simulate(std::move(setup));
    LatencySample& sample = stages_.emplace_back();
    add_requests(metrics, sample);
    ValidatedPoint& shares = shares_.emplace_back();
    if (metrics.rows.size() > 0) take_shares(metrics, shares);
  }

  void fill(ValidatedPoint& result) {
    result.unpredicted = plan_.why_not;
    if (!result.unpredicted.empty()) return;
    LatencySample sample;
    for (std::size_t i = 0; i < stages_.size(); ++i) {
      if (result.stage >= 0 && static_cast<std::size_t>(result.stage) != i) continue;
      append(stages_[i], sample);
      take_rest(shares_[i], result);
    }
    if (sample.ttft.empty()) {
      result.unpredicted = "no simulated request could be served (too long for the KV memory)";
      return;
    }
    result.predicted = figures_of(sample);
    double ttft = 0;
    for (const double one : sample.ttft) ttft += one;
    if (ttft > 0) result.queued_share = std::min(1.0, sample.queued / ttft);
  }

  static void append(const LatencySample& from, LatencySample& to) {
    to.ttft.insert(to.ttft.end(), from.ttft.begin(), from.ttft.end());
    to.tpot.insert(to.tpot.end(), from.tpot.begin(), from.tpot.end());
    to.end_to_end.insert(to.end_to_end.end(), from.end_to_end.begin(), from.end_to_end.end());
    to.queued += from.queued;
    to.output_tokens += from.output_tokens;
    to.seconds += from.seconds;
  }
  /// What the last stage of a result rested on stands for all.
  static void take_rest(const ValidatedPoint& from, ValidatedPoint& to) {
    to.time_share = from.time_share;
    to.evidence = from.evidence;
    to.extrapolated = from.extrapolated;
    to.busy = from.busy;
    to.kv_blocks = from.kv_blocks;
    to.kv_peak = std::max(to.kv_peak, from.kv_peak);
    to.preemptions += from.preemptions;
  }

  [[nodiscard]] bool stopped() const { return options_.stop != nullptr && options_.stop->load(); }

  const MeasuredRun& run_;
  const ValidateOptions& options_;
  PlannedPoint plan_;
  std::vector<LatencySample> stages_;
  std::vector<ValidatedPoint> shares_;
};

}  // namespace

PlannedPoint plan_run(const MeasuredRun& run, const BenchmarkHabits& habits) {
  ServingPoint point;
  point.id = run.id;
  point.where = run.where;
  point.model = run.model;
  point.device = run.device.empty() ? habits.device : run.device;
  point.engine = run.engine;
  point.engine_version = run.engine_version;
  for (const char c : run.precision)
    point.precision += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  // Checkpoints with a scale a channel run their experts through grouped GEMMs of CUTLASS, which no
  // table holds; those with a scale a block are the nearest. The tables' fp8 experts are Triton's
  // at a configuration of no tuning, at 0.5 TB/s for this one's shape.
  if (run.model.ends_with("FP8-dynamic") && kind_of(model_name_of(run.model)) == ModelKind::mixture)
    point.precision = "fp8_block";
  point.kv_cache = run.kv_cache;
  point.prompt = std::max<std::int64_t>(1, run.shared + run.question);
  point.output = std::max<std::int64_t>(1, run.output);
  point.concurrency = 1;
  point.tensor = run.tensor;
  point.attention_data = run.attention_data;
  point.expert = run.expert;
  point.kv_blocks = run.kv_blocks;
  point.max_batched_tokens = run.max_batched_tokens;
  point.unusable = run.unusable;
  if (point.device.empty() && point.unusable.empty())
    point.unusable = "the log does not say on which device it ran; give --device";
  PlannedPoint plan = plan_point(point, habits);
  if (!plan.why_not.empty()) return plan;
  ReplicaGroupSpec& group = plan.scenario.deployment.front();
  // Other devices' host times were fitted to schedulers in step; an overlapped one hides them.
  const bool own_row =
      find_calibration(plan.engine, run.engine_version, plan.device) != nullptr &&
      find_calibration(plan.engine, run.engine_version, plan.device)->device == plan.device;
  if (!own_row && habits.engines.count(plan.engine) == 0 && plan.engine == "vllm")
    group.engine = plan.engine;
  if (run.max_sequences)
    group.batch.parameters["max_num_seqs"] =
        std::to_string(*run.max_sequences * run.attention_data);
  if (run.max_batched_tokens && run.attention_data > 1) {
    group.batch.parameters["max_num_batched_tokens"] =
        std::to_string(*run.max_batched_tokens * run.attention_data);
  }
  if (run.max_model_len) group.max_model_len = Tokens(*run.max_model_len);
  return plan;
}

std::vector<ValidatedPoint> run_open_loops(const std::vector<MeasuredRun>& runs,
                                           const ValidateOptions& options) {
  std::vector<std::vector<ValidatedPoint>> results(runs.size());
  in_parallel(runs.size(), options.jobs, nullptr,
              [&](std::size_t i) { results[i] = RunRepeater(runs[i], options).results(); });
  std::vector<ValidatedPoint> all;
  for (std::vector<ValidatedPoint>& one : results)
    all.insert(all.end(), std::make_move_iterator(one.begin()), std::make_move_iterator(one.end()));
  return all;
}

}  // namespace headroom
