// Fits a cost pack to a profile store; the packs that ship (models/packs/) are made so.
//
// Each table minimises the absolute error of log2(time / base), reweighted least squares with a
// weak pull between neighbours that fills cells without rows. Of a library the newest version that
// has a table's kernels is taken; of routings power_law_1.2, what AIConfigurator's own models use.
//
// Law: the same store gives the same bytes.
// Cost: seconds a device.
// Not here: what tables mean (models/pack.h), how well a store answers for itself
// (models/kernel_place.h).
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "models/pack.h"
#include "profiles/store.h"

namespace headroom {

/// A measured kernel as fits and error tables see it.
struct FitRow {
  Operator op{};
  PackPoint point{};
  double seconds = 0;
};

/// All rows of one table.
struct FitGroup {
  PackKey key{};
  std::string library{}, version{};
  std::vector<FitRow> rows{};
};

/// The rows that tables are fitted to, group by group, in the order of libraries and keys.
[[nodiscard]] std::vector<FitGroup> fit_groups(const ProfileStore& store, const Device& device);

/// Throws nothing; `rows` must not be empty and share a key.
[[nodiscard]] PackTable fit_table(std::span<const FitRow> rows);

/// Throws InputError where the store has no kernel of the device.
[[nodiscard]] Pack fit_device_pack(const ProfileStore& store, const Device& device);

}  // namespace headroom
