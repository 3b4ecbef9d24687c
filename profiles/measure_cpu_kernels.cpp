#include "profiles/measure_cpu_kernels.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace headroom {
namespace {

// Sixteen floats: one AVX-512 register, four of SSE; the loop over them is unrolled.
constexpr std::size_t kLane = 16;

inline float exp_clipped(float x) {
  // e^x = 2^n e^r, |r| <= ln(2)/2; e^r by Taylor's series to the sixth power (error 0.35^7 / 7! =
  // 1.3e-7). ln 2 in two parts keeps r exact (Cody and Waite, 1980).
  const float clipped = x < -87.0F ? -87.0F : x;
  const float scaled = clipped * 1.44269504F - 0.5F;
  const auto whole = static_cast<std::int32_t>(scaled);  // towards zero: nearest, x is negative
  const auto n = static_cast<float>(whole);
  const float r = (clipped - n * 0.693359375F) + n * 2.12194440e-4F;
  float e = 1.0F / 720;
  e = e * r + 1.0F / 120;
  e = e * r + 1.0F / 24;
  e = e * r + 1.0F / 6;
  e = e * r + 0.5F;
  e = e * r + 1.0F;
  e = e * r + 1.0F;
  return e * std::bit_cast<float>(static_cast<std::uint32_t>(whole + 127) << 23U);
}

template <class Body>
inline void in_lanes(std::size_t count, const Body& body) {
  std::size_t i = 0;
  for (; i + kLane <= count; i += kLane)
    for (std::size_t j = 0; j < kLane; ++j) body(i + j);
  for (; i < count; ++i) body(i);
}

float sum_of_squares(const float* x, std::size_t count) {
  float parts[kLane] = {};
  std::size_t i = 0;
  for (; i + kLane <= count; i += kLane)
    for (std::size_t j = 0; j < kLane; ++j) parts[j] += x[i + j] * x[i + j];
  float sum = 0;
  for (const float part : parts) sum += part;
  for (; i < count; ++i) sum += x[i] * x[i];
  return sum;
}

float largest(const float* x, std::size_t count) {
  float parts[kLane];
  std::fill(parts, parts + kLane, x[0]);
  std::size_t i = 0;
  for (; i + kLane <= count; i += kLane)
    for (std::size_t j = 0; j < kLane; ++j) parts[j] = parts[j] < x[i + j] ? x[i + j] : parts[j];
  float most = *std::max_element(parts, parts + kLane);
  for (; i < count; ++i) most = std::max(most, x[i]);
  return most;
}

float sum_of(const float* x, std::size_t count) {
  float parts[kLane] = {};
  std::size_t i = 0;
  for (; i + kLane <= count; i += kLane)
    for (std::size_t j = 0; j < kLane; ++j) parts[j] += x[i + j];
  float sum = 0;
  for (const float part : parts) sum += part;
  for (; i < count; ++i) sum += x[i];
  return sum;
}

// Rows of queries whose scores are computed together: keys beyond the last of them are left out,
// and the scores of a block stay in a second-level cache for contexts of a few thousand.
constexpr std::int64_t kQueryBlock = 64;

int blas_int(std::int64_t value) { return static_cast<int>(value); }

}  // namespace

float exp_of_negative(float x) { return exp_clipped(x); }

void softmax_row(float* values, std::size_t count, std::size_t width, float scale) {
  const float most = largest(values, count) * scale;
  in_lanes(count, [=](std::size_t i) { values[i] = exp_clipped(values[i] * scale - most); });
  const float share = 1.0F / sum_of(values, count);
  in_lanes(count, [=](std::size_t i) { values[i] *= share; });
  std::fill(values + count, values + width, 0.0F);
}

void rms_norm(const float* x, const float* weight, float* out, std::size_t rows,
              std::size_t width) {
  for (std::size_t row = 0; row < rows; ++row) {
    const float* __restrict in = x + row * width;
    const float* __restrict by = weight;
    float* __restrict to = out + row * width;
    // 1e-5: Llama's rms_norm_eps.
    const float share =
        1.0F / std::sqrt(sum_of_squares(in, width) / static_cast<float>(width) + 1e-5F);
    in_lanes(width, [&](std::size_t i) { to[i] = in[i] * share * by[i]; });
  }
}

void silu_mul(const float* gate_in, const float* up_in, float* out_to, std::size_t count) {
  const float* __restrict gate = gate_in;
  const float* __restrict up = up_in;
  float* __restrict out = out_to;
  in_lanes(count, [&](std::size_t i) {
    // silu(x) = max(x, 0) - |x| e / (1 + e), e = exp(-|x|): no choice between two branches.
    const float size = std::abs(gate[i]);
    const float e = exp_clipped(-size);
    out[i] = ((gate[i] + size) * 0.5F - size * (e / (1.0F + e))) * up[i];
  });
}

void rotate_rows(const float* x, const float* cosines, const float* sines, float* out,
                 std::size_t rows, std::size_t width, std::size_t head_dim) {
  const std::size_t half = head_dim / 2;
  for (std::size_t row = 0; row < rows; ++row) {
    const float* __restrict c = cosines + row * half;
    const float* __restrict s = sines + row * half;
    for (std::size_t head = 0; head < width; head += head_dim) {
      const float* __restrict in = x + row * width + head;
      float* __restrict to = out + row * width + head;
      in_lanes(half, [&](std::size_t i) {
        to[i] = in[i] * c[i] - in[half + i] * s[i];
        to[half + i] = in[half + i] * c[i] + in[i] * s[i];
      });
    }
  }
}

void attend(const Blas& blas, const AttentionSizes& sizes, const float* q, const float* k,
            const float* v, float* out, std::vector<float>& scores) {
  const std::int64_t dim = sizes.head_dim, group = sizes.heads / sizes.kv_heads;
  const int q_row = blas_int(sizes.heads * dim), kv_row = blas_int(sizes.kv_heads * dim);
  const float scale = 1.0F / std::sqrt(static_cast<float>(dim));
  const std::int64_t past = sizes.keys - sizes.queries;
  scores.resize(static_cast<std::size_t>(kQueryBlock * group * sizes.keys));
  for (std::int64_t first = 0; first < sizes.queries; first += kQueryBlock) {
    const std::int64_t rows = std::min(kQueryBlock, sizes.queries - first);
    const std::int64_t seen = past + first + rows;
    for (std::int64_t head = 0; head < sizes.heads; ++head) {
      // A group's heads of one query lie side by side: one product serves them all in decode.
      const bool together = rows == 1;
      if (together && head % group != 0) continue;
      const int m = blas_int(together ? group : rows);
      const int lda = together ? blas_int(dim) : q_row;
      const float* const qs = q + (first * sizes.heads + head) * dim;
      const std::int64_t kv = head / group * dim;
      blas.sgemm(kRowMajor, kNoTrans, kTrans, m, blas_int(seen), blas_int(dim), 1.0F, qs, lda,
                 k + kv, kv_row, 0.0F, scores.data(), blas_int(seen));
      for (std::int64_t row = 0; row < m; ++row) {
        const std::int64_t own = together ? seen : past + first + row + 1;
        softmax_row(scores.data() + row * seen, static_cast<std::size_t>(own),
                    static_cast<std::size_t>(seen), scale);
      }
      blas.sgemm(kRowMajor, kNoTrans, kNoTrans, m, blas_int(dim), blas_int(seen), 1.0F,
                 scores.data(), blas_int(seen), v + kv, kv_row, 0.0F,
                 out + (first * sizes.heads + head) * dim, lda);
    }
  }
}

void attend_reference(const AttentionSizes& sizes, std::int64_t query, std::int64_t head,
                      const float* q, const float* k, const float* v, double* out) {
  const std::int64_t dim = sizes.head_dim, group = sizes.heads / sizes.kv_heads;
  const std::int64_t seen = sizes.keys - sizes.queries + query + 1;
  const float* const own = q + (query * sizes.heads + head) * dim;
  std::vector<double> scores(static_cast<std::size_t>(seen));
  double most = -1e300;
  for (std::int64_t key = 0; key < seen; ++key) {
    const float* const other = k + (key * sizes.kv_heads + head / group) * dim;
    double score = 0;
    for (std::int64_t i = 0; i < dim; ++i)
      score += static_cast<double>(own[i]) * static_cast<double>(other[i]);
    score /= std::sqrt(static_cast<double>(dim));
    scores[static_cast<std::size_t>(key)] = score;
    most = std::max(most, score);
  }
  double sum = 0;
  for (double& score : scores) sum += score = std::exp(score - most);
  std::fill(out, out + dim, 0.0);
  for (std::int64_t key = 0; key < seen; ++key) {
    const float* const value = v + (key * sizes.kv_heads + head / group) * dim;
    const double weight = scores[static_cast<std::size_t>(key)] / sum;
    for (std::int64_t i = 0; i < dim; ++i) out[i] += weight * static_cast<double>(value[i]);
  }
}

}  // namespace headroom
