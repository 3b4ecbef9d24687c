// What a kernel's body is written against: one block of threads, on a GPU or emulated on the CPU.
//
// A body is a sequence of phases. `each` runs a function for every thread; on a GPU that is the
// calling thread itself, on the CPU a loop over all of them. Values that live from one phase to the
// next are `Register`s, what threads share is `Shared`; lanes exchange values by operations of the
// block, of which the CPU has a scalar model, fragment layouts of the tensor cores included (PTX
// ISA, section on mma.m16n8k16).
//
// Law: on the CPU, a thread that reads from `Shared` what another one wrote since the last
// `barrier`, or that overwrites what another one touched since, is counted in `races`; the order
// in which `each` visits the threads is the test's choice. Cost: on a GPU none.
// Not here: how blocks are launched (profiles/cuda_own.cuh).
#pragma once

#include "profiles/cuda_number.h"

#if !defined(__CUDACC__)
#include <cmath>
#include <vector>
#endif

namespace headroom::gpu {

constexpr int kLanes = 32;  ///< threads of a warp

/// 16 bytes that no kernel writes while this one runs.
HEADROOM_GPU Vec16 load16(const void* from) {
#if defined(__CUDA_ARCH__)
  const uint4 v = __ldg(static_cast<const uint4*>(from));
  return {{v.x, v.y, v.z, v.w}};
#else
  return *static_cast<const Vec16*>(from);
#endif
}
HEADROOM_GPU void store16(void* to, const Vec16& value) {
#if defined(__CUDA_ARCH__)
  *static_cast<uint4*>(to) =
      make_uint4(value.words[0], value.words[1], value.words[2], value.words[3]);
#else
  *static_cast<Vec16*>(to) = value;
#endif
}

HEADROOM_GPU float largest(float a, float b) { return a < b ? b : a; }

#if defined(__CUDACC__)

/// The calling thread's view of its block.
struct DeviceBlock {
  template <class T>
  struct Register {
    T value;
    __device__ T& operator[](int) { return value; }
  };
  template <class T, int kCount>
  struct Shared {
    T values[kCount];
    __device__ T load(int, int at) { return values[at]; }
    __device__ void store(int, int at, T value) { values[at] = value; }
  };

  template <class Function>
  __device__ __forceinline__ void each(const Function& function) {
    function(static_cast<int>(threadIdx.x));
  }
  __device__ __forceinline__ void barrier() { __syncthreads(); }

  /// Largest of four neighbouring lanes' values, for all four.
  __device__ __forceinline__ void quad_max(Register<float>& x) {
    x.value = fmaxf(x.value, __shfl_xor_sync(0xffffffffU, x.value, 1));
    x.value = fmaxf(x.value, __shfl_xor_sync(0xffffffffU, x.value, 2));
  }
  __device__ __forceinline__ void quad_sum(Register<float>& x) {
    x.value += __shfl_xor_sync(0xffffffffU, x.value, 1);
    x.value += __shfl_xor_sync(0xffffffffU, x.value, 2);
  }
  __device__ __forceinline__ void warp_sum(Register<float>& x) {
    for (int by = 16; by > 0; by /= 2) x.value += __shfl_xor_sync(0xffffffffU, x.value, by);
  }
  __device__ __forceinline__ void warp_max(Register<float>& x) {
    for (int by = 16; by > 0; by /= 2)
      x.value = fmaxf(x.value, __shfl_xor_sync(0xffffffffU, x.value, by));
  }
  /// c += a b for each warp: 16 x 16 by 16 x 8, bf16 factors, float sums.
  __device__ __forceinline__ void mma(Register<float> (&c)[4], Register<std::uint32_t> (&a)[4],
                                      Register<std::uint32_t> (&b)[2]) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, "
        "{%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0].value), "+f"(c[1].value), "+f"(c[2].value), "+f"(c[3].value)
        : "r"(a[0].value), "r"(a[1].value), "r"(a[2].value), "r"(a[3].value), "r"(b[0].value),
          "r"(b[1].value));
  }
  __device__ __forceinline__ static float exp2(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
  }
  __device__ __forceinline__ static float log2(float x) { return __log2f(x); }
  __device__ __forceinline__ static float inverse_sqrt(float x) { return rsqrtf(x); }
  /// The lower (upper) halves of two words, `first` below.
  __device__ __forceinline__ static std::uint32_t lows(std::uint32_t first, std::uint32_t second) {
    return __byte_perm(first, second, 0x5410);
  }
  __device__ __forceinline__ static std::uint32_t highs(std::uint32_t first, std::uint32_t second) {
    return __byte_perm(first, second, 0x7632);
  }
  __device__ __forceinline__ static void add_to(unsigned long long* sum, unsigned long long value) {
    atomicAdd(sum, value);
  }
};

#else

/// All threads of one block, one after the other.
class HostBlock {
 public:
  static constexpr int kMostThreads = 256;

  template <class T>
  struct Register {
    T values[kMostThreads];
    T& operator[](int thread) { return values[thread]; }
  };

  /// Knows who touched each element since the last barrier.
  template <class T, int kCount>
  class Shared {
   public:
    T load(int thread, int at) {
      Mark& mark = marks_.at(static_cast<std::size_t>(at));
      const long long now = current_->epoch_;
      if (mark.written == now && mark.writer != thread) ++current_->races_;
      if (mark.read == now && mark.reader != thread) thread = kMany;
      mark.reader = thread;
      mark.read = now;
      return values_.at(static_cast<std::size_t>(at));
    }
    void store(int thread, int at, T value) {
      Mark& mark = marks_.at(static_cast<std::size_t>(at));
      const long long now = current_->epoch_;
      if (mark.written == now && mark.writer != thread) ++current_->races_;
      if (mark.read == now && mark.reader != thread) ++current_->races_;
      mark.written = now;
      mark.writer = thread;
      values_.at(static_cast<std::size_t>(at)) = value;
    }

   private:
    static constexpr int kMany = -2;
    struct Mark {
      long long written = -1, read = -1;
      int writer = -1, reader = -1;
    };
    std::vector<T> values_ = std::vector<T>(kCount);
    std::vector<Mark> marks_ = std::vector<Mark>(kCount);
  };

  /// `step` visits threads 0, step, 2 step, ... modulo their number; odd; negative: backwards. The
  /// last block made is the one that runs.
  HostBlock(int threads, int step) : threads_(threads), step_(step) { current_ = this; }

  template <class Function>
  void each(const Function& function) {
    for (int i = 0; i < threads_; ++i) function(((i * step_) % threads_ + threads_) % threads_);
  }
  void barrier() { ++epoch_; }
  [[nodiscard]] long long races() const { return races_; }

  void quad_max(Register<float>& x) {
    reduce(x, 4, [](float a, float b) { return largest(a, b); });
  }
  void quad_sum(Register<float>& x) {
    reduce(x, 4, [](float a, float b) { return a + b; });
  }
  void warp_max(Register<float>& x) {
    reduce(x, kLanes, [](float a, float b) { return largest(a, b); });
  }
  void warp_sum(Register<float>& x) {
    reduce(x, kLanes, [](float a, float b) { return a + b; });
  }
  void mma(Register<float> (&c)[4], Register<std::uint32_t> (&a)[4],
           Register<std::uint32_t> (&b)[2]) {
    for (int warp = 0; warp < threads_; warp += kLanes) mma_of_warp(c, a, b, warp);
  }
  static float exp2(float x) { return std::exp2(x); }
  static float log2(float x) { return std::log2(x); }
  static float inverse_sqrt(float x) { return 1.0F / std::sqrt(x); }
  static std::uint32_t lows(std::uint32_t first, std::uint32_t second) {
    return (first & 0xffffU) | second << 16U;
  }
  static std::uint32_t highs(std::uint32_t first, std::uint32_t second) {
    return first >> 16U | (second & 0xffff0000U);
  }
  static void add_to(unsigned long long* sum, unsigned long long value) { *sum += value; }

 private:
  template <class Operation>
  void reduce(Register<float>& x, int width, const Operation& operation) const {
    for (int first = 0; first < threads_; first += width) {
      float all = x[first];
      for (int i = 1; i < width; ++i) all = operation(all, x[first + i]);
      for (int i = 0; i < width; ++i) x[first + i] = all;
    }
  }

  /// Lane l holds a[0]: row l/4, columns 2(l%4) and the next; a[1]: row + 8; a[2]: columns + 8;
  /// a[3]: both. b[0]: rows 2(l%4) and the next of column l/4; b[1]: rows + 8. c[0], c[1]: row l/4,
  /// columns 2(l%4) and the next; c[2], c[3]: row + 8.
  static void mma_of_warp(Register<float> (&c)[4], Register<std::uint32_t> (&a)[4],
                          Register<std::uint32_t> (&b)[2], int warp) {
    float left[16][16], right[16][8];
    for (int lane = 0; lane < kLanes; ++lane) {
      const int row = lane / 4, column = 2 * (lane % 4);
      for (int part = 0; part < 4; ++part) {
        const std::uint32_t pair = a[part][warp + lane];
        float* const to = &left[row + 8 * (part % 2)][column + 8 * (part / 2)];
        to[0] = low_of(pair);
        to[1] = high_of(pair);
      }
      for (int part = 0; part < 2; ++part) {
        right[column + 8 * part][row] = low_of(b[part][warp + lane]);
        right[column + 8 * part + 1][row] = high_of(b[part][warp + lane]);
      }
    }
    for (int lane = 0; lane < kLanes; ++lane)
      for (int part = 0; part < 4; ++part) {
        const int row = lane / 4 + 8 * (part / 2), column = 2 * (lane % 4) + part % 2;
        float sum = c[part][warp + lane];
        for (int i = 0; i < 16; ++i) sum += left[row][i] * right[i][column];
        c[part][warp + lane] = sum;
      }
  }

  inline static HostBlock* current_ = nullptr;
  int threads_, step_;
  long long epoch_ = 0, races_ = 0;
};

#endif

}  // namespace headroom::gpu
