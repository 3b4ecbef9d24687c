// What a placement policy asks, answered by simulation: whether a split fits, and the goodput of a
// unit.
//
// A unit is simulated alone, its devices side by side so that KV stays on fast links; a phase alone
// meets as many instances of the other as it likes, and KV moves in no time (DistServe, OSDI 2024,
// algorithms 1 and 2). Goodput is found by bisection of the rate, as its released search does: from
// 0 to `most_per_device` a device, to a bracket of `step`.
// Law: same scenario, same answers. Law: a rate that is answered was simulated and passed.
// Cost: log2(most / step) simulations a goodput, plus compiled costs, kept by split.
// Not here: which units are tried (policies/), printing (sim/cli/place.cpp).
#pragma once

#include <cstdint>
#include <string>

#include "models/cost_factory.h"
#include "sim/cli/assemble.h"
#include "sim/placement_policy.h"

namespace headroom {

/// How a run passes.
enum class Judging : std::uint8_t {
  joint,     ///< the target share of requests holds all limits at once (the paper)
  separate,  ///< of each limit, the target share of requests holds it (the released search)
};

struct SearchBounds {
  Judging judging = Judging::joint;
  double most_per_device = 5;  ///< requests/s a device, the released search's default
  double step = 0.25;          ///< the same; width of the last bracket
};

class SimulatedPlacement final : public PlacementWorld {
 public:
  /// `base` holds one kind of nodes, first, beside kinds for attention devices only, which each
  /// instance gets as its pattern says and which are not counted; a generated workload or a trace
  /// of lengths, limits, and as a pattern either one joint group or one prefill and one decode
  /// group. Throws InputError.
  SimulatedPlacement(Scenario base, const SearchBounds& bounds);

  [[nodiscard]] std::int64_t nodes() const override { return base_.nodes.front().count; }
  [[nodiscard]] std::int64_t devices_per_node() const override {
    return base_.nodes.front().devices_per_node;
  }
  [[nodiscard]] bool divides(const Split& split) const override;
  [[nodiscard]] bool fits(const Split& split) const override;
  [[nodiscard]] double goodput(const PlacementUnit& unit) override;
  [[nodiscard]] double goodput_above(const PlacementUnit& unit, double least) override;

  /// Whether the unit holds the service levels at `rate` requests a second.
  [[nodiscard]] bool holds(const PlacementUnit& unit, double rate);
  [[nodiscard]] std::int64_t simulations() const { return simulations_; }

 private:
  [[nodiscard]] Scenario scenario_of(const PlacementUnit& unit, double rate) const;
  void split_group(ReplicaGroupSpec& group, const Split& split) const;
  [[nodiscard]] bool possible(const PlacementUnit& unit) const;
  /// The rates on which bisection from 0 to `most_per_device` a device ends.
  struct RateGrid {
    std::int64_t most = 1;  ///< a power of two
    double width = 0;       ///< requests/s between two of them
    [[nodiscard]] double rate(std::int64_t index) const {
      return static_cast<double>(index) * width;
    }
  };
  [[nodiscard]] RateGrid grid_of(const PlacementUnit& unit) const;
  /// The highest rate that bisection above the `low`th, which holds, finds to hold.
  [[nodiscard]] double highest_above(const PlacementUnit& unit, const RateGrid& grid,
                                     std::int64_t low);

  Scenario base_;
  SearchBounds bounds_;
  Architecture model_;
  mutable CostCache costs_;
  std::int64_t simulations_ = 0;
};

}  // namespace headroom
