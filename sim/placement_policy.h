// How a model is split and how often it is there: the decision that is taken before a simulation.
//
// A `PlacementPolicy` enumerates units (one prefill and one decode instance, or one instance for
// both), asks the `PlacementWorld` what each holds, and names the best with the number of copies
// that a rate needs. The world answers by simulation (sim/cli/placement_search.h), a test by a
// table.
// Laws: a unit that does not fit is never asked for its goodput; copies = ceil(rate / goodput).
// Cost: one goodput, that is a bisection of simulations, a candidate.
// Not here: which devices a replica gets (sim/cli/placement.h).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sim/registry.h"

namespace headroom {

/// How one copy of the model is cut.
struct Split {
  std::int64_t tensor = 1;
  std::int64_t pipeline = 1;
  [[nodiscard]] std::int64_t devices() const { return tensor * pipeline; }
  friend bool operator==(const Split&, const Split&) = default;
};

/// What a unit of a placement serves.
enum class UnitKind : std::uint8_t {
  prefill,  ///< prompts alone; KV leaves at once
  decode,   ///< decodes alone; prompts come done
  paired,   ///< one prefill and one decode instance that work together
  joint,    ///< one instance that does both
};

struct PlacementUnit {
  UnitKind kind = UnitKind::paired;
  Split prefill;  ///< also that of a joint unit
  Split decode;
  /// Parts that both instances' layers are cut into alike, each part of both on one node.
  std::int64_t segments = 1;
  [[nodiscard]] std::int64_t devices() const {
    if (kind == UnitKind::paired) return prefill.devices() + decode.devices();
    return kind == UnitKind::decode ? decode.devices() : prefill.devices();
  }
};

/// What a placement policy may ask.
class PlacementWorld {
 public:
  virtual ~PlacementWorld() = default;
  [[nodiscard]] virtual std::int64_t nodes() const = 0;
  [[nodiscard]] virtual std::int64_t devices_per_node() const = 0;
  /// Whether layers and heads divide so.
  [[nodiscard]] virtual bool divides(const Split& split) const = 0;
  /// Whether so divided a device holds its share with room for KV.
  [[nodiscard]] virtual bool fits(const Split& split) const = 0;
  /// Requests a second at which the unit still holds the service levels; 0: at none.
  [[nodiscard]] virtual double goodput(const PlacementUnit& unit) = 0;
  /// The same where it is above `least`, else 0; as cheap as one simulation where it is not.
  [[nodiscard]] virtual double goodput_above(const PlacementUnit& unit, double least) {
    const double found = goodput(unit);
    return found > least ? found : 0;
  }
};

struct ScoredUnit {
  PlacementUnit unit;
  double goodput = 0;  ///< requests/s of one
  [[nodiscard]] double per_device() const { return goodput / static_cast<double>(unit.devices()); }
};

struct PlacedUnit {
  ScoredUnit scored;
  std::int64_t copies = 0;
};

struct PlacementAnswer {
  /// What to deploy: one kind of unit, or one of prefill and one of decode. Empty: nothing holds
  /// the service levels.
  std::vector<PlacedUnit> chosen;
  std::vector<ScoredUnit> tried;  ///< best per device first; equal ones in order of search
};

class PlacementPolicy {
 public:
  virtual ~PlacementPolicy() = default;
  /// `rate`: requests/s to be served, above 0.
  [[nodiscard]] virtual PlacementAnswer place(PlacementWorld& world, double rate) const = 0;
};

using RegisterPlacementPolicy = RegisterPolicy<PlacementPolicy>;

}  // namespace headroom
