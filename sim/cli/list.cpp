// `headroom list`: what is available, from the registries and catalogues themselves.
#include <fmt/format.h>

#include <algorithm>

#include "models/architecture.h"
#include "models/device.h"
#include "models/engine.h"
#include "models/linear_cost.h"
#include "models/pack.h"
#include "models/pack_cost.h"
#include "models/utilisation.h"
#include "sim/check.h"
#include "sim/cli/commands.h"
#include "sim/cli/exit_codes.h"
#include "sim/cli/scenario_files.h"
#include "sim/cli/terminal.h"
#include "sim/cli/word_lists.h"
#include "sim/edge_policy.h"
#include "sim/edge_presets.h"
#include "sim/execution_policy.h"
#include "sim/placement_policy.h"
#include "sim/policy.h"
#include "sim/quantity_text.h"
#include "sim/registry.h"
#include "sim/scaling_policy.h"
#include "traces/make_source.h"
#include "traces/trace_reader.h"

namespace headroom {
namespace {

void list_models() {
  print("Models (any Hugging Face config.json works too, by path):\n");
  for (const Architecture& model : bundled_models()) {
    print(fmt::format("  {:<28}{:>8.1f} B parameters, {} layers, {} KV heads, {} tokens\n",
                      model.name, static_cast<double>(count_parameters(model).total()) / 1e9,
                      model.layers, model.kv_heads, model.max_positions));
  }
}

/// What the device's costs rest on, in words and figures.
std::string grounds_of(const Device& device) {
  if (const Pack* pack = bundled_pack(device.name); pack != nullptr)
    return fmt::format("    cost pack fitted to {};\n    off by {} %\n", pack_origin(*pack),
                       pack_error_text(*pack));
  if (const Pack* kin = near_pack(device); kin != nullptr) {
    return fmt::format("    cost pack of {}, whose kernels it runs; nothing was measured on it\n",
                       kin->device);
  }
  return fmt::format("    its own roofline, corrected as {} is; nothing was measured on it\n",
                     find_curves(device).curves->title);
}

void list_devices() {
  print("Devices (a device file works too, by path), and what their costs rest on:\n");
  for (const Device& device : device_catalogue()) {
    print(fmt::format("  {:<16}{:>10}  {:>11}  {:>6.0f} TFLOP/s fp16  {}\n", device.name,
                      to_text(device.nominal_memory), to_text(device.memory_bandwidth),
                      device.fp16.value() / 1e12,
                      device.price.hour.value() > 0 ? to_text(device.price.hour) : "no price"));
    print(grounds_of(device));
  }
  print(
      "A pack's errors: medians of |pack / measured - 1| over the kernels it was fitted to, by\n"
      "operator. `headroom profile import` and \"cost\": \"table:STORE\" run on measured "
      "kernels.\n");
}

void list_engines() {
  print("Engines (an engine file works too, by path):\n");
  for (const EngineDescription& engine : bundled_engines()) {
    print(fmt::format("  {:<19}batch {}; blocks of {} tokens, {:.0f} % of memory; {}\n",
                      engine.name, engine.batch, engine.block_tokens.value(),
                      engine.gpu_memory_utilisation * 100, engine.source));
  }
}

std::string bounds_of(const ParameterSpec& spec) {
  switch (spec.kind) {
    case ParameterSpec::Kind::integer:
    case ParameterSpec::Kind::number:
      return fmt::format("{} to {}", spec.least, spec.most);
    case ParameterSpec::Kind::choice:
      return fmt::format("{}", fmt::join(spec.choices, "|"));
    case ParameterSpec::Kind::flag:
      return "true|false";
    case ParameterSpec::Kind::duration:
      return fmt::format("{} s to {} s", spec.least, spec.most);
  }
  return "";
}

template <class Policy>
void list_policy_kind(const char* title) {
  print(fmt::format("{}:\n", title));
  for (const auto& entry : PolicyRegistry<Policy>::instance().entries()) {
    print(fmt::format("  {:<20}{}\n", entry.name, entry.summary));
    for (const ParameterSpec& spec : entry.parameters) {
      print(fmt::format("    {} = {} ({}): {}\n", spec.name,
                        spec.default_text.empty() ? "required" : spec.default_text, bounds_of(spec),
                        spec.meaning));
    }
  }
}

void list_policies() {
  list_policy_kind<BatchPolicy>("Batch policies (deployment/batch)");
  list_policy_kind<RoutingPolicy>("Routing policies (routing)");
  list_policy_kind<AdmissionPolicy>("Admission policies (admission)");
  list_policy_kind<ScalingPolicy>("Scaling policies (dynamics/scaling)");
  list_policy_kind<ExecutionPolicy>("Execution policies (deployment/execution)");
  list_policy_kind<PlacementPolicy>("Placement policies (headroom place)");
  list_policy_kind<DispatchPolicy>("Dispatch policies of edge sites (edge/policy)");
}

void list_costs() {
  print(
      "Cost models (deployment/cost):\n"
      "  roofline            operator times by roofline with fitted utilisation\n"
      "  table:PATH          measured kernels of a profile store (SQLite)\n"
      "  pack:PATH           a cost pack that `headroom profile fit` made of a store\n");
  for (const LinearStep& step : linear_steps()) {
    print(fmt::format("  linear:{:<13}published linear step model, tensor parallelism {}\n",
                      fmt::format("{}-{}", step.engine, step.model), step.tensor));
  }
}

void list_formats() {
  print("Trace formats (workload/format):\n");
  for (const TraceFormat& format : trace_formats()) {
    print(fmt::format("  {:<20}{}\n", format.name, format.summary));
  }
}

void list_workloads() {
  print("Generator presets (workload/preset):\n");
  for (const GeneratorPreset& preset : generator_presets()) {
    print(fmt::format("  {:<20}{}\n", preset.name, preset.summary));
  }
}

void list_edge() {
  print("Task tables of edge sites (edge/load):\n");
  for (const EdgeLoad& load : edge_loads()) {
    print(fmt::format("  {:<20}{}\n", load.name, load.summary));
  }
  print(
      fmt::format("Their tasks (released code of arXiv 2412.20860; expected times on {} and AWS "
                  "Lambda):\n",
                  kTimesOfDevice));
  for (const EdgeTaskType& type : edge_loads().back().types) {
    print(
        fmt::format("  {:<8}{:>8} {:>8}  deadline {:>7}, worth {:>3.0f}, run {:.0f}, call {:.0f}\n",
                    type.name, to_text(type.edge_time), to_text(type.cloud_time),
                    to_text(type.deadline), type.benefit, type.edge_price, type.cloud_price));
  }
  print("Cloud qualities (edge/cloud/quality):\n");
  for (const CloudQuality& quality : cloud_qualities()) {
    print(fmt::format("  {:<20}{}\n", quality.name, quality.summary));
  }
  print("Edge devices (edge/device) and prices of calls (edge/cloud/price):\n");
  for (const EdgeDevice& device : edge_devices()) {
    print(fmt::format("  {:<20}{}\n", device.name, device.source));
  }
  for (const CallPrice& price : call_prices()) {
    print(fmt::format("  {:<20}{}\n", price.name, price.source));
  }
  print("Networks measured on them, a frame (edge/tasks/network):\n");
  for (const EdgeNetwork& network : edge_networks()) {
    print(fmt::format("  {:<20}{:<18}{:>9}  {}\n", network.name, network.device,
                      to_text(network.time), network.source));
  }
}

void list_scenarios() {
  print("Bundled scenarios (headroom run NAME):\n");
  for (const BundledScenario& scenario : bundled_scenarios()) {
    print(fmt::format("  {}\n", scenario.name));
  }
}

struct Topic {
  const char* name;
  void (*list)();
};
constexpr Topic kTopics[] = {
    {"models", list_models},       {"devices", list_devices},     {"engines", list_engines},
    {"policies", list_policies},   {"costs", list_costs},         {"formats", list_formats},
    {"workloads", list_workloads}, {"scenarios", list_scenarios}, {"edge", list_edge},
};

}  // namespace

int command_list(const Invocation& call) {
  if (call.arguments().empty()) {
    for (const Topic& topic : kTopics) {
      if (&topic != kTopics) print("\n");
      topic.list();
    }
    return kExitYes;
  }
  const std::string& wanted = call.arguments().front();
  const auto* topic = std::find_if(std::begin(kTopics), std::end(kTopics),
                                   [&](const Topic& known) { return known.name == wanted; });
  if (topic == std::end(kTopics)) {
    const std::vector<std::string> words = list_topic_words();
    throw InputError("headroom list",
                     fmt::format("expected one of {}, got {}{}", fmt::join(words, ", "),
                                 headroom::quoted(wanted), did_you_mean(wanted, words)));
  }
  topic->list();
  return kExitYes;
}

}  // namespace headroom
