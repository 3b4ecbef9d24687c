// An iteration's cost where an execution policy arranges the operators of its layers.
//
// The policy plans a layer for each batch size of a grid (four an octave, from 64 tokens) and each
// share of attention in it; what comes out is one table: time of the iteration over its token work,
// by decode attention and prefill attention, both over token work. A batch is priced by the plan of
// the grid's size at or below it. Batches below 64 tokens run sequentially, except where attention
// has devices of its own, whose messages every batch pays.
//
// Law: for decodes only, price equals its decode line; time never falls with more context, nor with
// more attention. It may fall with more tokens: a policy may split batches only from some size on.
// Law: the ledger's amounts sum to the price; `charge_decodes` equals repeated `charge`. What
// overlaps is booked in proportion to what each operator takes alone.
// Law: a plan of operators one after the other gives the sequential price, within rounding.
// Cost: compiling asks the policy 1,435 times; a price is O(1) plus O(chunks), no allocation.
// Not here: launch floors, host work, first and last operators of an iteration, which are those of
// the sequential cost (models/compiled_cost.h).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "models/attention_pool.h"
#include "models/compiled_cost.h"
#include "models/device.h"
#include "models/executed_layer.h"
#include "sim/execution_policy.h"

namespace headroom {

/// A policy and its name.
struct ExecutionChoice {
  const ExecutionPolicy* policy = nullptr;
  std::string name{};
};

/// Time over token work, by batch size and shares of attention. Fixed point, 2^-20.
class ExecutionTable {
 public:
  /// `token_work`: seconds of all layers and first operators at a number of tokens.
  ExecutionTable(const ExecutionChoice& execution, ExecutedLayer& layer,
                 const CompiledCost& sequential);

  /// A line in decode attention: E = work x start + slope x (attention - work x from).
  struct Segment {
    std::int64_t from = 0, past = 0;  ///< shares of the work; past is -1 in the last one
    std::int64_t start = 0, slope = 0;
  };
  /// Where a batch without prompts and with this share of decode attention lies.
  [[nodiscard]] Segment decode_segment(std::int64_t tokens, Int128 work, Int128 decode) const;
  /// Executed time, in the unit of its arguments.
  [[nodiscard]] Int128 time(std::int64_t tokens, Int128 work, Int128 decode, Int128 prefill) const;

 private:
  [[nodiscard]] std::size_t cell(std::int64_t tokens) const;
  void fill(const ExecutionChoice& execution, ExecutedLayer& layer, double work);

  std::int64_t least_;                       ///< smaller batches run sequentially
  std::span<const std::int64_t> decode_at_;  ///< nodes: decode attention over token work
  std::vector<std::int64_t> ratios_;         ///< a cell's nodes, decode attention slowest
};

class ExecutedCost final : public CostModel {
 public:
  /// Requires a model without attention data parallelism. With a pool, `times` knows its devices.
  ExecutedCost(const ShardedModel& sharded, const EngineDescription& engine,
               const OperatorTimes& times, const Device& device, const ExecutionChoice& execution,
               const AttentionPool& pool = {});

  [[nodiscard]] IterationPrice price(const BatchShape& shape) const override;
  [[nodiscard]] std::int64_t skew_share(std::int64_t decodes, DecodesBeside beside) const override {
    return sequential_.skew_share(decodes, beside);
  }
  [[nodiscard]] bool has_skew() const override { return sequential_.has_skew(); }
  [[nodiscard]] DecodeLine decode_line(std::int64_t decodes, std::int64_t padded,
                                       std::int64_t context) const override;
  void charge(const BatchShape& shape, CostLedger& ledger) const override;
  void charge_decodes(std::int64_t decodes, std::int64_t padded, std::int64_t context,
                      std::int64_t iterations, std::int64_t context_sum,
                      CostLedger& ledger) const override;

 private:
  /// A decode-only iteration on the device, before floors and host work.
  struct DeviceLine {
    DecodeLine line;
    Evidence evidence = Evidence::extrapolated;
    std::int64_t work_share = 0;  ///< what token work is booked at, 2^-20 of its time alone
  };
  [[nodiscard]] DeviceLine device_line(std::int64_t rows, std::int64_t context) const;
  [[nodiscard]] Int128 device_time(const BatchShape& shape) const;

  CompiledCost sequential_;
  ExecutionTable table_;
};

}  // namespace headroom
