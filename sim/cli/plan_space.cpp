#include "sim/cli/plan_space.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "sim/check.h"
#include "sim/cli/plan_limits.h"
#include "sim/cli/report_context.h"
#include "sim/cli/scenario_files.h"
#include "sim/cli/sweep_plan.h"
#include "sim/edge_scenario_reader.h"
#include "sim/quantity_text.h"

namespace headroom {
namespace {

/// Devices of the catalogue whose kernels were measured and that most clouds sell.
const char* const kUsualDevices = "a100-80g,l40s,h100-sxm,h200-sxm";
/// 400 Gbit/s a node, as sold with nodes of eight GPUs.
const char* const kUsualNic = "50 GB/s";
const std::vector<std::string> kPools{"joint", "apart", "mixed"};

std::vector<std::string> words_of(const Invocation& call, const char* option,
                                  const std::string& otherwise) {
  return parse_axis(std::string("x=") + call.value(option).value_or(otherwise),
                    std::string("--") + option)
      .values;
}

std::vector<std::pair<std::string, Device>> devices_of(const Invocation& call) {
  std::vector<std::pair<std::string, Device>> devices;
  for (const std::string& word : words_of(call, "devices", kUsualDevices)) {
    devices.emplace_back(word, find_device(word, "--devices"));
    if (!(devices.back().second.price.hour > UsdPerHour(0))) {
      throw InputError("--devices", "expected devices whose price is known, got " +
                                        headroom::quoted(word) +
                                        "; give it one in a device file: {\"base\": \"" + word +
                                        "\", \"price\": \"2.5 USD/h\", ...}");
    }
    // Devices are told apart by their names, in answers and among families.
    const std::string& name = devices.back().second.name;
    const auto same = [&](const auto& other) { return other.second.name == name; };
    if (std::count_if(devices.begin(), devices.end(), same) > 1) {
      throw InputError("--devices", "expected devices of different names, got two named " +
                                        headroom::quoted(name) +
                                        "; give a device file a \"name\" of its own");
    }
  }
  return devices;
}

std::vector<std::int64_t> degrees_of(const Invocation& call, const char* option,
                                     const char* otherwise) {
  std::vector<std::int64_t> degrees;
  for (const std::string& word : words_of(call, option, otherwise)) {
    degrees.push_back(parse_integer(word, 1, 64, std::string("--") + option));
  }
  return degrees;
}

std::set<std::string> pools_of(const Invocation& call) {
  std::set<std::string> pools;
  for (const std::string& word : words_of(call, "pools", "joint,apart,mixed")) {
    if (std::find(kPools.begin(), kPools.end(), word) == kPools.end()) {
      throw InputError("--pools",
                       fmt::format("expected some of {}, got {}{}", fmt::join(kPools, ", "),
                                   headroom::quoted(word), did_you_mean(word, kPools)));
    }
    pools.insert(word);
  }
  return pools;
}

/// Settings that mean something to a family, others left out.
std::vector<std::pair<std::string, std::string>> settings_for(const std::vector<SweepAxis>& axes,
                                                              const std::vector<std::string>& point,
                                                              bool apart) {
  std::vector<std::pair<std::string, std::string>> settings;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::string& path = axes[i].path;
    const auto starts = [&](const char* prefix) { return path.rfind(prefix, 0) == 0; };
    const bool of_pools = starts("deployment.prefill.") || starts("deployment.decode.") ||
                          starts("decode_routing") || starts("transfer");
    if (apart || !of_pools) settings.emplace_back(path, point[i]);
  }
  return settings;
}

class Families {
 public:
  Families(const Invocation& call, std::vector<SweepAxis> axes, const std::string& usual_nic)
      : axes_(std::move(axes)),
        pools_(pools_of(call)),
        nics_(words_of(call, "nic", usual_nic)),
        points_(grid_points(axes_)) {
    for (const std::string& nic : nics_) static_cast<void>(parse_bandwidth(nic, "--nic"));
    const std::vector<std::int64_t> tensors = degrees_of(call, "tensor", "1,2,4,8");
    for (const auto& [text, device] : devices_of(call)) {
      for (const std::int64_t tensor : tensors) {
        for (const std::int64_t pipeline : degrees_of(call, "pipeline", "1")) {
          for (const std::int64_t expert : degrees_of(call, "expert", "1")) {
            if (tensor > device.usual_node_size || expert > tensor) continue;
            kinds_.push_back({"joint", device, text, tensor, pipeline, expert});
          }
        }
      }
    }
    if (kinds_.empty()) {
      throw InputError("--tensor", "expected a degree that fits into a node, got none; lower it");
    }
  }

  std::vector<PlanFamily> all() {
    if (pools_.contains("joint")) {
      for (const PlanPhase& kind : kinds_) add({{kind}}, false);
    }
    for (const PlanPhase& prefill : kinds_) {
      for (const PlanPhase& decode : kinds_) {
        const bool mixed = prefill.device.name != decode.device.name;
        if (!pools_.contains(mixed ? "mixed" : "apart")) continue;
        PlanFamily family{{prefill, decode}};
        family.phases[0].role = "prefill";
        family.phases[1].role = "decode";
        add(family, true);
      }
    }
    return std::move(families_);
  }

 private:
  void add(const PlanFamily& kind, bool apart) {
    for (std::size_t n = 0; n < (apart ? nics_.size() : 1); ++n) {
      for (const std::vector<std::string>& point : points_) {
        PlanFamily family = kind;
        family.settings = settings_for(axes_, point, apart);
        family.nic = nics_[n];
        if (apart && nics_.size() > 1)
          family.settings.emplace_back("cluster.nodes.*.nic", nics_[n]);
        if (seen_.insert(family.name()).second) families_.push_back(std::move(family));
      }
    }
  }

  std::vector<SweepAxis> axes_;
  std::set<std::string> pools_;
  std::vector<std::string> nics_;
  std::vector<std::vector<std::string>> points_;
  std::vector<PlanPhase> kinds_;
  std::vector<PlanFamily> families_;
  std::set<std::string> seen_;
};

/// Keys with one value go into the base, others are axes.
std::vector<SweepAxis> take_sets(const Invocation& call, ScenarioText& base) {
  std::vector<SweepAxis> swept;
  for (const auto& [name, text] : call.options()) {
    if (name != "set") continue;
    SweepAxis axis = parse_axis(text, "--set");
    const auto same = [&](const SweepAxis& other) { return other.path == axis.path; };
    if (std::any_of(swept.begin(), swept.end(), same)) {
      throw InputError("--set " + axis.path,
                       "expected each key once, got it twice; join its values with commas");
    }
    if (axis.values.size() > 1) {
      swept.push_back(std::move(axis));
    } else {
      base.overrides.push_back({axis.path, axis.values.front(), ValueSource::command_line,
                                "--set " + axis.path, OverrideForm::guess});
    }
  }
  return swept;
}

/// Every value of an axis must at least be one that a scenario may have.
void check_axes(const PlanSpace& space, const std::vector<SweepAxis>& axes) {
  for (const SweepAxis& axis : axes) {
    for (const PlanFamily& family : space.families) {
      const auto uses = [&](const auto& setting) { return setting.first == axis.path; };
      const auto& settings = family.settings;
      if (!std::any_of(settings.begin(), settings.end(), uses)) continue;
      for (const std::string& value : axis.values) {
        PlanFamily one = family;
        one.settings = {{axis.path, value}};
        const PlanCounts counts(one.phases.size(), 1);
        static_cast<void>(read_scenario(deployment_scenario(space, one, counts)));
      }
      break;
    }
  }
}

}  // namespace

void check_plan_base(const Scenario& scenario) {
  const auto refuse = [&](const char* where, const char* message) {
    throw InputError(scenario.file + ": " + where, message);
  };
  if (!scenario.slo.any()) {
    refuse("/slo",
           "expected service levels to plan for, got none; add \"ttft\", \"tpot\" or "
           "\"end_to_end\", or --slo \"ttft p99 1 s\"");
  }
  if (scenario.workload.clients > 0) {
    refuse("/workload/clients",
           "expected arrivals at a rate, got a closed loop, whose load follows "
           "the system; plan for a rate or a trace");
  }
  const auto& groups = scenario.deployment;
  const bool pair = groups.size() == 2 && groups[0].role != groups[1].role &&
                    groups[0].role != "joint" && groups[1].role != "joint";
  if (groups.size() != 1 && !pair) {
    refuse("/deployment",
           "expected one group, or one of prefill and one of decode, as the template, got others; "
           "leave these");
  }
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (groups[i].attention || groups[i].attention_data_parallel > 1) {
      throw InputError(fmt::format("{}: /deployment/{}", scenario.file, i),
                       "expected replicas of tensor and pipeline parallel GPUs alone, got devices "
                       "or groups for attention; leave them out");
    }
  }
  if (scenario.price.device_hour) {
    refuse("/price/device_hour",
           "expected prices by device, got one for all; put it into a device "
           "file and name that with --devices");
  }
}

std::string PlanPhase::name() const {
  std::string name = fmt::format("{} tp {}", device.name, tensor);
  if (pipeline > 1) name += fmt::format(" pp {}", pipeline);
  if (expert > 1) name += fmt::format(" ep {}", expert);
  return name;
}

std::string PlanFamily::name() const {
  std::string name = phases.front().name();
  if (apart()) name += " > " + phases.back().name();
  for (const auto& [path, value] : settings) {
    name += fmt::format(" {}={}", path.substr(path.rfind('.') + 1), value);
  }
  return name;
}

const std::vector<std::string>& objective_names() {
  static const std::vector<std::string> kNames{"usd-per-hour", "usd-per-token", "gpus", "energy"};
  return kNames;
}

PlanSpace plan_space(const Invocation& call) {
  PlanSpace space;
  space.base = scenario_text_without_sets(call);
  if (is_edge_scenario(space.base)) {
    throw InputError(space.base.file,
                     "expected a scenario of a serving system, got one of edge "
                     "sites; use headroom edge compare");
  }
  const std::vector<SweepAxis> swept = take_sets(call, space.base);
  add_service_levels(call, space.base);
  const Scenario scenario = read_scenario(space.base).scenario;
  check_plan_base(scenario);
  space.limits = limits_of(call);
  space.objective = objective_of(call);
  const BytesPerSecond card = scenario.nodes.front().nic;
  const std::string nic = card.value() > 0 ? to_text(card) : kUsualNic;
  space.families = Families(call, swept, nic).all();
  for (PlanFamily& family : space.families) family.pay(paid_share(scenario));
  check_axes(space, swept);
  const auto apart = [](const PlanFamily& family) { return family.apart(); };
  if (!call.has("nic") && !(card.value() > 0) &&
      std::any_of(space.families.begin(), space.families.end(), apart)) {
    space.notes.push_back(fmt::format(
        "Nodes of prefill and decode pools are taken to have network cards of {}; --nic says "
        "another.",
        kUsualNic));
  }
  return space;
}

}  // namespace headroom
