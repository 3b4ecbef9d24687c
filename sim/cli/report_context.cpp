#include "sim/cli/report_context.h"

#include <fmt/format.h>

#include <algorithm>

#include "models/engine_calibration.h"
#include "models/lower_bound.h"
#include "models/power.h"
#include "sim/cli/commands.h"
#include "sim/cli/dynamics_wiring.h"

namespace headroom {
namespace {

/// Devices of one kind in a replica.
struct Held {
  const Device& device;
  std::int64_t count = 0;
};

std::vector<Held> held_by(const AssembledGroup& group) {
  std::vector<Held> held{{group.device, group.spec.devices()}};
  if (group.attention.there()) held.push_back({group.attention.device, group.attention.devices});
  return held;
}

std::int64_t gpus_of(const AssembledGroup& group) {
  return group.spec.replicas * (group.spec.devices() + group.spec.attention_devices());
}

/// Texts joined, each once, in order.
std::string joined(const std::vector<std::string>& texts) {
  std::vector<std::string> once;
  for (const std::string& text : texts) {
    if (!text.empty() && std::find(once.begin(), once.end(), text) == once.end()) {
      once.push_back(text);
    }
  }
  return fmt::format("{}", fmt::join(once, "; "));
}

template <class Read>
std::string joined_groups(const Assembly& assembly, const Read& read) {
  std::vector<std::string> texts;
  for (const AssembledGroup& group : assembly.groups) texts.push_back(read(group));
  return joined(texts);
}

template <class Read>
std::string joined_devices(const Assembly& assembly, const Read& read) {
  std::vector<std::string> texts;
  for (const AssembledGroup& group : assembly.groups)
    for (const Held& held : held_by(group)) texts.push_back(read(held.device));
  return joined(texts);
}

/// Of terms without a discount of their own. Reserved: no list of prices was at hand. Spot: 26.57
/// against 63.30 USD/h.
constexpr double kReservedDiscount = 0.4;
constexpr double kSpotDiscount = 0.58;
constexpr const char* kReservedSource = "planning assumption, 2025-01";
constexpr const char* kSpotSource =
    "AWS EC2 p5en.48xlarge, 8 x H200, US East (Ohio), spot against on demand, 2026-08-06";

double discount_of(const PurchaseSpec& purchase) {
  double discount = 0;
  if (purchase.terms == "reserved") discount = kReservedDiscount;
  if (purchase.terms == "spot") discount = kSpotDiscount;
  return purchase.discount.value_or(discount);
}

void add_purchase(ReportContext& context, const Scenario& scenario) {
  if (!scenario.purchase) return;
  const PurchaseSpec& purchase = *scenario.purchase;
  context.currency = purchase.currency;
  context.per_usd = purchase.per_usd;
  const double discount = discount_of(purchase);
  if (!context.gpu_hour_price || discount == 0) return;
  context.gpu_hour_price = UsdPerHour(context.gpu_hour_price->value() * (1 - discount));
  context.price_source += fmt::format("; {}, {:.4g} % off ({})", purchase.terms, 100 * discount,
                                      !purchase.source.empty()   ? purchase.source
                                      : purchase.discount        ? std::string("the scenario")
                                      : purchase.terms == "spot" ? std::string(kSpotSource)
                                                                 : std::string(kReservedSource));
}

/// How long a replica is paid: over the span, or what its coming and going left.
Duration paid_time(const Metrics& metrics, std::size_t replica) {
  return metrics.dynamic ? metrics.replicas[replica].paid : span_of(metrics);
}

/// Of replicas of a run whose replicas come and go, together.
Duration paid_by(const Metrics& metrics, std::size_t first, std::int64_t replicas) {
  Duration sum(0);
  for (std::size_t i = 0; i < static_cast<std::size_t>(replicas); ++i)
    sum += metrics.replicas[first + i].paid;
  return sum;
}

void add_paid_hours(ReportContext& context, const Scenario& scenario, const Assembly& assembly,
                    const Metrics& metrics) {
  if (!metrics.dynamic) return;
  context.dynamics = dynamics_sentence(*scenario.dynamics);
  double hours = 0;
  std::size_t first = 0;
  for (const AssembledGroup& group : assembly.groups) {
    const std::int64_t gpus_each = gpus_of(group) / group.spec.replicas;  // a whole number
    hours += seconds(paid_by(metrics, first, group.spec.replicas)) / 3600 *
             static_cast<double>(gpus_each);
    first += static_cast<std::size_t>(group.spec.replicas);
  }
  context.paid_gpu_hours = hours;
}

/// The scenario's price, else the mean of the catalogue's over all GPUs, where replicas come and go
/// over their paid hours; nothing where one is unknown.
void add_price(ReportContext& context, const Scenario& scenario, const Assembly& assembly,
               const Metrics& metrics) {
  if (scenario.price.device_hour) {
    context.gpu_hour_price = scenario.price.device_hour;
    context.price_source = scenario.price.source.empty() ? "the scenario" : scenario.price.source;
    return;
  }
  double sum = 0;
  double weights = 0;
  std::size_t first = 0;
  const bool by_hours = metrics.dynamic && paid_by(metrics, 0, assembly.replicas) > Duration(0);
  for (const AssembledGroup& group : assembly.groups) {
    double replicas = static_cast<double>(group.spec.replicas);
    if (by_hours) replicas = seconds(paid_by(metrics, first, group.spec.replicas));
    first += static_cast<std::size_t>(group.spec.replicas);
    for (const Held& held : held_by(group)) {
      if (!(held.device.price.hour.value() > 0)) return;
      sum += held.device.price.hour.value() * (static_cast<double>(held.count) * replicas);
      weights += static_cast<double>(held.count) * replicas;
    }
  }
  context.gpu_hour_price = UsdPerHour(sum / weights);
  context.price_source = joined_devices(assembly, [](const Device& device) {
    return fmt::format("{}, {}", device.price.source, device.price.date);
  });
}

void add_energy(ReportContext& context, const Assembly& assembly, const Metrics& metrics,
                const RunAccount& account) {
  Joules total(0);
  Joules idle(0);
  std::size_t replica = 0;
  for (const AssembledGroup& group : assembly.groups) {
    for (std::int64_t i = 0; i < group.spec.replicas; ++i, ++replica) {
      const RunAccount::Phases& phases = account.phases()[replica];
      const Duration paid = paid_time(metrics, replica);
      const Duration busy = std::min(metrics.replicas[replica].busy, paid);
      const Duration both = phases.prefill + phases.decode;
      // Batches overlap where stages are pipelined; busy time does not.
      const double share = both > Duration(0) ? phases.prefill.as_double() / both.as_double() : 0.0;
      for (const Held& held : held_by(group)) {
        BusyTime time;
        time.prefill = duration_from_seconds(seconds(busy) * share) * held.count;
        time.decode = busy * held.count - time.prefill;
        time.idle = (paid - busy) * held.count;
        total += energy(held.device, group.spec.tensor_parallel, time);
        idle += energy(held.device, group.spec.tensor_parallel,
                       {Duration(0), Duration(0), paid * held.count});
      }
    }
  }
  context.energy = total;
  context.idle_energy = idle;
  context.power_source = "idle to TDP by phase, fractions measured on A100 (Splitwise, ISCA 2024)";
}

void add_lower_bound(ReportContext& context, const Assembly& assembly, const Metrics& metrics,
                     const RunAccount& account) {
  const Duration span = span_of(metrics);
  if (span <= Duration(0) || account.work().requests() == 0) return;
  const UsdPerHour price = context.gpu_hour_price.value_or(UsdPerHour(0));
  const auto consider = [&](const Device& device) {
    const LowerBound bound =
        lower_bound(account.work(), assembly.model, assembly.precision, device, span, price);
    if (context.lower_bound && context.lower_bound->gpus <= bound.gpus) return;
    context.lower_bound = PerfectSystem{
        bound.gpus,
        {},
        fmt::format("{} of {} binds: compute alone needs {:.2f} GPUs, memory traffic {:.2f}, "
                    "weights {:.2f}",
                    to_string(bound.binding), device.name, bound.compute_gpus, bound.bandwidth_gpus,
                    bound.capacity_gpus)};
    // Devices that are paid only while they are there may be fewer than whole ones on average.
    if (metrics.dynamic && context.gpu_hour_price) context.lower_bound->usd = bound.elastic;
  };
  for (const AssembledGroup& group : assembly.groups)
    for (const Held& held : held_by(group)) consider(held.device);
}

/// What calibration left on the first group's engine and device; nothing for costs of a store or
/// file of the user's own, which nothing here was compared with.
std::optional<ValidationError> validation_of(const AssembledGroup& group) {
  if (group.spec.cost != "roofline" && group.spec.cost != "pack") return {};
  const std::string& text = group.spec.engine;
  const std::size_t at = std::min(text.find('@'), text.size());
  const std::size_t colon = std::min(text.find(':'), at);
  const std::string version = colon < at ? text.substr(colon + 1, at - colon - 1) : "";
  const EngineCalibration* row =
      find_calibration(text.substr(0, colon), version, group.device.name);
  if (row == nullptr || row->device != group.device.name) return {};
  ValidationError error{row->ttft / 100, row->tpot / 100, row->fitted_on, {}};
  error.scope = fmt::format("median absolute error against {} measured serving points of {} on {}",
                            row->fitted_on, row->engine, row->device);
  if (at == text.size()) {
    error.scope += fmt::format(
        ", there with calibrated host times; this run's engine is not calibrated (that would be "
        "{}@{}), so expect more",
        text, row->device);
  }
  return error;
}

/// Nothing where all groups are joint.
std::vector<ReplicaPool> pools_of(const Assembly& assembly) {
  std::vector<ReplicaPool> pools;
  bool apart = false;
  for (const AssembledGroup& group : assembly.groups) {
    pools.push_back({group.spec.name, group.spec.role, group.spec.replicas, gpus_of(group)});
    apart = apart || group.spec.role != "joint";
  }
  if (!apart) pools.clear();
  return pools;
}

/// Lamina's condition: messages take no more of a mean iteration than the scenario allows.
void warn_of_network(ReportContext& context, const Assembly& assembly, const Metrics& metrics) {
  std::size_t replica = 0;
  for (const AssembledGroup& group : assembly.groups) {
    ReplicaTotals all;
    for (std::int64_t i = 0; i < group.spec.replicas; ++i, ++replica) {
      const ReplicaTotals& one = metrics.replicas[replica];
      all.busy = all.busy + one.busy;
      all.iterations += one.iterations;
      all.decode_tokens += one.decode_tokens;
    }
    if (!group.attention.there() || all.decode_tokens == 0) continue;
    const ShardedModel sharded =
        shard_model(assembly.model, assembly.precision, {group.spec.tensor_parallel}, "");
    const double share = group.spec.attention->network_share;
    const BytesPerSecond least =
        least_bandwidth(sharded, all.decode_tokens / all.iterations,
                        seconds(all.busy) / static_cast<double>(all.iterations), share);
    const BytesPerSecond has = path_bandwidth(sharded, group.attention);
    if (least <= has) continue;
    context.warnings.push_back(fmt::format(
        "Group {} is limited by its network: messages that take {:.0f} % of an iteration need "
        "{:.1f} GB/s, its cards have {:.1f}.",
        group.spec.name, share * 100, least.value() * 1e-9, has.value() * 1e-9));
  }
}

void add_notes(ReportContext& context, const Scenario& scenario, const Assembly& assembly,
               const Metrics& metrics) {
  warn_of_network(context, assembly, metrics);
  if (assembly.cluster_gpus > assembly.gpus) {
    context.notes.push_back(fmt::format("{} of the cluster's {} GPUs are used; cost counts those.",
                                        assembly.gpus, assembly.cluster_gpus));
  }
  for (const AssembledGroup& group : assembly.groups) {
    if (!group.fit.fits && group.spec.kv_blocks && !group.engine.simdistserve) {
      context.warnings.push_back(fmt::format(
          "Group {} is taken to hold the {} KV blocks the scenario states, although it {}.",
          group.spec.name, group.kv_blocks.value(), group.fit.text));
    }
  }
  if (scenario.predictor == "mean" && scenario.workload.output.mean < 1) {
    context.notes.push_back("The mean predictor believes 256 output tokens of every request.");
  }
}

}  // namespace

double paid_share(const Scenario& scenario) {
  return scenario.purchase ? 1 - discount_of(*scenario.purchase) : 1;
}

std::vector<RecordedInput> recorded_inputs(const LoadedScenario& loaded) {
  std::vector<RecordedInput> inputs;
  for (const ExplainedValue& value : loaded.values) {
    const std::string& key = value.pointer;
    if (value.value.empty() || key == "/seed" || key == "/name" || key == "/$schema" ||
        key == "/gates") {
      continue;
    }
    inputs.push_back({key, value.value});
  }
  return inputs;
}

ReportContext make_report_context(const Scenario& scenario, const Assembly& assembly,
                                  const Metrics& metrics, const RunAccount& account) {
  ReportContext context;
  context.scenario = scenario.name.empty() ? scenario.file : scenario.name;
  context.scenario_digest = scenario.digest;
  context.cost_digest =
      joined_groups(assembly, [](const AssembledGroup& group) { return group.cost_digest; });
  context.seed = scenario.seed;
  context.tool_version = kVersion;
  context.model = assembly.model.name;
  context.device = joined_devices(assembly, [](const Device& device) { return device.name; });
  context.gpus = assembly.gpus;
  context.replicas = assembly.replicas;
  context.pools = pools_of(assembly);
  context.cost_model =
      joined_groups(assembly, [](const AssembledGroup& group) { return group.cost_sentence; });
  context.validation = validation_of(assembly.groups.front());
  context.kv_blocks_per_replica = assembly.groups.front().kv_blocks;
  context.kv_block_tokens = assembly.groups.front().engine.block_tokens;
  add_price(context, scenario, assembly, metrics);
  add_purchase(context, scenario);
  context.facility = scenario.facility;
  add_paid_hours(context, scenario, assembly, metrics);
  add_energy(context, assembly, metrics, account);
  context.slo = {scenario.slo.ttft, scenario.slo.tpot, scenario.slo.end_to_end,
                 scenario.slo.attainment, scenario.slo.percentiles};
  add_lower_bound(context, assembly, metrics, account);
  add_notes(context, scenario, assembly, metrics);
  context.gates = scenario.gates;
  context.arrivals_given = scenario.workload.clients == 0 && !scenario.workload.sessions;
  return context;
}

}  // namespace headroom
