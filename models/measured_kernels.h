// A profile store's kernels of one device, read once a process and shared by every cost model that
// is made of them.
//
// Law: the same contents give the same grid and digest; a store that changed on disk is read anew.
// Safe to call from several threads: one reads, those that ask for the same wait.
// Cost: the first call for a device and library reads their rows, about 3 s for 400,000; later ones
// look a key up. What was read stays until the process ends.
// Not here: what a time means for a shape nobody measured (models/table_cost.h).
#pragma once

#include <string>

#include "models/device.h"
#include "models/kernel_grid.h"
#include "models/skew_law.h"
#include "profiles/store.h"

namespace headroom {

struct MeasuredKernels {
  KernelGrid grid;
  SkewLaws skew{};
  std::string digest;  ///< of all the store holds
};

/// `library` as `read_grid` takes it; a store without that library answers with all it has.
/// Throws InputError: a store that cannot be read, or (at `where`) one without the device, naming
/// the devices it has.
[[nodiscard]] const MeasuredKernels& measured_kernels(const std::string& path, const Device& device,
                                                      const std::string& library,
                                                      const std::string& where);

/// The same without a digest, from a store that is open.
[[nodiscard]] MeasuredKernels kernels_of(const ProfileStore& store, const Device& device,
                                         const std::string& library, const std::string& where);

}  // namespace headroom
