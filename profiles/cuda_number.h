// The numbers that GPU kernels read and write, with the same meaning under nvcc and g++: bfloat16,
// half and 8-bit (e4m3) floats, vectors of 16 bytes, random operands by index.
//
// Law: conversions round to nearest, ties to even; e4m3 saturates at 448 (Micikevicius et al., FP8
// Formats for Deep Learning, 2022). An operand is a function of (seed, index) and never zero, so a
// reference computes it again instead of reading it back. Cost: on a GPU one instruction a pair
// where the hardware has one.
// Not here: kernels.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__CUDACC__)
#define HEADROOM_GPU __device__ __forceinline__
#define HEADROOM_UNROLL _Pragma("unroll")
#define HEADROOM_BOTH __host__ __device__ __forceinline__
#else
#define HEADROOM_GPU inline
#define HEADROOM_UNROLL
#define HEADROOM_BOTH inline
#endif

namespace headroom::gpu {

struct Bf16 {
  std::uint16_t bits;
};
struct Fp16 {
  std::uint16_t bits;
};
struct E4m3 {
  std::uint8_t bits;
};

/// What one thread loads or stores with one instruction.
struct alignas(16) Vec16 {
  std::uint32_t words[4];
};

HEADROOM_GPU std::uint32_t bits_of(float value) {
  std::uint32_t bits = 0;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}
HEADROOM_GPU float float_of(std::uint32_t bits) {
  float value = 0;
  memcpy(&value, &bits, sizeof value);
  return value;
}

HEADROOM_GPU float to_float(Bf16 x) { return float_of(static_cast<std::uint32_t>(x.bits) << 16U); }
/// Of the lower and the upper half of a word.
HEADROOM_GPU float low_of(std::uint32_t pair) { return float_of(pair << 16U); }
HEADROOM_GPU float high_of(std::uint32_t pair) { return float_of(pair & 0xffff0000U); }

/// Not for NaN.
HEADROOM_GPU Bf16 to_bf16(float x) {
  const std::uint32_t bits = bits_of(x);
  return {static_cast<std::uint16_t>((bits + 0x7fffU + ((bits >> 16U) & 1U)) >> 16U)};
}

/// Two numbers in one word, `low` in the lower half. Not for NaN.
HEADROOM_GPU std::uint32_t pack_bf16(float low, float high) {
#if defined(__CUDA_ARCH__)
  std::uint32_t pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
#else
  return to_bf16(low).bits | static_cast<std::uint32_t>(to_bf16(high).bits) << 16U;
#endif
}

/// For magnitudes from 2^-14 to 65504, the normal numbers of the format; smaller ones become 0.
HEADROOM_GPU Fp16 to_fp16(float x) {
  const std::uint32_t bits = bits_of(x), sign = bits >> 16U & 0x8000U, size = bits & 0x7fffffffU;
  if (size < 0x38800000U) return {static_cast<std::uint16_t>(sign)};
  const std::uint32_t rounded = size - 0x38000000U + 0xfffU + (size >> 13U & 1U);
  return {static_cast<std::uint16_t>(sign | rounded >> 13U)};
}
HEADROOM_GPU float to_float(Fp16 x) {
  const std::uint32_t sign = static_cast<std::uint32_t>(x.bits & 0x8000U) << 16U;
  const std::uint32_t size = x.bits & 0x7fffU;
  return size == 0 ? float_of(sign) : float_of(sign | ((size << 13U) + 0x38000000U));
}

/// e4m3 without infinities: 448 is the largest, subnormals step by 2^-9.
HEADROOM_GPU E4m3 to_e4m3_by_bits(float x) {
  const std::uint32_t bits = bits_of(x), sign = bits >> 24U & 0x80U, size = bits & 0x7fffffffU;
  if (size >= 0x43e80000U) return {static_cast<std::uint8_t>(sign | 0x7eU)};  // 464 rounds to 448
  if (size < 0x3c800000U) {  // below 2^-6, the least normal number
    // Adding 2^14 leaves multiples of 2^-9 in the last bits of the sum, rounded as the law says.
    const float sum = float_of(size) + 16384.0F;
    return {static_cast<std::uint8_t>(sign | (bits_of(sum) - bits_of(16384.0F)))};
  }
  const std::uint32_t rounded = size - 0x3c000000U + 0x7ffffU + (size >> 20U & 1U);
  return {static_cast<std::uint8_t>(sign | rounded >> 20U)};
}
HEADROOM_GPU float to_float(E4m3 x) {
  const std::uint32_t sign = static_cast<std::uint32_t>(x.bits & 0x80U) << 24U;
  const std::uint32_t size = x.bits & 0x7fU;
  if (size == 0x7fU) return float_of(sign | 0x7fc00000U);
  if (size < 8U) return float_of(sign | bits_of(static_cast<float>(size) * 0.001953125F));  // 2^-9
  return float_of(sign | ((size << 20U) + 0x3c000000U));
}

/// Two numbers in the lower and upper byte.
HEADROOM_GPU std::uint32_t pack_e4m3(float low, float high) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 890
  std::uint16_t pair;
  asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;" : "=h"(pair) : "f"(high), "f"(low));
  return pair;
#else
  return to_e4m3_by_bits(low).bits | static_cast<std::uint32_t>(to_e4m3_by_bits(high).bits) << 8U;
#endif
}

/// Random bits of (seed, index): splitmix64's output function (Steele, Lea and Flood, 2014; public
/// domain) over a counter.
HEADROOM_GPU std::uint64_t random_bits(std::uint64_t seed, std::uint64_t index) {
  std::uint64_t z = seed * 0xd1342543de82ef95ULL + (index + 1) * 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31U);
}
/// Uniform on [-1, -2^-7] and [2^-7, 1]: zeros run faster than data, and no format here rounds one
/// of these to zero.
HEADROOM_GPU float random_float(std::uint64_t seed, std::uint64_t index) {
  const std::uint64_t bits = random_bits(seed, index);
  const float size = 0.0078125F + static_cast<float>(bits >> 41U) * (0.9921875F / 8388607.0F);
  return (bits & 1U) == 0 ? size : -size;
}

}  // namespace headroom::gpu
