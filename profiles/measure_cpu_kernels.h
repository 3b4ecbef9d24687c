// The loops between a transformer's matrix products, and its attention, on one CPU thread in
// float32.
//
// Law: each agrees with its definition in double precision within 1e-4 of the output's scale (the
// tests say over which shapes). Cost: memory-bound but softmax and activation, which cost about a
// nanosecond an element; the file is compiled so that its loops use vector instructions
// (cmake/folders.cmake).
// Not here: timing (profiles/measure_cpu.cpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "profiles/measure_blas.h"

namespace headroom {

/// e^x for x in [-87, 0], relative error below 3e-7; for smaller x at most e^-87.
[[nodiscard]] float exp_of_negative(float x);

/// values[i] <- exp(values[i] * scale - max) / sum over the first `count`; the rest, up to `width`,
/// becomes 0. Requires 0 < count <= width.
void softmax_row(float* values, std::size_t count, std::size_t width, float scale);

/// out = x / rms(x) * weight, row by row; x [rows, width].
void rms_norm(const float* x, const float* weight, float* out, std::size_t rows, std::size_t width);

/// out = silu(gate) * up, element by element.
void silu_mul(const float* gate, const float* up, float* out, std::size_t count);

/// Rotates neighbouring pairs of each row by the row's angles; cosines and sines [rows, head_dim /
/// 2], x [rows, width], width a multiple of head_dim.
void rotate_rows(const float* x, const float* cosines, const float* sines, float* out,
                 std::size_t rows, std::size_t width, std::size_t head_dim);

/// Sizes of one attention call; rows of a token lie side by side: [token, head, head_dim].
struct AttentionSizes {
  std::int64_t heads = 0, kv_heads = 0, head_dim = 0;
  std::int64_t queries = 0;  ///< new tokens, the last keys
  std::int64_t keys = 0;     ///< cached and new tokens
};

/// Causal attention of one sequence: query i sees keys 0 to keys - queries + i. `scores` is
/// scratch.
void attend(const Blas& blas, const AttentionSizes& sizes, const float* q, const float* k,
            const float* v, float* out, std::vector<float>& scores);

/// One query of one head in double precision, `keys` of it seen; `out` has head_dim numbers.
void attend_reference(const AttentionSizes& sizes, std::int64_t query, std::int64_t head,
                      const float* q, const float* k, const float* v, double* out);

}  // namespace headroom
