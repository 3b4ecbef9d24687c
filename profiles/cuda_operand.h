// Operands and outputs of measured work on a GPU, and comparing sampled outputs with references.
//
// Law: `Operand::at` is what the GPU's fill kernel wrote, to the bit; a poisoned output is all ones
// (NaN in every format here). Cost: one small download a sample.
// Not here: which operands a kernel has.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "profiles/cuda_gpu.h"

namespace headroom::gpu {

/// An array of random numbers on the GPU.
class Operand {
 public:
  Operand(Gpu& gpu, Element element, std::int64_t count, std::uint64_t seed);
  [[nodiscard]] double at(std::int64_t index) const;
  [[nodiscard]] void* data() const { return memory_.data(); }
  template <class T>
  [[nodiscard]] T* as() const {
    return memory_.as<T>();
  }

 private:
  GpuMemory memory_;
  Element element_;
  std::uint64_t seed_;
};

/// What a kernel writes.
class Output {
 public:
  Output(Gpu& gpu, Element element, std::int64_t count);
  void poison() const;
  /// Empty, or that some element was never written.
  [[nodiscard]] std::string unwritten() const;
  [[nodiscard]] double at(std::int64_t index) const;
  [[nodiscard]] void* data() const { return memory_.data(); }
  template <class T>
  [[nodiscard]] T* as() const {
    return memory_.as<T>();
  }

 private:
  Gpu* gpu_;
  GpuMemory memory_;
  Element element_;
  std::int64_t count_;
};

/// A table of numbers, uploaded.
template <class T>
[[nodiscard]] GpuMemory uploaded(Gpu& gpu, const std::vector<T>& values) {
  GpuMemory memory(gpu, values.size() * sizeof(T));
  gpu.upload(memory.data(), values.data(), values.size() * sizeof(T));
  return memory;
}

/// 0 to count - 1 in random order.
[[nodiscard]] std::vector<std::int32_t> shuffled(std::int64_t count, std::uint64_t seed);

/// Empty, or "out[3]: expected 1, got 2" when they differ by more than `allowed`.
[[nodiscard]] std::string differs(std::int64_t index, double got, double expected, double allowed);

/// Half a unit in the last of bf16's eight bits, relative to the number.
constexpr double kBf16Error = 1.0 / 256;

}  // namespace headroom::gpu
