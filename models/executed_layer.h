// One layer of a sharded model as an execution policy sees it, timed by operator times.
//
// Law: the sum of its operators, messages to attention devices left out, is the layer of the
// sequential list (models/operators.h). Attention is not computed from a batch but set, so that one
// layer stands for all batches of its size.
// Cost: an operator's time at a number of tokens is looked up once and remembered.
// Not here: what becomes of a plan (models/executed_cost.h).
#pragma once

#include <array>
#include <map>
#include <span>
#include <vector>

#include "models/attention_pool.h"
#include "models/operator_cost.h"
#include "models/operators.h"
#include "sim/execution_policy.h"

namespace headroom {

class ExecutedLayer final : public LayerView {
 public:
  /// `times` must outlive this. `host_bytes_per_second`: of one GPU's link to its host.
  /// With a pool, `times` knows its devices (models/attention_pool.h, `PooledTimes`).
  ExecutedLayer(const ShardedModel& sharded, const OperatorTimes& times,
                std::int64_t multiprocessors, double host_bytes_per_second,
                const AttentionPool& pool = {});

  /// The batch: its tokens, and seconds of one layer's attention.
  void set_batch(std::int64_t tokens, double decode_attention, double prefill_attention);
  /// Seconds of one layer without attention, on the whole device.
  [[nodiscard]] double token_seconds() const;
  /// Seconds of its operators one after the other, without messages to attention devices.
  [[nodiscard]] double seconds_without_messages() const;

  [[nodiscard]] std::span<const LayerOperator> operators() const override { return operators_; }
  [[nodiscard]] std::int64_t tokens() const override { return tokens_; }
  [[nodiscard]] double seconds(std::size_t op, std::int64_t tokens,
                               std::uint8_t device) const override;
  using LayerView::seconds;
  /// Without the dense first layers of a mixture.
  [[nodiscard]] std::int64_t layers() const override { return layers_; }
  [[nodiscard]] std::int64_t tensor_parallel() const override { return sharded_.parallel.tensor; }
  [[nodiscard]] std::int64_t multiprocessors() const override { return multiprocessors_; }
  [[nodiscard]] double kv_bytes_per_token() const override;
  [[nodiscard]] double host_bytes_per_second() const override { return host_bytes_per_second_; }
  [[nodiscard]] std::uint8_t devices() const override { return pool_.there() ? 4 : 1; }
  [[nodiscard]] std::int64_t copies(std::uint8_t device) const override {
    return device == kModelDevice ? pool_.model_replicas : 1;
  }

 private:
  using ByRole = std::array<double, kOperatorRoles>;
  [[nodiscard]] const ByRole& token_times(std::int64_t tokens) const;
  void add(OperatorRole role, Resource resource, std::uint32_t after,
           std::uint8_t device = kModelDevice);
  /// Up to the output projection; returns what that waits for.
  [[nodiscard]] std::uint32_t add_attention();
  [[nodiscard]] std::uint32_t add_pooled_attention();
  void add_next_projections();
  /// The part of a batch's decode attention over keys and values that are new.
  [[nodiscard]] double new_attention(std::int64_t tokens, double attention) const;
  [[nodiscard]] double message(OperatorRole role, std::int64_t tokens) const;
  void add_columns(const std::vector<Operator>& list);

  ShardedModel sharded_;
  const OperatorTimes& times_;
  std::int64_t multiprocessors_ = 0;
  double host_bytes_per_second_ = 0;
  AttentionPool pool_;
  std::int64_t layers_ = 0;
  std::vector<LayerOperator> operators_;
  std::int64_t tokens_ = 1;
  double decode_ = 0, prefill_ = 0;
  double decode_launch_ = 0, prefill_launch_ = 0;
  mutable std::map<std::int64_t, ByRole> known_;  ///< of one compilation, on one thread
};

}  // namespace headroom
