#include "models/cost_factory.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "models/calibrated_cost.h"
#include "models/compiled_cost.h"
#include "models/config_json.h"
#include "models/linear_cost.h"
#include "models/measured_kernels.h"
#include "models/pack_cost.h"
#include "models/roofline_cost.h"
#include "models/step_cost.h"
#include "models/table_cost.h"
#include "sim/check.h"
#include "sim/quantity_text.h"

namespace headroom {
namespace {

constexpr std::string_view kTable = "table:";
constexpr std::string_view kSteps = "steps:";
constexpr std::string_view kLinear = "linear:";
constexpr std::string_view kPack = "pack:";
constexpr std::string_view kCalibrated = "calibrated:";

/// Fitted packs or curves, corrected for the engine's own kernels. Measured kernels need no
/// correction.
class ScaledTimes final : public OperatorTimes {
 public:
  ScaledTimes(std::unique_ptr<const OperatorTimes> times, const EngineDescription& engine,
              const ShardedModel& sharded)
      : times_(std::move(times)), engine_(engine), sharded_(sharded) {}
  [[nodiscard]] OperatorTime time(const Operator& op) const override {
    const bool block = op.kind == OperatorKind::moe_experts && op.stored == DataType::fp8_block;
    OperatorTime time = times_->time(block && engine_.reads_all_experts ? of_all(op) : op);
    const double scale =
        engine_.kernel_scale[static_cast<std::size_t>(class_of(op.kind))] * experts_scale(op);
    time.seconds *= scale;
    time.launch *= scale;
    return time;
  }
  [[nodiscard]] SkewLaw skew(std::int64_t kv_heads) const override {
    return times_->skew(kv_heads);
  }

 private:
  [[nodiscard]] double experts_scale(const Operator& op) const {
    if (op.kind != OperatorKind::moe_experts) return 1;
    if (op.stored == DataType::fp8_block) return engine_.block_fp8_experts_scale;
    const bool mx = op.stored == DataType::mxfp4 || op.stored == DataType::mxfp4_fp8;
    return mx ? engine_.mxfp4_experts_scale : 1;
  }
  /// As many tokens as touch all experts but a fiftieth: e^-4 is 1/55.
  [[nodiscard]] Operator of_all(const Operator& op) const {
    return fused_experts(sharded_,
                         std::max(op.m, 4 * op.experts / std::max<std::int64_t>(op.topk, 1)));
  }
  std::unique_ptr<const OperatorTimes> times_;
  const EngineDescription& engine_;
  const ShardedModel& sharded_;
};

MadeCost compile(const CostRequest& request, const ShardedModel& sharded,
                 const OperatorTimes& times, std::string source) {
  MadeCost made;
  made.source = std::move(source);
  if (request.execution.policy != nullptr) {
    made.stages.push_back(std::make_unique<ExecutedCost>(
        sharded, request.engine, times, request.device, request.execution, request.attention));
    made.source += "; layers run by " + request.execution.name;
    return made;
  }
  made.stages.push_back(std::make_unique<CompiledCost>(sharded, request.engine, times,
                                                       request.device.pcie_bandwidth));
  return made;
}

/// Operator times and the sentence on what they rest on.
struct Clock {
  std::unique_ptr<OperatorTimes> times;
  std::string source;
  std::string digest{};
};

/// Compiles on the clock of the model's device and, where there is a pool, that of its device.
/// `clock_of(device)` makes one.
template <class ClockOf>
MadeCost compile_pooled(const CostRequest& request, const ShardedModel& sharded,
                        const ClockOf& clock_of) {
  const Clock model = clock_of(request.device);
  const AttentionPool& pool = request.attention;
  if (!pool.there()) {
    MadeCost made = compile(request, sharded, *model.times, model.source);
    made.profile_digest = model.digest;
    return made;
  }
  const Clock attention = clock_of(pool.device);
  const PooledTimes pooled(*model.times, *attention.times, sharded, pool);
  MadeCost made =
      compile(request, sharded, pooled, model.source + "; attention: " + attention.source);
  made.profile_digest = model.digest;
  if (!attention.digest.empty()) made.profile_digest += "+" + attention.digest;
  return made;
}

MadeCost roofline_cost(const CostRequest& request, const ShardedModel& sharded) {
  return compile_pooled(request, sharded, [&](const Device& device) {
    Clock clock;
    if (const Pack* near = near_pack(device); near != nullptr) {
      clock.times = std::make_unique<ScaledTimes>(
          std::make_unique<PackTimes>(device, library_of(request.engine)), request.engine, sharded);
      clock.source = "roofline, corrected by the cost pack of " + near->device;
      if (near->device != device.name) clock.source += ", nearest kin of " + device.name;
      return clock;
    }
    const FoundCurves found = find_curves(device);
    clock.times = std::make_unique<ScaledTimes>(std::make_unique<RooflineTimes>(device),
                                                request.engine, sharded);
    clock.source = std::string("roofline, utilisation fitted on ") + found.curves->title;
    if (found.evidence != Evidence::interpolated) clock.source += ", nearest kin of " + device.name;
    return clock;
  });
}

MadeCost table_cost(const CostRequest& request, const ShardedModel& sharded,
                    const std::string& path) {
  return compile_pooled(request, sharded, [&](const Device& device) {
    const MeasuredKernels& kernels =
        measured_kernels(path, device, std::string(library_of(request.engine)), request.where);
    return Clock{std::make_unique<TableTimes>(kernels, device),
                 "kernels measured on " + device.name + " (" + path + ")", kernels.digest};
  });
}

MadeCost pack_cost(const CostRequest& request, const ShardedModel& sharded,
                   const std::string& path) {
  const std::string text = read_small_file(path);
  const Pack pack = parse_pack(text, path);
  if (pack.device != request.device.name)
    throw InputError(request.where, "expected a cost pack of " + request.device.name + ", got " +
                                        path + ", one of " + quoted(pack.device) +
                                        "; fit one with `headroom profile fit`");
  if (request.attention.there())
    throw InputError(request.where,
                     "expected a cost that knows the attention devices too, got a pack of one "
                     "device; use roofline, or table:PATH of a store with both");
  auto times = std::make_unique<PackTimes>(pack, request.device, library_of(request.engine));
  return compile(request, sharded, ScaledTimes(std::move(times), request.engine, sharded),
                 "roofline, corrected by the cost pack " + path);
}

MadeCost linear_cost(const CostRequest& request, const std::string& name) {
  const LinearStep& step = find_linear_step(name, request.parallel.tensor, request.where);
  const std::string expected = std::string("opt-") + step.model;
  if (request.model.name != expected)
    throw InputError(request.where, "expected model " + expected + " (what linear:" + name +
                                        " was fitted on), got " + request.model.name +
                                        "; use that model or the roofline cost model");
  MadeCost made;
  for (std::int64_t stage = 0; stage < request.parallel.pipeline; ++stage)
    made.stages.push_back(make_linear_cost(step, request.parallel.pipeline, stage));
  made.source = std::string("linear steps of ") + step.engine + ", OPT-" + step.model +
                " on A100-80G (DistServe, OSDI 2024)";
  return made;
}

MadeCost steps_cost(const CostRequest& request, const std::string& path) {
  if (request.parallel.tensor * request.parallel.pipeline != 1)
    throw InputError(
        request.where,
        "expected one device a replica (steps are measured whole), got tensor_parallel "
        "or pipeline_parallel above 1; set both to 1");
  const ProfileStore store(path, ProfileStore::Mode::read_only);
  MadeCost made;
  made.stages.push_back(
      make_step_cost(store, request.model, request.device, request.engine, request.where));
  made.source = "whole engine calls measured on " + request.device.name + " (" + path + ")";
  made.profile_digest = store.digest();
  return made;
}

MadeCost calibrated_cost(const CostRequest& request, const std::string& path) {
  if (request.parallel.pipeline != 1)
    throw InputError(request.where,
                     "expected pipeline_parallel 1 with calibrated steps, which are whole "
                     "iterations, got " +
                         std::to_string(request.parallel.pipeline) + "; set it to 1");
  const CalibratedSteps steps = parse_calibrated_json(read_small_file(path), path);
  MadeCost made;
  made.stages.push_back(make_calibrated_cost(steps, request.device.pcie_bandwidth));
  made.source = describe(steps);
  return made;
}

std::array<double, kEvidences> shares(const std::array<double, kEvidences>& sums) {
  double total = 0;
  for (const double sum : sums) total += sum;
  std::array<double, kEvidences> result{};
  if (total <= 0) return result;
  for (std::size_t i = 0; i < sums.size(); ++i) result[i] = sums[i] / total;
  return result;
}

}  // namespace

MadeCost make_cost(const CostRequest& request) {
  const std::string& cost = request.cost;
  if (cost.starts_with(kLinear)) return linear_cost(request, cost.substr(kLinear.size()));
  if (cost.starts_with(kSteps)) return steps_cost(request, cost.substr(kSteps.size()));
  if (cost.starts_with(kCalibrated))
    return calibrated_cost(request, cost.substr(kCalibrated.size()));
  const bool table = cost.starts_with(kTable), pack = cost.starts_with(kPack);
  if (cost != "roofline" && !table && !pack) {
    const std::vector<std::string> kinds{
        "roofline", "table:", "pack:", "steps:", "linear:", "calibrated:"};
    throw InputError(request.where,
                     "expected a cost model (roofline, table:PATH, pack:PATH, steps:PATH, "
                     "linear:NAME or calibrated:FILE), got " +
                         quoted(cost) + did_you_mean(cost, kinds));
  }
  const ShardedModel sharded =
      shard_model(request.model, request.precision, request.parallel, request.where);
  if (table) return table_cost(request, sharded, cost.substr(kTable.size()));
  if (pack) return pack_cost(request, sharded, cost.substr(kPack.size()));
  return roofline_cost(request, sharded);
}

std::array<double, kEvidences> evidence_shares(const CostLedger& ledger) {
  std::array<double, kEvidences> sums{};
  for (const auto& row : ledger.fixed_ns)
    for (std::size_t e = 0; e < row.size(); ++e) sums[e] += static_cast<double>(row[e]);
  return shares(sums);
}

std::array<double, kEvidences> evidence_shares(const CostModel& cost, const BatchShape& shape) {
  CostLedger ledger;
  cost.charge(shape, ledger);
  return evidence_shares(ledger);
}

}  // namespace headroom
