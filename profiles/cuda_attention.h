// Attention over paged keys and values by the tensor cores: decode, prefill of a chunk behind
// cached tokens, and the sum of partial results when keys are split among blocks.
//
// The rows of a tile are (query, head of one key head's group) pairs, so grouped-query attention
// reads each key once for all heads that share it. Keys and values go from memory to registers by
// 16-byte loads and from there into the products: a product's inner index may be permuted at will
// as long as both factors agree, and so may the columns of its result, so that no value needs
// another lane's. One step is one page of 16 tokens. The softmax is the online one (Milakov and
// Gimelshein, Online normalizer calculation for softmax, 2018; Dao et al., FlashAttention, 2022).
//
// Decode: the four warps of a block take turns over the pages of one split and add up at the end.
// Prefill: each warp has 32 rows of its own and sees every page up to its block's last query.
//
// Law: agrees with fp64 within bf16's rounding of probabilities and result (tests say over which
// shapes). Cost: decode is bound by the keys' and values' bytes; prefill's loads are served by the
// first-level cache, which the block's warps share.
// Not here: warp-group products, asynchronous copies: an engine's best prefill kernel is faster.
#pragma once

#include "profiles/cuda_elementwise.h"

namespace headroom::gpu {

constexpr int kPageTokens = 16;  ///< vLLM's default block size

struct AttentionCall {
  const Bf16* q;              ///< [sequences, queries, heads, head_dim]
  const Bf16 *keys, *values;  ///< [pages, 16, kv_heads, head_dim]
  const std::int32_t* pages;  ///< [sequences, pages_a_sequence]
  Bf16* out;                  ///< as q
  float* partial;             ///< [splits, sequences, queries, heads, head_dim]; null: one split
  float* weights;  ///< [splits, sequences, queries, heads]: log2 of a split's share, unnormalised
  std::int64_t sequences, heads, kv_heads;
  std::int64_t queries;           ///< new tokens a sequence, its last ones
  std::int64_t context;           ///< tokens a sequence, the new ones included
  std::int64_t pages_a_sequence;  ///< at least context / 16, rounded up
  std::int64_t splits;            ///< parts of the keys, each a block's
};

template <int kDim, int kTiles>
struct Attention {
  static constexpr int kHeadDim = kDim;
  static constexpr int kThreads = 128, kWarps = kThreads / kLanes;
  /// Decode has few rows: its warps share them and split the keys.
  static constexpr bool kDecode = kTiles == 1;
  static constexpr int kRows = kDecode ? 16 : kWarps * 16 * kTiles;  ///< of a block
  static constexpr int kChunks = kDim / 32, kHalves = kDim / 64;
  // Bounds of arrays.
  static constexpr std::size_t kTileCount = kTiles, kChunkCount = kChunks, kHalfCount = kHalves;
  using Call = AttentionCall;

  template <class Block>
  struct Memory {
    /// [tile][chunk][row of a thread: l/4, + 8][thread]: each thread's own, no barrier needed.
    typename Block::template Shared<Vec16, kTiles * kChunks * 2 * kThreads> queries;
    typename Block::template Shared<float, kDecode ? kWarps * 16 * 64 : 1> sums;  ///< of one half
    typename Block::template Shared<float, kDecode ? kWarps * 16 : 1> most, total;
  };

  static HEADROOM_BOTH std::int64_t group(const Call& call) { return call.heads / call.kv_heads; }
  static HEADROOM_BOTH std::int64_t tiles(const Call& call) {
    return (call.queries * group(call) + kRows - 1) / kRows;
  }
  static HEADROOM_BOTH std::int64_t items(const Call& call) {
    return call.splits * tiles(call) * call.kv_heads * call.sequences;
  }

  template <class Block>
  struct State;
  template <class Block>
  static HEADROOM_GPU void run(Block& block, Memory<Block>& memory, const Call& call,
                               std::int64_t item) {
    State<Block> state(call, item);
    state.load_queries(block, memory);
    for (std::int64_t turn = 0; turn < state.turns(); ++turn) state.step(block, memory, turn);
    state.finish(block, memory);
  }
};

/// What a block's threads know while they walk over the pages.
template <int kDim, int kTiles>
template <class Block>
struct Attention<kDim, kTiles>::State {
  using Floats = typename Block::template Register<float>;
  using Words = typename Block::template Register<std::uint32_t>;
  using Vectors = typename Block::template Register<Vec16>;
  using Store = Memory<Block>;

  const Call& call;
  std::int64_t split, kv_head, sequence, first_row, last_page, begin_page;
  float scale;                                       ///< of scores, times log2(e)
  Floats scores[kTileCount][2][4];                   ///< 16 keys: two products of 8
  Floats sums[kTileCount][kHalfCount][8][4];         ///< of weighted values
  Floats most[kTileCount][2], total[kTileCount][2];  ///< of rows l/4 and l/4 + 8

  HEADROOM_GPU State(const Call& of, std::int64_t item) : call(of) {
    split = item % call.splits;
    item /= call.splits;
    kv_head = item % call.kv_heads;
    item /= call.kv_heads;
    sequence = item % call.sequences;
    // The last tile sees the most keys: first to start.
    first_row = (tiles(call) - 1 - item / call.sequences) * kRows;
    const std::int64_t rows = call.queries * group(call);
    const std::int64_t last_row = first_row + kRows < rows ? first_row + kRows - 1 : rows - 1;
    const std::int64_t seen = call.context - call.queries + last_row / group(call) + 1;
    const std::int64_t all = (call.context + kPageTokens - 1) / kPageTokens;
    const std::int64_t a_split = (all + call.splits - 1) / call.splits;
    const std::int64_t used = (seen + kPageTokens - 1) / kPageTokens;
    begin_page = split * a_split;
    last_page = begin_page + a_split < used ? begin_page + a_split : used;
    // 1 / sqrt(head_dim) log2(e): 2^x is one instruction.
    scale = 1.44269504F * (kDim == 64 ? 0.125F : 0.0883883476F);
  }

  HEADROOM_GPU std::int64_t turns() const {
    const std::int64_t pages = last_page - begin_page;
    if (pages <= 0) return 0;
    return kDecode ? (pages + kWarps - 1) / kWarps : pages;
  }
  /// Row of the tile, of a thread's upper (0) or lower (1) half.
  HEADROOM_GPU std::int64_t row_of(int t, int tile, int half) const {
    const int own = kDecode ? 0 : t / kLanes * 16 * kTiles;
    return first_row + own + tile * 16 + t % kLanes / 4 + half * 8;
  }
  HEADROOM_GPU std::int64_t rows() const { return call.queries * group(call); }
  /// Where (query, head) of a row begins in q and out; of the last row for rows beyond it.
  HEADROOM_GPU std::int64_t place_of(std::int64_t row) const {
    if (row >= rows()) row = rows() - 1;
    const std::int64_t query = row / group(call), head = kv_head * group(call) + row % group(call);
    return ((sequence * call.queries + query) * call.heads + head);
  }
  static HEADROOM_GPU int slot(int t, int tile, int chunk, int half) {
    return ((tile * kChunks + chunk) * 2 + half) * kThreads + t;
  }

  HEADROOM_GPU void load_queries(Block& block, Store& memory) {
    block.each([&](int t) {
      HEADROOM_UNROLL
      for (int tile = 0; tile < kTiles; ++tile) {
        HEADROOM_UNROLL
        for (int half = 0; half < 2; ++half) {
          const Bf16* const from = call.q + place_of(row_of(t, tile, half)) * kDim;
          most[tile][half][t] = -3e38F;
          total[tile][half][t] = 0;
          HEADROOM_UNROLL
          for (int chunk = 0; chunk < kChunks; ++chunk)
            memory.queries.store(t, slot(t, tile, chunk, half),
                                 load16(from + chunk * 32 + t % 4 * 8));
        }
      }
      HEADROOM_UNROLL
      for (int tile = 0; tile < kTiles; ++tile) {
        HEADROOM_UNROLL
        for (int i = 0; i < kHalves * 8 * 4; ++i) sums[tile][i / 32][i / 4 % 8][i % 4][t] = 0;
      }
    });
  }

  /// Page that a thread's warp works on in a turn, and whether that is one of the split's.
  HEADROOM_GPU std::int64_t page_of(int t, std::int64_t turn) const {
    return begin_page + (kDecode ? turn * kWarps + t / kLanes : turn);
  }
  /// Where the page's first token of this key head lies.
  HEADROOM_GPU std::int64_t base_of(int t, std::int64_t turn) const {
    std::int64_t page = page_of(t, turn);
    if (page >= last_page) page = last_page - 1;
    const std::int64_t at = call.pages[sequence * call.pages_a_sequence + page];
    return (at * kPageTokens * call.kv_heads + kv_head) * kDim;
  }

  /// Decode streams from memory: values are asked for before the keys are used. Prefill finds them
  /// in a cache and has no registers to spare.
  HEADROOM_GPU void step(Block& block, Store& memory, std::int64_t turn) {
    Vectors values[kHalfCount][4];
    if (kDecode) load_values(block, values, turn);
    multiply_keys(block, memory, turn);
    HEADROOM_UNROLL
    for (int tile = 0; tile < kTiles; ++tile) {
      mask(block, tile, turn);
      weigh(block, tile);
    }
    if (!kDecode) load_values(block, values, turn);
    multiply_values(block, values);
  }

  /// scores = q k. Lane l loads 8 numbers of key l/4 at 8 (l % 4) of each 32; words 0 and 1 are
  /// the factors of one product, 2 and 3 those of the next, for queries and keys alike.
  HEADROOM_GPU void multiply_keys(Block& block, Store& memory, std::int64_t turn) {
    Vectors key[2][kChunkCount];
    block.each([&](int t) {
      const Bf16* const from = call.keys + base_of(t, turn) + t % 4 * 8;
      HEADROOM_UNROLL
      for (int n = 0; n < 2; ++n) {
        HEADROOM_UNROLL
        for (int chunk = 0; chunk < kChunks; ++chunk)
          key[n][chunk][t] =
              load16(from + (n * 8 + t % kLanes / 4) * call.kv_heads * kDim + chunk * 32);
      }
      HEADROOM_UNROLL
      for (int tile = 0; tile < kTiles; ++tile) {
        HEADROOM_UNROLL
        for (int i = 0; i < 8; ++i) scores[tile][i / 4][i % 4][t] = 0;
      }
    });
    Words a[4], b[2];
    HEADROOM_UNROLL
    for (int tile = 0; tile < kTiles; ++tile) {
      HEADROOM_UNROLL
      for (int chunk = 0; chunk < kChunks; ++chunk) {
        Vectors upper, lower;
        block.each([&](int t) {
          upper[t] = memory.queries.load(t, slot(t, tile, chunk, 0));
          lower[t] = memory.queries.load(t, slot(t, tile, chunk, 1));
        });
        HEADROOM_UNROLL
        for (int part = 0; part < 2; ++part) {
          HEADROOM_UNROLL
          for (int n = 0; n < 2; ++n) {
            block.each([&](int t) {
              a[0][t] = upper[t].words[2 * part];
              a[1][t] = lower[t].words[2 * part];
              a[2][t] = upper[t].words[2 * part + 1];
              a[3][t] = lower[t].words[2 * part + 1];
              b[0][t] = key[n][chunk][t].words[2 * part];
              b[1][t] = key[n][chunk][t].words[2 * part + 1];
            });
            block.mma(scores[tile][n], a, b);
          }
        }
      }
    }
  }

  /// Keys that a row does not see, and those of another split, count as minus infinity.
  HEADROOM_GPU void mask(Block& block, int tile, std::int64_t turn) {
    block.each([&](int t) {
      const std::int64_t page = page_of(t, turn), key = page * kPageTokens;
      HEADROOM_UNROLL
      for (int half = 0; half < 2; ++half) {
        const std::int64_t row = row_of(t, tile, half);
        std::int64_t seen = call.context - call.queries + row / group(call) + 1;
        if (page >= last_page) seen = 0;
        if (key + kPageTokens <= seen) continue;
        HEADROOM_UNROLL
        for (int n = 0; n < 2; ++n) {
          HEADROOM_UNROLL
          for (int e = 0; e < 2; ++e)
            if (key + n * 8 + t % 4 * 2 + e >= seen) scores[tile][n][half * 2 + e][t] = -3e38F;
        }
      }
    });
  }

  /// scores become probabilities that are not divided by their sum yet; sums keep pace.
  HEADROOM_GPU void weigh(Block& block, int tile) {
    HEADROOM_UNROLL
    for (int half = 0; half < 2; ++half) {
      Floats top;
      block.each([&](int t) {
        top[t] = most[tile][half][t];
        HEADROOM_UNROLL
        for (int n = 0; n < 2; ++n) {
          HEADROOM_UNROLL
          for (int e = 0; e < 2; ++e) top[t] = largest(top[t], scores[tile][n][half * 2 + e][t]);
        }
      });
      block.quad_max(top);
      block.each([&](int t) {
        if (top[t] > most[tile][half][t]) {
          const float shrink = Block::exp2((most[tile][half][t] - top[t]) * scale);
          total[tile][half][t] *= shrink;
          HEADROOM_UNROLL
          for (int i = 0; i < kHalves * 8 * 2; ++i)
            sums[tile][i / 16][i / 2 % 8][half * 2 + i % 2][t] *= shrink;
        }
        most[tile][half][t] = top[t];
        HEADROOM_UNROLL
        for (int n = 0; n < 2; ++n) {
          HEADROOM_UNROLL
          for (int e = 0; e < 2; ++e) {
            float& score = scores[tile][n][half * 2 + e][t];
            // Where nothing was seen so far both are the same large number.
            score = score <= -3e38F ? 0.0F : Block::exp2((score - top[t]) * scale);
            total[tile][half][t] += score;
          }
        }
      });
    }
  }

  /// 8 numbers of each of four keys' values at 8 (l / 4) of each 64: keys 2 (l % 4), the next one,
  /// and both + 8, whose probabilities the lane has.
  HEADROOM_GPU void load_values(Block& block, Vectors (&values)[kHalfCount][4],
                                std::int64_t turn) const {
    block.each([&](int t) {
      const Bf16* const from = call.values + base_of(t, turn) + t % kLanes / 4 * 8;
      HEADROOM_UNROLL
      for (int part = 0; part < kHalves; ++part) {
        HEADROOM_UNROLL
        for (int i = 0; i < 4; ++i)
          values[part][i][t] =
              load16(from + part * 64 + (i / 2 * 8 + t % 4 * 2 + i % 2) * call.kv_heads * kDim);
      }
    });
  }

  /// sums += probabilities v.
  HEADROOM_GPU void multiply_values(Block& block, Vectors (&values)[kHalfCount][4]) {
    Words a[kTileCount][4];
    block.each([&](int t) {
      HEADROOM_UNROLL
      for (int tile = 0; tile < kTiles; ++tile) {
        HEADROOM_UNROLL
        for (int part = 0; part < 4; ++part)
          a[tile][part][t] = pack_bf16(scores[tile][part / 2][part % 2 * 2][t],
                                       scores[tile][part / 2][part % 2 * 2 + 1][t]);
      }
    });
    HEADROOM_UNROLL
    for (int part = 0; part < kHalves; ++part) {
      HEADROOM_UNROLL
      for (int n = 0; n < 8; ++n) {
        Words b[2];
        block.each([&](int t) {
          HEADROOM_UNROLL
          for (int i = 0; i < 2; ++i) {
            const std::uint32_t first = values[part][2 * i][t].words[n / 2];
            const std::uint32_t second = values[part][2 * i + 1][t].words[n / 2];
            b[i][t] = n % 2 == 0 ? Block::lows(first, second) : Block::highs(first, second);
          }
        });
        HEADROOM_UNROLL
        for (int tile = 0; tile < kTiles; ++tile) block.mma(sums[tile][part][n], a[tile], b);
      }
    }
  }

  HEADROOM_GPU void finish(Block& block, Store& memory) {
    HEADROOM_UNROLL
    for (int tile = 0; tile < kTiles; ++tile) {
      HEADROOM_UNROLL
      for (int half = 0; half < 2; ++half) block.quad_sum(total[tile][half]);
    }
    if (kDecode) {
      join_warps(block, memory);
      return;
    }
    block.each([&](int t) {
      HEADROOM_UNROLL
      for (int tile = 0; tile < kTiles; ++tile) {
        HEADROOM_UNROLL
        for (int half = 0; half < 2; ++half) {
          const std::int64_t row = row_of(t, tile, half);
          if (row >= rows()) continue;
          const float share = total[tile][half][t] > 0 ? 1.0F / total[tile][half][t] : 0.0F;
          if (t % 4 == 0) write_weight(row, most[tile][half][t], total[tile][half][t]);
          HEADROOM_UNROLL
          for (int part = 0; part < kHalves; ++part) {
            HEADROOM_UNROLL
            for (int e = 0; e < 2; ++e) {
              // Column 2 (l % 4) + e of product n is number n of the 8 at that place.
              float eight[kVector];
              HEADROOM_UNROLL
              for (int n = 0; n < 8; ++n) eight[n] = sums[tile][part][n][half * 2 + e][t] * share;
              write_eight(row, part * 64 + (t % 4 * 2 + e) * 8, eight);
            }
          }
        }
      }
    });
  }

  /// A split that saw nothing weighs nothing.
  HEADROOM_GPU void write_weight(std::int64_t row, float top, float sum) const {
    if (call.partial == nullptr) return;
    call.weights[split_place(row)] = sum > 0 ? top * scale + Block::log2(sum) : -3e38F;
  }
  HEADROOM_GPU std::int64_t split_place(std::int64_t row) const {
    return split * call.sequences * call.queries * call.heads + place_of(row);
  }
  HEADROOM_GPU void write_eight(std::int64_t row, int at, const float (&eight)[kVector]) const {
    if (call.partial == nullptr) {
      store16(call.out + place_of(row) * kDim + at, pack(eight));
      return;
    }
    HEADROOM_UNROLL
    for (int i = 0; i < 2; ++i) {
      Vec16 vector;
      HEADROOM_UNROLL
      for (int j = 0; j < 4; ++j) vector.words[j] = bits_of(eight[4 * i + j]);
      store16(call.partial + split_place(row) * kDim + at + 4 * i, vector);
    }
  }

  /// The warps' sums of one tile, added half a head at a time.
  HEADROOM_GPU void join_warps(Block& block, Store& memory) {
    block.each([&](int t) {
      HEADROOM_UNROLL
      for (int half = 0; half < 2; ++half)
        if (t % 4 == 0) {
          const int at = t / kLanes * 16 + t % kLanes / 4 + half * 8;
          memory.most.store(t, at, most[0][half][t]);
          memory.total.store(t, at, total[0][half][t]);
        }
    });
    HEADROOM_UNROLL
    for (int part = 0; part < kHalves; ++part) {
      block.each([&](int t) {
        HEADROOM_UNROLL
        for (int n = 0; n < 8; ++n) {
          HEADROOM_UNROLL
          for (int i = 0; i < 4; ++i) {
            const int row = t % kLanes / 4 + i / 2 * 8, at = (t % 4 * 2 + i % 2) * 8 + n;
            memory.sums.store(t, (t / kLanes * 16 + row) * 64 + at, sums[0][part][n][i][t]);
          }
        }
      });
      block.barrier();
      block.each([&](int t) { write_joined(memory, t, part); });
      block.barrier();
    }
  }

  /// Eight numbers of one row: thread t has row t / 8.
  HEADROOM_GPU void write_joined(Store& memory, int t, int part) const {
    const int row = t / 8, at = t % 8 * 8;
    float top = -3e38F, sum = 0, eight[kVector] = {};
    HEADROOM_UNROLL
    for (int warp = 0; warp < kWarps; ++warp)
      top = largest(top, memory.most.load(t, warp * 16 + row));
    HEADROOM_UNROLL
    for (int warp = 0; warp < kWarps; ++warp) {
      const float weight = Block::exp2((memory.most.load(t, warp * 16 + row) - top) * scale);
      sum += memory.total.load(t, warp * 16 + row) * weight;
      HEADROOM_UNROLL
      for (int i = 0; i < kVector; ++i)
        eight[i] += memory.sums.load(t, (warp * 16 + row) * 64 + at + i) * weight;
    }
    if (first_row + row >= rows()) return;
    HEADROOM_UNROLL
    for (float& value : eight) value = sum > 0 ? value / sum : 0.0F;
    if (part == 0 && at == 0) write_weight(first_row + row, top, sum);
    write_eight(first_row + row, part * 64 + at, eight);
  }
};

/// Adds up the splits of every (sequence, query, head).
struct JoinSplits {
  static constexpr int kThreads = 128;
  struct Call {
    AttentionCall of;
    std::int64_t head_dim;
  };
  template <class Block>
  struct Memory {};

  static HEADROOM_BOTH std::int64_t vectors(const Call& call) {
    return call.of.sequences * call.of.queries * call.of.heads * call.head_dim / kVector;
  }
  static HEADROOM_BOTH std::int64_t items(const Call& call) {
    return (vectors(call) + kThreads - 1) / kThreads;
  }
  template <class Block>
  static HEADROOM_GPU void run(Block& block, Memory<Block>&, const Call& call, std::int64_t item) {
    block.each([&](int t) {
      const std::int64_t vector = item * kThreads + t;
      if (vector >= vectors(call)) return;
      const std::int64_t row = vector * kVector / call.head_dim;
      const std::int64_t rows = call.of.sequences * call.of.queries * call.of.heads;
      float top = -3e38F, all = 0, sum[kVector] = {};
      for (std::int64_t split = 0; split < call.of.splits; ++split)
        top = largest(top, call.of.weights[split * rows + row]);
      for (std::int64_t split = 0; split < call.of.splits; ++split) {
        const float weight = Block::exp2(call.of.weights[split * rows + row] - top);
        float part[kVector];
        Rope::eight(call.of.partial + split * rows * call.head_dim + vector * kVector, part);
        all += weight;
        HEADROOM_UNROLL
        for (int i = 0; i < kVector; ++i) sum[i] += weight * part[i];
      }
      HEADROOM_UNROLL
      for (float& value : sum) value /= all;
      store16(call.of.out + vector * kVector, pack(sum));
    });
  }
};

/// Parts of the keys, so that `processors` multiprocessors have two blocks each, of 128 keys or
/// more.
template <class Kernel>
std::int64_t splits_for(AttentionCall call, std::int64_t processors) {
  call.splits = 1;
  const std::int64_t blocks = Kernel::items(call), wanted = (2 * processors + blocks - 1) / blocks;
  const std::int64_t most = call.context / 128;
  const std::int64_t splits = wanted < most ? wanted : most;
  return splits < 1 ? 1 : splits > 64 ? 64 : splits;
}

}  // namespace headroom::gpu
