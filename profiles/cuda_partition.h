// A GPU's multiprocessors in two parts, each with a stream of its own (the driver's green
// contexts), found while the program runs.
//
// Law: sizes are what the driver gave, which may be more than was asked for; memory bandwidth and
// the second-level cache stay shared. Cost: milliseconds. Not here: what runs in the parts.
#pragma once

#include <memory>
#include <string>

#include "profiles/cuda_launch.h"

namespace headroom::gpu {

class SmPartition {
 public:
  /// The first part gets about `first` multiprocessors, the second the rest. Null, with the reason
  /// in `why_not`, where driver or GPU cannot.
  [[nodiscard]] static std::unique_ptr<SmPartition> make(int ordinal, int first,
                                                         std::string& why_not);
  struct Parts;
  /// For `make`.
  explicit SmPartition(std::unique_ptr<Parts> parts);
  ~SmPartition();
  SmPartition(const SmPartition&) = delete;
  SmPartition& operator=(const SmPartition&) = delete;

  [[nodiscard]] int processors(int part) const;
  [[nodiscard]] StreamHandle stream(int part) const;

 private:
  std::unique_ptr<Parts> parts_;
};

}  // namespace headroom::gpu
