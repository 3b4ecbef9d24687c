#include "sim/cli/plan_space.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/check.h"
#include "sim/cli/scenario_files.h"
#include "sim/cli/sweep_plan.h"
#include "sim/edge_scenario_reader.h"
#include "sim/quantity_text.h"

namespace headroom {
namespace {

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words(1);
  for (const char c : text) {
    if (c == ',') {
      words.emplace_back();
    } else {
      words.back() += c;
    }
  }
  return words;
}

/// All whose price is known and whose kernels were measured come first to mind; others by name.
const char* const kUsualDevices = "a100-80g,l40s,h100-sxm,h200-sxm";

std::vector<Device> devices_of(const Invocation& call) {
  std::vector<Device> devices;
  for (const std::string& word : words_of(call.value("devices").value_or(kUsualDevices))) {
    devices.push_back(find_device(word, "--devices"));
    if (!(devices.back().price.hour > UsdPerHour(0))) {
      throw InputError("--devices", "expected devices whose price is known, got " +
                                        headroom::quoted(word) +
                                        "; give it one in a device file: {\"base\": \"" + word +
                                        "\", \"price\": \"2.5 USD/h\", ...}");
    }
  }
  return devices;
}

std::vector<std::int64_t> degrees_of(const Invocation& call) {
  std::vector<std::int64_t> degrees;
  for (const std::string& word : words_of(call.value("tensor").value_or("1,2,4,8"))) {
    degrees.push_back(parse_integer(word, 1, 64, "--tensor"));
  }
  return degrees;
}

void check_base(const Scenario& scenario) {
  const auto refuse = [&](const char* where, const char* message) {
    throw InputError(scenario.file + ": " + where, message);
  };
  if (!scenario.slo.ttft && !scenario.slo.tpot && !scenario.slo.end_to_end) {
    refuse("/slo",
           "expected service levels to plan for, got none; add \"ttft\", \"tpot\" or "
           "\"end_to_end\", or --set slo.ttft=\"1 s\"");
  }
  if (scenario.workload.clients > 0) {
    refuse("/workload/clients",
           "expected arrivals at a rate, got a closed loop, whose load follows "
           "the system; plan for a rate or a trace");
  }
  if (scenario.deployment.size() != 1) {
    refuse("/deployment", "expected one group as the template, got several; leave one");
  }
  if (scenario.price.device_hour) {
    refuse("/price/device_hour",
           "expected prices by device, got one for all; put it into a device "
           "file and name that with --devices");
  }
}

}  // namespace

UsdPerHour PlanFamily::replica_price() const {
  return UsdPerHour(device.price.hour.value() * static_cast<double>(tensor));
}

std::string PlanFamily::name() const {
  std::string name = fmt::format("{} tp {}", device.name, tensor);
  for (const auto& [path, value] : settings) {
    name += fmt::format(" {}={}", path.substr(path.rfind('.') + 1), value);
  }
  return name;
}

PlanSpace plan_space(const Invocation& call) {
  PlanSpace space;
  space.base = scenario_text_without_sets(call);
  if (is_edge_scenario(space.base)) {
    throw InputError(space.base.file,
                     "expected a scenario of a serving system, got one of edge "
                     "sites; use headroom edge compare");
  }
  std::vector<SweepAxis> swept;
  for (const auto& [name, text] : call.options()) {
    if (name != "set") continue;
    SweepAxis axis = parse_axis(text, "--set");
    if (axis.values.size() > 1) {
      swept.push_back(std::move(axis));
    } else {
      space.base.overrides.push_back({axis.path, axis.values.front(), ValueSource::command_line,
                                      "--set " + axis.path, OverrideForm::guess});
    }
  }
  check_base(read_scenario(space.base).scenario);
  if (call.has("most-gpus")) space.most_gpus = whole_option(call, "most-gpus", 1, 65'535);
  if (const auto text = call.value("most-usd")) space.most_usd = parse_price(*text, "--most-usd");
  const std::vector<std::vector<std::string>> points = grid_points(swept);
  for (const Device& device : devices_of(call)) {
    for (const std::int64_t tensor : degrees_of(call)) {
      if (tensor > device.usual_node_size) continue;
      for (const std::vector<std::string>& point : points) {
        PlanFamily family{device, tensor, {}};
        for (std::size_t i = 0; i < swept.size(); ++i) {
          family.settings.emplace_back(swept[i].path, point[i]);
        }
        space.families.push_back(std::move(family));
      }
    }
  }
  if (space.families.empty()) {
    throw InputError("--tensor", "expected a degree that fits into a node, got none; lower it");
  }
  return space;
}

std::vector<ScenarioOverride> deployment_overrides(const PlanFamily& family,
                                                   std::int64_t replicas) {
  const std::int64_t a_node = family.device.usual_node_size / family.tensor;
  const std::int64_t nodes = (replicas + a_node - 1) / a_node;
  const auto set = [](const std::string& path, std::string value) {
    return ScenarioOverride{path, std::move(value), ValueSource::command_line, "--set " + path,
                            OverrideForm::guess};
  };
  std::vector<ScenarioOverride> changes{
      set("cluster.nodes",
          fmt::format("[{{\"name\": \"plan\", \"device\": \"{}\", \"devices_per_node\": {}, "
                      "\"count\": {}}}]",
                      family.device.name, family.device.usual_node_size, nodes)),
      set("deployment.0.nodes", "plan"),
      set("deployment.0.tensor_parallel", std::to_string(family.tensor)),
      set("deployment.0.replicas", std::to_string(replicas))};
  for (const auto& [path, value] : family.settings) changes.push_back(set(path, value));
  return changes;
}

}  // namespace headroom
