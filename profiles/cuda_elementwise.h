// The kernels between a transformer's matrix products: bodies for one block, and what a launch of
// each needs.
//
// Law: every access to memory that is wide is one of 16 bytes; an item of work touches its own
// outputs only; bf16 in and out, arithmetic in float. Cost: bound by memory; each input is read
// once, a row that is normalised or quantised a second time from a cache.
// Not here: launching (profiles/cuda_gpu.h), references (profiles/cuda_work.cpp).
#pragma once

#include "profiles/cuda_block.h"

namespace headroom::gpu {

constexpr int kVector = 8;  ///< bf16 numbers in 16 bytes

/// What the elements of an array are.
enum class Element : std::uint8_t { bf16, fp16, e4m3, fp32 };
HEADROOM_BOTH int bytes_of(Element element) {
  return element == Element::fp32 ? 4 : element == Element::e4m3 ? 1 : 2;
}

HEADROOM_GPU void unpack(const Vec16& vector, float (&to)[kVector]) {
  HEADROOM_UNROLL
  for (int i = 0; i < 4; ++i) {
    to[2 * i] = low_of(vector.words[i]);
    to[2 * i + 1] = high_of(vector.words[i]);
  }
}
HEADROOM_GPU Vec16 pack(const float (&from)[kVector]) {
  Vec16 vector;
  HEADROOM_UNROLL
  for (int i = 0; i < 4; ++i) vector.words[i] = pack_bf16(from[2 * i], from[2 * i + 1]);
  return vector;
}

/// Of every thread's number, over the block; each thread gets the result.
template <class Block, class Partials>
HEADROOM_GPU void block_sum(Block& block, Partials& partials, int warps,
                            typename Block::template Register<float>& x) {
  block.warp_sum(x);
  block.each([&](int t) {
    if (t % kLanes == 0) partials.store(t, t / kLanes, x[t]);
  });
  block.barrier();
  block.each([&](int t) {
    x[t] = 0;
    HEADROOM_UNROLL
    for (int warp = 0; warp < warps; ++warp) x[t] += partials.load(t, warp);
  });
  block.barrier();
}

/// Random numbers in (-1, 1) without zero, by `random_float`; `count` of them, a multiple of 16.
struct Fill {
  static constexpr int kThreads = 256;
  static constexpr int kElements = 16;  ///< a thread's
  struct Call {
    void* to;
    std::int64_t count;
    std::uint64_t seed;
    Element element;
  };
  template <class Block>
  struct Memory {};

  static HEADROOM_BOTH std::int64_t items(const Call& call) {
    return (call.count / kElements + kThreads - 1) / kThreads;
  }
  static HEADROOM_GPU std::uint32_t word(const Call& call, std::int64_t at, int of_word) {
    const auto value = [&](int i) {
      return random_float(call.seed, static_cast<std::uint64_t>(at + of_word + i));
    };
    if (call.element == Element::fp32) return bits_of(value(0));
    if (call.element == Element::bf16) return pack_bf16(value(0), value(1));
    if (call.element == Element::fp16)
      return to_fp16(value(0)).bits | static_cast<std::uint32_t>(to_fp16(value(1)).bits) << 16U;
    return pack_e4m3(value(0), value(1)) | pack_e4m3(value(2), value(3)) << 16U;
  }
  template <class Block>
  static HEADROOM_GPU void run(Block& block, Memory<Block>&, const Call& call, std::int64_t item) {
    block.each([&](int t) {
      const std::int64_t at = (item * kThreads + t) * kElements;
      if (at >= call.count) return;
      const int in_word = 4 / bytes_of(call.element), in_vector = 4 * in_word;
      for (int first = 0; first < kElements; first += in_vector) {
        Vec16 vector;
        HEADROOM_UNROLL
        for (int i = 0; i < 4; ++i) vector.words[i] = word(call, at, first + i * in_word);
        store16(static_cast<char*>(call.to) + (at + first) * bytes_of(call.element), vector);
      }
    });
  }
};

/// How many of `words` 16-bit words are all ones: what a poisoned output that was never written
/// still holds. Adds to `*found`.
struct CountPoison {
  static constexpr int kThreads = 256;
  struct Call {
    const void* from;
    std::int64_t vectors;  ///< of 16 bytes
    unsigned long long* found;
  };
  template <class Block>
  struct Memory {};

  static HEADROOM_BOTH std::int64_t items(const Call& call) {
    return (call.vectors + kThreads - 1) / kThreads;
  }
  template <class Block>
  static HEADROOM_GPU void run(Block& block, Memory<Block>&, const Call& call, std::int64_t item) {
    block.each([&](int t) {
      const std::int64_t at = item * kThreads + t;
      if (at >= call.vectors) return;
      const Vec16 vector = load16(static_cast<const char*>(call.from) + at * 16);
      unsigned long long found = 0;
      HEADROOM_UNROLL
      for (const std::uint32_t word : vector.words)
        found += ((word & 0xffffU) == 0xffffU ? 1U : 0U) + (word >> 16U == 0xffffU ? 1U : 0U);
      if (found > 0) block.add_to(call.found, found);
    });
  }
};

/// out = x / rms(x) * weight; with a residual, x + residual takes x's place and is written back.
/// One row an item.
struct RmsNorm {
  static constexpr int kThreads = 256;
  struct Call {
    const Bf16* x;         ///< [rows, width]
    const Bf16* residual;  ///< [rows, width]; null: none
    Bf16* sum;             ///< [rows, width], x + residual; null with `residual`
    const Bf16* weight;    ///< [width]
    Bf16* out;             ///< [rows, width]
    std::int64_t rows, width;
  };
  template <class Block>
  struct Memory {
    typename Block::template Shared<float, kThreads / kLanes> partials;
  };

  static HEADROOM_BOTH std::int64_t items(const Call& call) { return call.rows; }
  static HEADROOM_GPU void input(const Call& call, std::int64_t at, float (&x)[kVector]) {
    unpack(load16(call.x + at), x);
    if (call.residual == nullptr) return;
    float other[kVector];
    unpack(load16(call.residual + at), other);
    HEADROOM_UNROLL
    for (int i = 0; i < kVector; ++i) x[i] = to_float(to_bf16(x[i] + other[i]));
  }
  template <class Block>
  static HEADROOM_GPU void run(Block& block, Memory<Block>& memory, const Call& call,
                               std::int64_t item) {
    typename Block::template Register<float> squares;
    block.each([&](int t) {
      squares[t] = 0;
      for (std::int64_t i = t * kVector; i < call.width; i += kThreads * kVector) {
        float x[kVector];
        input(call, item * call.width + i, x);
        HEADROOM_UNROLL
        for (const float value : x) squares[t] += value * value;
        if (call.residual != nullptr) store16(call.sum + item * call.width + i, pack(x));
      }
    });
    block_sum(block, memory.partials, kThreads / kLanes, squares);
    block.each([&](int t) {
      // 1e-5: Llama's rms_norm_eps.
      const float share = Block::inverse_sqrt(squares[t] / static_cast<float>(call.width) + 1e-5F);
      for (std::int64_t i = t * kVector; i < call.width; i += kThreads * kVector) {
        float x[kVector], weight[kVector];
        input(call, item * call.width + i, x);
        unpack(load16(call.weight + i), weight);
        HEADROOM_UNROLL
        for (int j = 0; j < kVector; ++j) x[j] *= share * weight[j];
        store16(call.out + item * call.width + i, pack(x));
      }
    });
  }
};

/// out = silu(gate) * up; gate and up lie side by side in one row, as a fused product leaves them.
struct SiluMul {
  static constexpr int kThreads = 256;
  struct Call {
    const Bf16* gate_up;  ///< [rows, 2 width]
    Bf16* out;            ///< [rows, width]
    std::int64_t rows, width;
  };
  template <class Block>
  struct Memory {};

  static HEADROOM_BOTH std::int64_t items(const Call& call) {
    return (call.rows * call.width / kVector + kThreads - 1) / kThreads;
  }
  template <class Block>
  static HEADROOM_GPU void run(Block& block, Memory<Block>&, const Call& call, std::int64_t item) {
    constexpr float kLog2E = 1.44269504F;
    block.each([&](int t) {
      const std::int64_t at = (item * kThreads + t) * kVector;
      if (at >= call.rows * call.width) return;
      const std::int64_t from = at + at / call.width * call.width;
      float gate[kVector], up[kVector];
      unpack(load16(call.gate_up + from), gate);
      unpack(load16(call.gate_up + from + call.width), up);
      HEADROOM_UNROLL
      for (int i = 0; i < kVector; ++i)
        gate[i] = gate[i] / (1.0F + Block::exp2(-gate[i] * kLog2E)) * up[i];
      store16(call.out + at, pack(gate));
    });
  }
};

/// Rotates numbers i and i + head_dim / 2 of each head by the row's angles.
struct Rope {
  static constexpr int kThreads = 128;
  struct Call {
    const Bf16* x;                       ///< [rows, width]
    const float *cosines, *sines;        ///< [rows, head_dim / 2]
    Bf16* out;                           ///< [rows, width]
    std::int64_t rows, width, head_dim;  ///< head_dim a multiple of 16, width of head_dim
  };
  template <class Block>
  struct Memory {};

  static HEADROOM_BOTH std::int64_t items(const Call& call) {
    return (call.rows * call.width / 2 / kVector + kThreads - 1) / kThreads;
  }
  static HEADROOM_GPU void eight(const float* from, float (&to)[kVector]) {
    HEADROOM_UNROLL
    for (int part = 0; part < 2; ++part) {
      const Vec16 vector = load16(from + 4 * part);
      HEADROOM_UNROLL
      for (int i = 0; i < 4; ++i) to[4 * part + i] = float_of(vector.words[i]);
    }
  }
  template <class Block>
  static HEADROOM_GPU void run(Block& block, Memory<Block>&, const Call& call, std::int64_t item) {
    block.each([&](int t) {
      const std::int64_t pair = (item * kThreads + t) * kVector, half = call.head_dim / 2;
      if (pair >= call.rows * call.width / 2) return;
      const std::int64_t row = pair / (call.width / 2), in = pair % half;
      const std::int64_t at = pair / half * call.head_dim + in;
      float x[kVector], y[kVector], c[kVector], s[kVector];
      unpack(load16(call.x + at), x);
      unpack(load16(call.x + at + half), y);
      eight(call.cosines + row * half + in, c);
      eight(call.sines + row * half + in, s);
      HEADROOM_UNROLL
      for (int i = 0; i < kVector; ++i) {
        const float turned = x[i] * c[i] - y[i] * s[i];
        y[i] = y[i] * c[i] + x[i] * s[i];
        x[i] = turned;
      }
      store16(call.out + at, pack(x));
      store16(call.out + at + half, pack(y));
    });
  }
};

/// Copies rows whose place on one side is a table's: new keys into pages (scatter), pages into one
/// block, tokens to their experts (gather).
struct MoveRows {
  static constexpr int kThreads = 256;
  enum class Way : std::uint8_t { gather, scatter };
  struct Call {
    const void* from;
    void* to;
    const std::int32_t* places;    ///< [rows]: row on the paged side
    std::int64_t rows, row_bytes;  ///< a multiple of 16
    Way way;
  };
  template <class Block>
  struct Memory {};

  static HEADROOM_BOTH std::int64_t items(const Call& call) {
    return (call.rows * (call.row_bytes / 16) + kThreads - 1) / kThreads;
  }
  template <class Block>
  static HEADROOM_GPU void run(Block& block, Memory<Block>&, const Call& call, std::int64_t item) {
    block.each([&](int t) {
      const std::int64_t vector = item * kThreads + t, vectors = call.row_bytes / 16;
      const std::int64_t row = vector / vectors, in = vector % vectors * 16;
      if (row >= call.rows) return;
      const std::int64_t place = call.places[row];
      const std::int64_t from = call.way == Way::gather ? place : row;
      const std::int64_t to = call.way == Way::gather ? row : place;
      store16(static_cast<char*>(call.to) + to * call.row_bytes + in,
              load16(static_cast<const char*>(call.from) + from * call.row_bytes + in));
    });
  }
};

/// Sums each token's `topk` rows, weighted: what an expert layer ends with.
struct WeightedSum {
  static constexpr int kThreads = 256;
  struct Call {
    const Bf16* x;               ///< [tokens topk, width]
    const float* weights;        ///< [tokens, topk]
    const std::int32_t* places;  ///< [tokens, topk]: rows of x
    Bf16* out;                   ///< [tokens, width]
    std::int64_t tokens, width, topk;
  };
  template <class Block>
  struct Memory {};

  static HEADROOM_BOTH std::int64_t items(const Call& call) {
    return (call.tokens * call.width / kVector + kThreads - 1) / kThreads;
  }
  template <class Block>
  static HEADROOM_GPU void run(Block& block, Memory<Block>&, const Call& call, std::int64_t item) {
    block.each([&](int t) {
      const std::int64_t at = (item * kThreads + t) * kVector;
      const std::int64_t token = at / call.width, in = at % call.width;
      if (token >= call.tokens) return;
      float sum[kVector] = {};
      for (std::int64_t j = 0; j < call.topk; ++j) {
        const float weight = call.weights[token * call.topk + j];
        float x[kVector];
        unpack(load16(call.x + call.places[token * call.topk + j] * call.width + in), x);
        HEADROOM_UNROLL
        for (int i = 0; i < kVector; ++i) sum[i] += weight * x[i];
      }
      store16(call.out + at, pack(sum));
    });
  }
};

/// e4m3 with one scale a row: the row's largest magnitude becomes 448. One row an item.
struct QuantizeRows {
  static constexpr int kThreads = 256;
  static constexpr float kMost = 448.0F;
  struct Call {
    const Bf16* x;  ///< [rows, width], width a multiple of 16
    E4m3* out;      ///< [rows, width]
    float* scales;  ///< [rows]: x is about out * scale
    std::int64_t rows, width;
  };
  template <class Block>
  struct Memory {
    typename Block::template Shared<float, kThreads / kLanes> partials;
  };

  static HEADROOM_BOTH std::int64_t items(const Call& call) { return call.rows; }
  static HEADROOM_GPU void sixteen(const Bf16* from, float scale, E4m3* to) {
    Vec16 vector;
    HEADROOM_UNROLL
    for (int half = 0; half < 2; ++half) {
      float x[kVector];
      unpack(load16(from + half * kVector), x);
      HEADROOM_UNROLL
      for (int i = 0; i < 2; ++i)
        vector.words[2 * half + i] = pack_e4m3(x[4 * i] * scale, x[4 * i + 1] * scale) |
                                     pack_e4m3(x[4 * i + 2] * scale, x[4 * i + 3] * scale) << 16U;
    }
    store16(to, vector);
  }
  template <class Block>
  static HEADROOM_GPU void run(Block& block, Memory<Block>& memory, const Call& call,
                               std::int64_t item) {
    const Bf16* const row = call.x + item * call.width;
    typename Block::template Register<float> most;
    block.each([&](int t) {
      most[t] = 0;
      for (std::int64_t i = t * kVector; i < call.width; i += kThreads * kVector) {
        float x[kVector];
        unpack(load16(row + i), x);
        HEADROOM_UNROLL
        for (const float value : x) most[t] = largest(most[t], value < 0 ? -value : value);
      }
    });
    block.warp_max(most);
    block.each([&](int t) {
      if (t % kLanes == 0) memory.partials.store(t, t / kLanes, most[t]);
    });
    block.barrier();
    block.each([&](int t) {
      float all = 1e-12F;
      HEADROOM_UNROLL
      for (int warp = 0; warp < kThreads / kLanes; ++warp)
        all = largest(all, memory.partials.load(t, warp));
      if (t == 0) call.scales[item] = all / kMost;
      for (std::int64_t i = t * 2 * kVector; i < call.width; i += kThreads * 2 * kVector)
        sixteen(row + i, kMost / all, call.out + item * call.width + i);
    });
    block.barrier();
  }
};

}  // namespace headroom::gpu
