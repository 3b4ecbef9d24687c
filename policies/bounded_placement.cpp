// Our search on the space of DistServe's algorithm 2 (OSDI 2024): the unit with the highest goodput
// a device, found by asking of each unit only whether it beats the best so far.
//
// A unit that does not is done with after one simulation, at the next rate of the released search's
// own grid; DistServe bisects every unit. Small units come first: they are the likelier winners and
// the cheaper simulations. Given that a unit which holds at a rate holds below it, the best goodput
// a device is that of trying everything.
#include <algorithm>

#include "policies/placement_units.h"
#include "sim/placement_policy.h"

namespace headroom {
namespace {

class Bounded final : public PlacementPolicy {
 public:
  [[nodiscard]] PlacementAnswer place(PlacementWorld& world, double rate) const override {
    std::vector<PlacementUnit> units = low_affinity_units(world);
    std::stable_sort(
        units.begin(), units.end(),
        [](const PlacementUnit& a, const PlacementUnit& b) { return a.devices() < b.devices(); });
    PlacementAnswer answer;
    double best = 0;
    for (const PlacementUnit& unit : units) {
      if (!world.fits(unit.prefill) || !world.fits(unit.decode)) continue;
      const double goodput = world.goodput_above(unit, best * static_cast<double>(unit.devices()));
      if (!(goodput > 0)) continue;
      answer.tried.push_back({unit, goodput});
      best = std::max(best, answer.tried.back().per_device());
    }
    // Each one tried to the end beat all before it.
    std::reverse(answer.tried.begin(), answer.tried.end());
    if (!answer.tried.empty()) {
      const ScoredUnit& winner = answer.tried.front();
      answer.chosen.push_back({winner, copies_for(rate, winner.goodput)});
    }
    return answer;
  }
};

const RegisterPlacementPolicy kBounded{
    "bounded",
    "DistServe's space for slow links, asking of each pair only whether it beats the best so far",
    {},
    [](const Parameters& /*p*/) { return std::make_unique<Bounded>(); }};

}  // namespace
}  // namespace headroom
