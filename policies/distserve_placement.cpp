// DistServe's search for splits and copies of prefill and decode instances.
//
// Zhong et al., "DistServe: Disaggregating Prefill and Decoding for Goodput-optimized Large
// Language Model Serving", OSDI 2024: algorithm 1 (nodes joined by fast links: each phase on its
// own), algorithm 2 (slow links between nodes: both instances cut into segments, a segment of each
// on one node, so that KV stays inside nodes). `faithful` is the released search: with fast links
// it tries pairs of instances over all devices together and lets tensor parallelism leave a node,
// and it looks for no number of copies, which the paper gives as ceil(rate / goodput). Units that
// do not fit are skipped here; the released search skips what its profile lacks.
#include <algorithm>

#include "policies/placement_units.h"
#include "sim/placement_policy.h"

namespace headroom {
namespace {

const std::vector<ParameterSpec> kHighParameters{
    {"faithful",
     ParameterSpec::Kind::flag,
     0,
     0,
     "false",
     {},
     "the released search: pairs over all devices, tensor parallelism beyond a node"},
};

void score(PlacementWorld& world, const PlacementUnit& unit, std::vector<ScoredUnit>& tried) {
  if (!world.fits(unit.prefill) || !world.fits(unit.decode)) return;
  tried.push_back({unit, world.goodput(unit)});
}

void score_all(PlacementWorld& world, const std::vector<PlacementUnit>& units,
               std::vector<ScoredUnit>& tried) {
  for (const PlacementUnit& unit : units) score(world, unit, tried);
}

/// Best first, and the best one deployed for `rate`.
void choose(std::vector<ScoredUnit>& tried, double rate, PlacementAnswer& answer) {
  std::stable_sort(tried.begin(), tried.end(), [](const ScoredUnit& a, const ScoredUnit& b) {
    return a.per_device() > b.per_device();
  });
  if (!tried.empty() && tried.front().goodput > 0)
    answer.chosen.push_back({tried.front(), copies_for(rate, tried.front().goodput)});
  answer.tried.insert(answer.tried.end(), tried.begin(), tried.end());
}

std::int64_t all_devices(const PlacementWorld& world) {
  return world.nodes() * world.devices_per_node();
}

/// Algorithm 1.
class High final : public PlacementPolicy {
 public:
  explicit High(const Parameters& parameters) : faithful_(parameters.flag("faithful")) {}

  [[nodiscard]] PlacementAnswer place(PlacementWorld& world, double rate) const override {
    PlacementAnswer answer;
    const std::int64_t devices = all_devices(world);
    std::vector<ScoredUnit> tried;
    if (faithful_) {
      std::vector<PlacementUnit> units;
      add_pairs(splits(world, devices, devices), devices, 1, units);
      score_all(world, units, tried);
      choose(tried, rate, answer);
      return answer;
    }
    const std::vector<Split> each = splits(world, devices, world.devices_per_node());
    for (const UnitKind kind : {UnitKind::prefill, UnitKind::decode}) {
      tried.clear();
      for (const Split& split : each) score(world, {kind, split, split, 1}, tried);
      choose(tried, rate, answer);
    }
    if (answer.chosen.size() < 2) answer.chosen.clear();
    return answer;
  }

 private:
  bool faithful_;
};

/// Algorithm 2.
class Low final : public PlacementPolicy {
 public:
  [[nodiscard]] PlacementAnswer place(PlacementWorld& world, double rate) const override {
    PlacementAnswer answer;
    std::vector<ScoredUnit> tried;
    score_all(world, low_affinity_units(world), tried);
    choose(tried, rate, answer);
    return answer;
  }
};

/// What it is compared with: the best split of instances that do both.
class Joint final : public PlacementPolicy {
 public:
  [[nodiscard]] PlacementAnswer place(PlacementWorld& world, double rate) const override {
    PlacementAnswer answer;
    std::vector<ScoredUnit> tried;
    for (const Split& split : splits(world, all_devices(world), all_devices(world)))
      score(world, {UnitKind::joint, split, split, 1}, tried);
    choose(tried, rate, answer);
    return answer;
  }
};

const RegisterPlacementPolicy kJoint{
    "joint",
    "the best split of instances that do prefill and decode",
    {},
    [](const Parameters& /*p*/) { return std::make_unique<Joint>(); }};
const RegisterPlacementPolicy kLow{
    "distserve-low",
    "DistServe's algorithm 2: pairs whose segments share nodes, for slow links between nodes",
    {},
    [](const Parameters& /*p*/) { return std::make_unique<Low>(); }};
const RegisterPlacementPolicy kHigh{
    "distserve-high",
    "DistServe's algorithm 1: prefill and decode each on its own, for fast links between nodes",
    kHighParameters, [](const Parameters& p) { return std::make_unique<High>(p); }};

}  // namespace
}  // namespace headroom
