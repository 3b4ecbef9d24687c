// An iteration's cost as flat tables, compiled once for a (model, device, split, precision,
// engine).
//
// Token work (GEMMs, experts, element-wise, collectives) and sampled rows are tables over their
// count, exact below 128 and linear in 128 steps an octave above; decode attention is a line in
// total context for each batch size and octave of context; prefill attention is bilinear in (chunk,
// cached). Everything is integer fixed point.
//
// Law: for decodes only, price equals its decode line; time never falls with more tokens or more
// context; the ledger's amounts sum to the price; `charge_decodes` equals repeated `charge`.
// Cost: O(1) a call plus O(chunks), no allocation; 1 to 3 MB of tables. Pipeline stages are taken
// equal to the slowest, which holds the LM head: throughput is right, latency a little high.
// Not here: the tables' workings (models/cost_tables.h), where an operator's time comes from
// (models/operator_cost.h and its implementations).
#pragma once

#include <cstdint>

#include "models/cost_tables.h"
#include "models/engine.h"
#include "sim/cost_model.h"

namespace headroom {

/// The cost model made of the tables. With pipeline parallelism `price().stage` is one stage's
/// time.
class CompiledCost final : public CostModel {
 public:
  /// `host_bandwidth`: of one GPU's link to its host, as a data sheet states it.
  CompiledCost(const ShardedModel& sharded, const EngineDescription& engine,
               const OperatorTimes& times, BytesPerSecond host_bandwidth);

  [[nodiscard]] IterationPrice price(const BatchShape& shape) const override;
  [[nodiscard]] std::int64_t skew_share(std::int64_t decodes, DecodesBeside beside) const override;
  [[nodiscard]] bool has_skew() const override {
    return !skew_.alone.empty() || !skew_.beside_prompts.empty();
  }
  [[nodiscard]] DecodeLine decode_line(std::int64_t decodes, std::int64_t padded,
                                       std::int64_t context) const override;
  void charge(const BatchShape& shape, CostLedger& ledger) const override;
  void charge_decodes(std::int64_t decodes, std::int64_t padded, std::int64_t context,
                      std::int64_t iterations, std::int64_t context_sum,
                      CostLedger& ledger) const override;

  // What an execution policy rearranges (models/executed_cost.h). Fixed-point nanoseconds.
  // ----------------------------------------------------------------------------------------------
  /// An iteration's time on the device: what stays apart, and what may overlap.
  struct DeviceParts {
    std::int64_t work = 0;  ///< operators that grow with tokens
    std::int64_t rows = 0;  ///< operators of sampled rows
    Int128 prefill = 0, decode = 0;
  };
  [[nodiscard]] DeviceParts device_parts(const BatchShape& shape) const;
  [[nodiscard]] std::int64_t token_work(std::int64_t tokens) const { return tokens_.total(tokens); }
  [[nodiscard]] std::int64_t row_work(std::int64_t rows) const { return rows_.total(rows); }
  [[nodiscard]] DecodeAttentionTable::Line decode_attention(std::int64_t rows,
                                                            std::int64_t context) const {
    return decode_.at(rows, context);
  }
  /// First context of the table's line that holds at `context`.
  [[nodiscard]] std::int64_t decode_attention_start(std::int64_t context) const {
    return decode_.start(context);
  }
  void charge_tokens(std::int64_t tokens, CostLedger& ledger) const {
    tokens_.charge(tokens, 1, ledger);
  }
  void charge_rows(std::int64_t rows, std::int64_t iterations, CostLedger& ledger) const {
    rows_.charge(rows, iterations, ledger);
  }
  /// The price of a batch whose device time is `device`.
  [[nodiscard]] IterationPrice price_of(const BatchShape& shape, Int128 device) const;
  /// Host work, floors and swaps of such a batch.
  void charge_host(const BatchShape& shape, Int128 device, CostLedger& ledger) const;
  /// A device's line of decodes with floor and host work; `context` counts padded rows.
  [[nodiscard]] DecodeLine finished(DecodeLine line, std::int64_t decodes, std::int64_t padded,
                                    std::int64_t context) const;
  /// Decode-only iterations on one line (`CostModel::charge_decodes`).
  struct DecodeIterations {
    std::int64_t decodes = 0, padded = 0, context = 0, iterations = 0, context_sum = 0;
  };
  /// Host work and floors of iterations whose device time lies on `device`.
  void charge_decode_host(const DecodeLine& device, const DecodeIterations& run,
                          CostLedger& ledger) const;

 private:
  /// Attention groups are scheduled, and capture graphs, each for its own share of the batch.
  [[nodiscard]] std::int64_t share(std::int64_t amount) const {
    return groups_ == 1 ? amount : (amount + groups_ - 1) / groups_;
  }
  [[nodiscard]] bool captured(std::int64_t tokens, std::int64_t chunks) const {
    return share(tokens) <= captured_tokens_ && (chunks == 0 || captures_prefill_);
  }
  [[nodiscard]] Int128 prefill_attention(const BatchShape& shape) const;
  /// The device's own time, with what launches add to it when the batch is not captured.
  [[nodiscard]] Int128 launched(const BatchShape& shape, Int128 device) const;
  /// Tokens of the batch; with attention groups at least so many that the longest chunk, which one
  /// group holds alone, is a group's share.
  [[nodiscard]] std::int64_t work_tokens(const BatchShape& shape) const;
  /// What all groups do together (experts, and the exchange around them) takes the tokens there
  /// are, however unevenly the groups hold them.
  [[nodiscard]] std::int64_t token_time(const BatchShape& shape) const;
  void charge_tokens(const BatchShape& shape, CostLedger& ledger) const;
  void charge_prefills(const BatchShape& shape, CostLedger& ledger) const;
  [[nodiscard]] Int128 device_time(const BatchShape& shape) const;
  [[nodiscard]] std::int64_t host_time(std::int64_t sequences) const {
    return host_iteration_ + host_sequence_ * share(sequences);
  }
  [[nodiscard]] std::int64_t transfer_time(Bytes bytes) const;

  WorkTable tokens_;
  WorkTable together_;  ///< of tokens_, what attention groups do together; nothing without groups
  WorkTable rows_;
  WorkTable handoff_;
  DecodeAttentionTable decode_;
  PrefillAttentionTable prefill_;
  SkewLaw skew_;
  std::int64_t prefill_launch_ = 0;
  std::int64_t pipeline_ = 1;
  std::int64_t groups_ = 1;  ///< of attention data parallelism
  std::int64_t captured_tokens_ = 0;
  bool captures_prefill_ = false;
  std::int64_t floor_ = 0;
  std::int64_t eager_ = 0;  ///< in 1/1024
  std::int64_t host_iteration_ = 0, host_sequence_ = 0;
  Evidence host_evidence_ = Evidence::extrapolated;
  double host_bytes_per_second_ = 0;
};

}  // namespace headroom
