// A layer with times written down by hand, for tests of execution policies.
#pragma once

#include <utility>
#include <vector>

#include "sim/execution_policy.h"

namespace headroom::toy {

/// Operators take time in proportion to their tokens, and `start` more for each nano-operator.
class HandTimes : public LayerView {
 public:
  [[nodiscard]] std::span<const LayerOperator> operators() const override { return operators_; }
  [[nodiscard]] std::int64_t tokens() const override { return tokens_; }
  [[nodiscard]] double seconds(std::size_t op, std::int64_t tokens,
                               std::uint8_t /*device*/) const override {
    const double part = static_cast<double>(tokens) / static_cast<double>(tokens_);
    return seconds_[op] <= 0 ? 0 : start_ + part * (seconds_[op] - start_);
  }
  using LayerView::seconds;
  [[nodiscard]] std::int64_t layers() const override { return 80; }
  [[nodiscard]] std::int64_t multiprocessors() const override { return 132; }
  [[nodiscard]] double kv_bytes_per_token() const override { return 512; }
  [[nodiscard]] double host_bytes_per_second() const override { return 25e9; }

 protected:
  /// Seconds of the whole batch, in the order of `operators`.
  HandTimes(std::int64_t tokens, std::vector<double> seconds, double start,
            std::vector<LayerOperator> operators)
      : tokens_(tokens),
        seconds_(std::move(seconds)),
        start_(start),
        operators_(std::move(operators)) {}

 private:
  std::int64_t tokens_;
  std::vector<double> seconds_;
  double start_;
  std::vector<LayerOperator> operators_;
};

/// A layer of a dense model split over several GPUs.
class HandLayer final : public HandTimes {
 public:
  HandLayer(std::int64_t tokens, std::vector<double> seconds, double start = 0)
      : HandTimes(tokens, std::move(seconds), start, dense()) {}
  [[nodiscard]] std::int64_t tensor_parallel() const override { return 8; }

 private:
  static std::vector<LayerOperator> dense() {
    // qkv 0, decode 1, prefill 2, out 3, reduce 4, norm 5, gate_up 6, down 7, reduce 8, norm 9 (of
    // the next layer)
    return {{OperatorRole::qkv, Resource::compute, 0, 1280, kModelDevice, 0},
            {OperatorRole::decode_attention, Resource::memory, 1U << 0, 0, kModelDevice, 0},
            {OperatorRole::prefill_attention, Resource::compute, 1U << 0, 0, kModelDevice, 0},
            {OperatorRole::out, Resource::compute, (1U << 1) | (1U << 2), 8192, kModelDevice, 0},
            {OperatorRole::attention_reduce, Resource::network, 1U << 3, 0, kModelDevice, 0},
            {OperatorRole::ffn_norm, Resource::elementwise, 1U << 4, 0, kModelDevice, 0},
            {OperatorRole::gate_up, Resource::compute, 1U << 5, 7168, kModelDevice, 0},
            {OperatorRole::down, Resource::compute, 1U << 6, 8192, kModelDevice, 0},
            {OperatorRole::ffn_reduce, Resource::network, 1U << 7, 0, kModelDevice, 0},
            {OperatorRole::input_norm, Resource::elementwise, 1U << 8, 0, kModelDevice, 0}};
  }
};

/// The same layer with attention on devices of its own and `replicas` of the model.
class PooledHandLayer final : public HandTimes {
 public:
  PooledHandLayer(std::int64_t tokens, std::vector<double> seconds, std::int64_t replicas,
                  double start = 0)
      : HandTimes(tokens, std::move(seconds), start, pooled()), replicas_(replicas) {}
  [[nodiscard]] std::uint8_t devices() const override { return 4; }
  [[nodiscard]] std::int64_t copies(std::uint8_t device) const override {
    return device == kModelDevice ? replicas_ : 1;
  }
  [[nodiscard]] std::int64_t tensor_parallel() const override { return 1; }

 private:
  static std::vector<LayerOperator> pooled() {
    // send_query 0, send_kv 1, decode 2, new 3, prefill 4, send_result 5, out 6, norm 7, gate_up 8,
    // down 9; of the next layer: norm 10, query 11, new_kv 12
    return {{OperatorRole::send_query, Resource::network, 0, 0, kToAttention, 1U << 11},
            {OperatorRole::send_kv, Resource::network, 0, 0, kToAttention, 1U << 12},
            {OperatorRole::decode_attention, Resource::memory, 1U << 0, 0, kAttentionDevice, 0},
            {OperatorRole::new_attention, Resource::memory, 3, 0, kAttentionDevice, 0},
            {OperatorRole::prefill_attention, Resource::compute, 3, 0, kAttentionDevice, 0},
            {OperatorRole::send_result, Resource::network, 7U << 2, 0, kFromAttention, 0},
            {OperatorRole::out, Resource::compute, 1U << 5, 8192, kModelDevice, 0},
            {OperatorRole::ffn_norm, Resource::elementwise, 1U << 6, 0, kModelDevice, 0},
            {OperatorRole::gate_up, Resource::compute, 1U << 7, 7168, kModelDevice, 0},
            {OperatorRole::down, Resource::compute, 1U << 8, 8192, kModelDevice, 0},
            {OperatorRole::input_norm, Resource::elementwise, 1U << 9, 0, kModelDevice, 0},
            {OperatorRole::query, Resource::compute, 1U << 10, 1280, kModelDevice, 0},
            {OperatorRole::new_kv, Resource::compute, 1U << 10, 256, kModelDevice, 0}};
  }
  std::int64_t replicas_;
};

}  // namespace headroom::toy
