// Attention devices of an instance: what they add to a model's operators, and what they need.
//
// Chen et al., "Efficient Heterogeneous Large Language Model Decoding with Model-Attention
// Disaggregation" (Lamina, arXiv 2405.01814v2). Model devices hold the weights and compute all but
// attention; `devices` attention devices of another kind hold all KV and compute attention only.
// Each layer sends queries, keys and values one way and attention's result back.
//
// Law: heads are split over the devices where KV heads divide evenly (`by_heads`), else requests.
// Cost: plain arithmetic.
// Not here: how batches take turns on the two kinds of devices (policies/lamina.cpp).
#pragma once

#include <cstdint>
#include <string>

#include "models/device.h"
#include "models/operator_cost.h"
#include "models/operators.h"
#include "sim/units.h"

namespace headroom {

/// How KV is spread over the attention devices.
enum class AttentionPartition : std::uint8_t {
  heads,     ///< each device holds some KV heads of every request: balanced
  requests,  ///< each device holds whole requests: any number of devices, uneven loads
};

/// What moves the messages between devices: one network card a device.
struct MessagePath {
  double round_trip = 0;   ///< seconds of a ping-pong
  BytesPerSecond card{0};  ///< what one card reaches, per direction
};
/// "fhbn": the paper's fully host-bypassed stack (33.0 us, 91.4 % of the line); "nccl" (66.6 us,
/// 71 %), measured on 400 Gbit/s RoCE. `line`: of one card. Requires one of the two names.
[[nodiscard]] MessagePath message_path(const std::string& stack, BytesPerSecond line);

struct AttentionPool {
  Device device;
  std::int64_t devices = 0;  ///< 0: attention runs where the model is
  AttentionPartition partition = AttentionPartition::heads;
  std::int64_t model_replicas = 1;  ///< groups of tensor-parallel model devices in the instance
  MessagePath path{};
  [[nodiscard]] bool there() const { return devices > 0; }
};

/// Empty where the pool can serve the model, else why not.
[[nodiscard]] std::string pool_problem(const ShardedModel& sharded, const AttentionPool& pool);

/// The model as the fullest attention device sees it: its heads or its requests.
[[nodiscard]] ShardedModel pool_shard(const ShardedModel& sharded, const AttentionPool& pool);

/// Bytes that one layer sends for a token, all devices together: the query, as much as the result;
/// and its keys and values.
[[nodiscard]] double query_bytes_per_token(const ShardedModel& sharded);
[[nodiscard]] double new_kv_bytes_per_token(const ShardedModel& sharded);
/// Bytes an iteration of `tokens` decodes sends in all layers, both ways: (2 + 2/G) e d B L.
[[nodiscard]] double traffic_bytes(const ShardedModel& sharded, std::int64_t tokens);
/// Bytes a second at which that traffic takes the share `network_share` of an iteration of
/// `seconds`: the paper's least bandwidth, with a share of 0.2.
[[nodiscard]] BytesPerSecond least_bandwidth(const ShardedModel& sharded, std::int64_t tokens,
                                             double seconds, double network_share);
/// What the cards of one replica and the pool reach together.
[[nodiscard]] BytesPerSecond path_bandwidth(const ShardedModel& sharded, const AttentionPool& pool);
/// One message of a layer, one way.
[[nodiscard]] double message_seconds(const ShardedModel& sharded, const AttentionPool& pool,
                                     double bytes);

/// Operator times where attention runs on a pool: those of the pool's device for attention, split
/// as the pool is, those of the model's for all else. All must outlive this.
class PooledTimes final : public OperatorTimes {
 public:
  PooledTimes(const OperatorTimes& model, const OperatorTimes& attention,
              const ShardedModel& sharded, const AttentionPool& pool);
  [[nodiscard]] OperatorTime time(const Operator& op) const override;
  [[nodiscard]] SkewLaw skew(std::int64_t /*kv_heads*/) const override {
    return attention_.skew(pool_shard_.kv_heads_per_gpu());
  }

 private:
  const OperatorTimes& model_;
  const OperatorTimes& attention_;
  ShardedModel pool_shard_;
  std::int64_t by_requests_ = 1;  ///< devices over which requests are dealt out
};

}  // namespace headroom
