// Collectives and copies between the GPUs of this machine, one process for all of them.
//
// Law: a collective's time is that of its slowest rank; results are checked on every rank. Cost:
// communicators are made once a number of ranks. Not here: other machines' GPUs.
#pragma once

#include <memory>
#include <string>

#include "profiles/measure_device.h"

namespace headroom::gpu {

class Collectives {
 public:
  /// Ranks are the GPUs from `ordinal` on.
  explicit Collectives(int ordinal);
  ~Collectives();
  Collectives(const Collectives&) = delete;
  Collectives& operator=(const Collectives&) = delete;

  [[nodiscard]] static bool knows(const KernelShape& shape);
  /// Throws GpuRefusal.
  [[nodiscard]] Preparation prepare(const KernelShape& shape, std::uint64_t seed);
  /// "NCCL 2.28.9", or why there are none.
  [[nodiscard]] std::string text() const;

  struct World;

 private:
  std::unique_ptr<World> world_;
};

}  // namespace headroom::gpu
