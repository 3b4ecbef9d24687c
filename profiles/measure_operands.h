// Aligned arrays of one kernel's operands on the CPU, filled, poisoned and pushed out of caches.
//
// Law: after `evict` no cache holds a line of the array. Cost: of evicting, about as much as
// writing the array.
// Not here: which arrays a kernel needs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "profiles/measure_plan.h"

namespace headroom {

class OperandArray {
 public:
  OperandArray() = default;
  /// Zeroed floats. Throws std::bad_alloc.
  explicit OperandArray(std::size_t count);

  [[nodiscard]] float* data() { return floats_.get(); }
  [[nodiscard]] const float* data() const { return floats_.get(); }
  [[nodiscard]] std::size_t size() const { return count_; }
  /// Random numbers in (-1, 1), none of them zero.
  void fill(SplitMix& random);
  /// Quiet NaN everywhere.
  void poison();
  /// Whether a NaN is left.
  [[nodiscard]] bool poisoned() const;
  void evict();

 private:
  struct Free {
    void operator()(float* floats) const { std::free(floats); }
  };
  std::unique_ptr<float, Free> floats_{};
  std::size_t count_ = 0;
};

}  // namespace headroom
