// What one iteration of a replica costs: the line between the simulated system and models/.
//
// Law: for a batch of decodes only, behind another of decodes only, `price(shape)` equals
// `decode_line(...).at(context)` to the nanosecond, so that a run of equal iterations can be summed
// in closed form (sim/decode_run.h).
// Law: times are non-negative, and a decode line never falls with growing context.
// Cost: O(1) a call, O(prefill chunks) where there are any; no allocation.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "sim/units.h"

namespace headroom {

/// Fixed-point nanoseconds with 20 fractional bits: slopes below a picosecond per token stay exact.
constexpr int kFixedBits = 20;
constexpr std::int64_t kFixedOne = std::int64_t{1} << kFixedBits;

/// Real seconds as fixed-point nanoseconds, to nearest. Requires 0 <= s < 8796.
[[nodiscard]] constexpr std::int64_t fixed_from_seconds(double s) {
  return static_cast<std::int64_t>(s * 1e9 * static_cast<double>(kFixedOne) + 0.5);
}

/// One piece of prompt computed in this iteration.
struct PrefillChunk {
  std::int32_t tokens = 0;   ///< new tokens, >= 1
  std::int32_t cached = 0;   ///< tokens of the same request whose KV exists already
  std::int32_t samples = 0;  ///< 1 when this chunk completes the prompt and yields a token, else 0
};

/// All that the price of an iteration depends on.
struct BatchShape {
  std::int64_t decodes = 0;  ///< requests that compute exactly one token on top of cached KV
  /// Sum over decodes of the context length, the new token included, what padded rows read, and
  /// what unequal contexts cost (`CostModel::skew_share`).
  std::int64_t decode_context = 0;
  std::int64_t padded_decodes = 0;  ///< further rows computed without use (static batching, holes)
  std::span<const PrefillChunk> prefills{};
  Bytes host_transfer{0};  ///< KV swapped to or from host memory before the iteration starts
  /// Prompt tokens of the iteration that this replica started before (`CostModel::has_memory`).
  std::int64_t prefill_tokens_before = 0;

  [[nodiscard]] std::int64_t prefill_tokens() const {
    std::int64_t sum = 0;
    for (const PrefillChunk& chunk : prefills) sum += chunk.tokens;
    return sum;
  }
  /// Over chunks: tokens, and end^2 - cached^2, so that the chunks of a prompt have the square of
  /// the whole.
  struct PrefillSums {
    std::int64_t tokens = 0;
    Int128 squares = 0;
  };
  [[nodiscard]] PrefillSums prefill_sums() const {
    PrefillSums sums;
    for (const PrefillChunk& chunk : prefills) {
      const std::int64_t end = std::int64_t{chunk.cached} + chunk.tokens;
      sums.tokens += chunk.tokens;
      sums.squares += Int128{end} * end - Int128{chunk.cached} * chunk.cached;
    }
    return sums;
  }
  /// Rows computed: a token each, padding included.
  [[nodiscard]] std::int64_t all_tokens() const {
    return decodes + padded_decodes + prefill_tokens();
  }
  /// Rows from which a token is sampled, padding included.
  [[nodiscard]] std::int64_t sampled_rows() const {
    std::int64_t rows = decodes + padded_decodes;
    for (const PrefillChunk& chunk : prefills) rows += chunk.samples;
    return rows;
  }
};

/// Duration as a function of the total decode context S of a fixed number of decodes:
/// floor((base + slope * S) / 2^20) nanoseconds, valid for S <= last_context.
struct DecodeLine {
  std::int64_t base = 0;          ///< fixed-point ns; may be negative only where the sum is not
  std::int64_t slope = 0;         ///< fixed-point ns per token of context, >= 0
  std::int64_t last_context = 0;  ///< the line holds up to and including this S

  [[nodiscard]] Duration at(std::int64_t context) const {
    return Duration((base + slope * context) >> kFixedBits);
  }
};

/// Price of one iteration. With pipeline parallelism each of the pp stages takes `stage`, and the
/// batch's result is known after pp stages; `handoff` is the move of activations between two
/// stages.
struct IterationPrice {
  Duration stage;
  Duration handoff{0};
};

/// Kinds of work, for the account of where simulated time went.
enum class OperatorClass : std::uint8_t {
  gemm,
  prefill_attention,
  decode_attention,
  moe,
  collective,
  elementwise,
  host,
};
constexpr int kOperatorClasses = 7;
[[nodiscard]] const char* to_string(OperatorClass operator_class);

/// What a price rests on.
enum class Evidence : std::uint8_t { measured, interpolated, extrapolated };
constexpr int kEvidences = 3;
[[nodiscard]] const char* to_string(Evidence evidence);

/// Fixed-point time by kind of work and evidence, summed exactly.
struct CostLedger {
  std::array<std::array<Int128, kEvidences>, kOperatorClasses> fixed_ns{};
  void add(OperatorClass operator_class, Evidence evidence, Int128 amount) {
    fixed_ns[static_cast<std::size_t>(operator_class)][static_cast<std::size_t>(evidence)] +=
        amount;
  }
};

/// What runs in the same iteration as some decodes.
enum class DecodesBeside : std::uint8_t { nothing, prompts };

/// One whole, of a share that a batch's unequal contexts are paid for.
constexpr int kSkewBits = 10;

class CostModel {
 public:
  virtual ~CostModel() = default;

  /// A batch whose contexts are not equal costs as if `share` of what they lack to the longest were
  /// context as well: the caller adds share x (decodes x longest - sum) to its total context, which
  /// stays constant while the batch's composition does. In units of 2^-kSkewBits, 0 or more; 0: the
  /// sum alone counts.
  [[nodiscard]] virtual std::int64_t skew_share(std::int64_t /*decodes*/,
                                                DecodesBeside /*beside*/) const {
    return 0;
  }
  /// False: every share is 0, and nobody need ask.
  [[nodiscard]] virtual bool has_skew() const { return false; }
  /// True: a price depends on `BatchShape::prefill_tokens_before`. False: nobody need say.
  [[nodiscard]] virtual bool has_memory() const { return false; }

  /// Time of one iteration. Requires at least one decode or prefill chunk.
  [[nodiscard]] virtual IterationPrice price(const BatchShape& shape) const = 0;

  /// The line on which an iteration of `decodes` decodes (plus `padded`) with total context
  /// `context` lies. Requires decodes >= 1. Only used with pipeline parallelism 1.
  [[nodiscard]] virtual DecodeLine decode_line(std::int64_t decodes, std::int64_t padded,
                                               std::int64_t context) const = 0;

  /// Books the time of one iteration by kind and evidence.
  virtual void charge(const BatchShape& shape, CostLedger& ledger) const = 0;

  /// Books `iterations` decode-only iterations whose summed context is `context_sum`, all on the
  /// line that holds at `context`. Must equal as many calls of `charge`.
  virtual void charge_decodes(std::int64_t decodes, std::int64_t padded, std::int64_t context,
                              std::int64_t iterations, std::int64_t context_sum,
                              CostLedger& ledger) const = 0;
};

}  // namespace headroom
