#include "sim/cli/edge_splits.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/check.h"
#include "sim/edge_split.h"
#include "sim/quantity_text.h"
#include "traces/edge_traces.h"
#include "traces/line_reader.h"

namespace headroom {
namespace {

/// The link from then on.
struct LinkPeriod {
  Instant at;
  DroneLink link;
};

std::vector<LinkPeriod> read_link(const FleetSpec& fleet) {
  if (fleet.link_trace.empty()) return {{Instant(), fleet.link}};
  const std::string name = fleet.link_trace == "-" ? "standard input" : fleet.link_trace;
  std::vector<LinkPeriod> periods;
  for (const NetworkPoint& point :
       read_network_trace(LineReader(open_bytes(fleet.link_trace), name))) {
    if (!(point.uplink.value() > 0)) {
      throw InputError(name, "expected a column uplink_mbps of the drones' link, got none; add it");
    }
    DroneLink link = fleet.link;
    link.bandwidth = point.uplink;
    link.latency = point.latency;
    periods.push_back({point.at, link});
  }
  return periods;
}

void check_splits(const EdgeScenario& scenario, const EdgeTaskType& type, std::size_t index) {
  const std::string place = scenario.file + ": /edge";
  if (!scenario.trace.empty()) {
    throw InputError(place + "/trace",
                     "expected a fleet for tasks with splits, got a trace; remove one of them");
  }
  const bool sends = std::any_of(type.splits.begin(), type.splits.end(),
                                 [](const EdgeSplit& split) { return split.sent > Bytes(0); });
  if (sends && scenario.fleet.link_trace.empty() && !(scenario.fleet.link.bandwidth.value() > 0)) {
    throw InputError(place + "/fleet/link",
                     "expected a bandwidth above 0 for tasks with splits, got none; write for "
                     "example \"50 Mbit/s\" or give a link_trace");
  }
  const bool accurate =
      std::any_of(type.splits.begin(), type.splits.end(),
                  [&](const EdgeSplit& split) { return split.accuracy >= type.least_accuracy; });
  if (!accurate) {
    throw InputError(fmt::format("{}/tasks/{}/least_accuracy", place, index),
                     fmt::format("expected at most the accuracy of the best split, got {}; lower "
                                 "it or add a split",
                                 type.least_accuracy));
  }
}

/// Puts each split of the type `kind` behind `types`; returns where the first one stands.
std::size_t add_ways(std::vector<EdgeTaskType>& types, std::size_t kind) {
  const std::size_t first = types.size();
  for (const EdgeSplit& split : std::vector<EdgeSplit>(types[kind].splits)) {
    EdgeTaskType way = types[kind];
    way.name += "/" + split.name;
    way.model_of = static_cast<std::uint16_t>(kind);
    way.edge_time = split.tail;
    way.splits.clear();
    types.push_back(std::move(way));
  }
  return first;
}

}  // namespace

std::vector<DronePeriod> split_between_drone_and_edge(const EdgeScenario& scenario,
                                                      std::vector<EdgeTaskType>& types) {
  const std::size_t kinds = types.size();
  if (std::all_of(types.begin(), types.end(),
                  [](const EdgeTaskType& type) { return type.splits.empty(); })) {
    return {};
  }
  for (std::size_t i = 0; i < kinds; ++i) {
    if (!types[i].splits.empty()) check_splits(scenario, types[i], i);
  }
  const bool constant = scenario.fleet.link_trace.empty();
  std::vector<std::size_t> first_way(kinds, 0);
  for (std::size_t i = 0; i < kinds; ++i) {
    if (!constant && !types[i].splits.empty()) first_way[i] = add_ways(types, i);
  }
  const auto frames = static_cast<std::int64_t>(scenario.fleet.frames);
  std::vector<DronePeriod> periods;
  for (const LinkPeriod& now : read_link(scenario.fleet)) {
    DronePeriod& period = periods.emplace_back();
    period.at = now.at;
    for (std::size_t i = 0; i < kinds; ++i) {
      DroneShare& share = period.shares.emplace_back();
      share.type = static_cast<std::uint16_t>(i);
      if (types[i].splits.empty()) continue;
      const std::size_t chosen =
          choose_split(types[i].splits, now.link, types[i].least_accuracy).value();
      const SplitCost cost = cost_of(types[i].splits[chosen], now.link);
      share.time = (cost.latency - types[i].splits[chosen].tail) * frames;
      share.energy = cost.energy * static_cast<double>(frames);
      if (constant) {
        types[i].edge_time = types[i].splits[chosen].tail;
      } else {
        share.type = static_cast<std::uint16_t>(first_way[i] + chosen);
      }
    }
  }
  return periods;
}

std::vector<std::string> split_notes(const EdgeTaskType& type, const EdgeScenario& scenario) {
  std::vector<std::string> notes;
  if (type.splits.empty()) return notes;
  if (!scenario.fleet.link_trace.empty()) {
    notes.push_back(
        fmt::format("{}: split anew for each segment, by the link in {} when it is taken",
                    type.name, scenario.fleet.link_trace));
    return notes;
  }
  const DroneLink& link = scenario.fleet.link;
  const auto chosen = choose_split(type.splits, link, type.least_accuracy);
  for (std::size_t i = 0; i < type.splits.size(); ++i) {
    const EdgeSplit& split = type.splits[i];
    const SplitCost cost = cost_of(split, link);
    const char* verdict = chosen == i                            ? ", taken"
                          : split.accuracy < type.least_accuracy ? ", not accurate enough"
                                                                 : "";
    notes.push_back(fmt::format(
        "{} {}: {} on the drone and in the air, {} at the edge, {:.4g} mJ of the drone a frame, "
        "accuracy {:.4g}{}",
        type.name, split.name, to_text(cost.latency - split.tail), to_text(split.tail),
        cost.energy.value() * 1e3, split.accuracy, verdict));
  }
  return notes;
}

}  // namespace headroom
