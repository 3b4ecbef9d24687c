// The units that searches for splits and copies choose from.
//
// Law: in the order of DistServe's released search: prefill tensor, prefill pipeline, then decode.
// Not here: which of them are tried (the policies).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "sim/placement_policy.h"

namespace headroom {

/// Splits of at most `devices` devices, with at most `widest` in a tensor-parallel group, into
/// which one of `segments` equal parts of the layers can be split.
inline std::vector<Split> splits(const PlacementWorld& world, std::int64_t devices,
                                 std::int64_t widest, std::int64_t segments = 1) {
  std::vector<Split> all;
  for (std::int64_t tensor = 1; tensor <= std::min(devices, widest); ++tensor) {
    for (std::int64_t pipeline = 1; tensor * pipeline <= devices; ++pipeline) {
      if (world.divides({tensor, pipeline * segments})) all.push_back({tensor, pipeline});
    }
  }
  return all;
}

/// Pairs of `each` that a node, or with one segment the cluster, has devices for.
inline void add_pairs(const std::vector<Split>& each, std::int64_t devices, std::int64_t segments,
                      std::vector<PlacementUnit>& units) {
  for (const Split& prefill : each) {
    for (const Split& decode : each) {
      if (prefill.devices() + decode.devices() > devices) continue;
      const Split whole_prefill{prefill.tensor, prefill.pipeline * segments};
      const Split whole_decode{decode.tensor, decode.pipeline * segments};
      units.push_back({UnitKind::paired, whole_prefill, whole_decode, segments});
    }
  }
}

/// Pairs whose segments share nodes: the space of DistServe's algorithm 2.
inline std::vector<PlacementUnit> low_affinity_units(const PlacementWorld& world) {
  std::vector<PlacementUnit> units;
  const std::int64_t node = world.devices_per_node();
  for (std::int64_t segments = 1; segments <= world.nodes(); ++segments) {
    add_pairs(splits(world, node, node, segments), node, segments, units);
  }
  return units;
}

/// Units that serve `rate`, each `goodput`.
inline std::int64_t copies_for(double rate, double goodput) {
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(rate / goodput)));
}

}  // namespace headroom
