// A layer whose operators take what a paper measured, and change with the size of a nano-batch as
// the fitted cost pack of the paper's device says.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "models/executed_layer.h"
#include "models/pack_cost.h"
#include "sim/execution_policy.h"

namespace headroom::papers {

class PaperLayer final : public LayerView {
 public:
  /// Seconds of one operator of a layer for `tokens` of the batch; below 0: as the pack says.
  using Measured = std::function<double(OperatorRole role, std::int64_t tokens)>;

  PaperLayer(const char* model, const char* device, std::int64_t tensor, Measured measured)
      : device_(find_device(device, "")),
        times_(device_, "vLLM"),
        pack_(sharded(model, tensor), times_, device_.name.starts_with("a100") ? 108 : 132,
              device_.pcie_bandwidth.value()),
        measured_(std::move(measured)) {}

  /// A batch whose operators without a measurement take `scale` times what the pack says.
  void set_batch(std::int64_t tokens, double decode, double prefill, double scale) {
    pack_.set_batch(tokens, decode, prefill);
    scale_ = scale;
  }
  /// What the pack says of one chunk of a layer's prompts.
  [[nodiscard]] double prefill(std::int64_t tokens) const {
    PrefillChunk chunk;
    chunk.tokens = static_cast<std::int32_t>(tokens);
    return times_.time(prefill_attention(sharded_, AttentionSpan::full, chunk)).seconds;
  }

  [[nodiscard]] std::span<const LayerOperator> operators() const override {
    return pack_.operators();
  }
  [[nodiscard]] std::int64_t tokens() const override { return pack_.tokens(); }
  [[nodiscard]] double seconds(std::size_t op, std::int64_t tokens,
                               std::uint8_t device) const override {
    const double measured = measured_(operators()[op].role, tokens);
    return measured >= 0 ? measured : scale_ * pack_.seconds(op, tokens, device);
  }
  using LayerView::seconds;
  [[nodiscard]] const ExecutedLayer& pack() const { return pack_; }
  [[nodiscard]] std::int64_t layers() const override { return pack_.layers(); }
  [[nodiscard]] std::int64_t tensor_parallel() const override { return pack_.tensor_parallel(); }
  [[nodiscard]] std::int64_t multiprocessors() const override { return pack_.multiprocessors(); }
  [[nodiscard]] double kv_bytes_per_token() const override { return pack_.kv_bytes_per_token(); }
  [[nodiscard]] double host_bytes_per_second() const override {
    return pack_.host_bytes_per_second();
  }

 private:
  const ShardedModel& sharded(const char* model, std::int64_t tensor) {
    const Architecture architecture = find_model(model, "");
    sharded_ = shard_model(architecture, make_precision(architecture, "bf16", "auto", ""),
                           {tensor, 1}, "");
    return sharded_;
  }

  Device device_;
  PackTimes times_;
  ShardedModel sharded_;
  ExecutedLayer pack_;
  Measured measured_;
  double scale_ = 1;
};

}  // namespace headroom::papers
