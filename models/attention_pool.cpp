#include "models/attention_pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sim/check.h"
#include "sim/math.h"

namespace headroom {
namespace {

struct Stack {
  const char* name;
  double round_trip;
  double line_share;
};
// Measured by the paper: 45.7 and 35.5 of 50 GB/s.
constexpr Stack kStacks[] = {{"fhbn", 33.0e-6, 45.7 / 50}, {"nccl", 66.6e-6, 35.5 / 50}};

double element(const ShardedModel& sharded) {
  return storage_bytes(sharded.precision.activations, 1).as_double();
}

std::int64_t part(std::int64_t amount, std::int64_t devices) {
  return (amount + devices - 1) / devices;
}

/// Context of the fullest of `devices` over which `requests` are dealt out evenly by number: the
/// mean plus what the largest of as many normal sums exceeds it by (at most sqrt(2 ln n) standard
/// deviations); contexts are taken to spread as much as their mean.
std::int64_t fullest_context(std::int64_t context, std::int64_t requests, std::int64_t devices) {
  if (devices == 1) return context;
  const auto n = static_cast<double>(devices);
  const double each = std::max(1.0, static_cast<double>(requests) / n);
  const double above = std::sqrt(2 * portable_log(n) / each);
  const double fullest = static_cast<double>(context) / n * (1 + above);
  return std::clamp<std::int64_t>(static_cast<std::int64_t>(fullest + 0.5), part(context, devices),
                                  context);
}

}  // namespace

MessagePath message_path(const std::string& stack, BytesPerSecond line) {
  for (const Stack& known : kStacks)
    if (stack == known.name) return {known.round_trip, line * known.line_share};
  SIM_CHECK(false, "a message path has a known name");
  return {};
}

std::string pool_problem(const ShardedModel& sharded, const AttentionPool& pool) {
  const Architecture& model = sharded.model;
  if (sharded.parallel.pipeline > 1 || sharded.parallel.attention_data > 1)
    return "model devices in stages or attention groups have no such pool";
  if (model.is_latent()) return "latent attention keeps one vector for all heads";
  if (pool.partition == AttentionPartition::heads && model.kv_heads % pool.devices != 0)
    return fmt::format("{} KV heads are not divisible by {} attention devices", model.kv_heads,
                       pool.devices);
  return {};
}

ShardedModel pool_shard(const ShardedModel& sharded, const AttentionPool& pool) {
  ShardedModel shard = sharded;
  shard.parallel = {};
  if (pool.partition == AttentionPartition::heads) shard.parallel.tensor = pool.devices;
  return shard;
}

double query_bytes_per_token(const ShardedModel& sharded) {
  return element(sharded) * static_cast<double>(sharded.model.heads * sharded.model.head_dim);
}

double new_kv_bytes_per_token(const ShardedModel& sharded) {
  return element(sharded) *
         static_cast<double>(2 * sharded.model.kv_heads * sharded.model.head_dim);
}

double traffic_bytes(const ShardedModel& sharded, std::int64_t tokens) {
  return (2 * query_bytes_per_token(sharded) + new_kv_bytes_per_token(sharded)) *
         static_cast<double>(tokens * sharded.model.layers);
}

BytesPerSecond least_bandwidth(const ShardedModel& sharded, std::int64_t tokens, double seconds,
                               double network_share) {
  return BytesPerSecond(traffic_bytes(sharded, tokens) / (network_share * seconds));
}

BytesPerSecond path_bandwidth(const ShardedModel& sharded, const AttentionPool& pool) {
  return pool.path.card * static_cast<double>(std::min(sharded.parallel.tensor, pool.devices));
}

double message_seconds(const ShardedModel& sharded, const AttentionPool& pool, double bytes) {
  return pool.path.round_trip / 2 + bytes / path_bandwidth(sharded, pool).value();
}

PooledTimes::PooledTimes(const OperatorTimes& model, const OperatorTimes& attention,
                         const ShardedModel& sharded, const AttentionPool& pool)
    : model_(model),
      attention_(attention),
      pool_shard_(pool_shard(sharded, pool)),
      by_requests_(pool.partition == AttentionPartition::requests ? pool.devices : 1) {}

OperatorTime PooledTimes::time(const Operator& op) const {
  Operator moved;
  if (op.kind == OperatorKind::decode_attention) {
    moved = decode_attention(pool_shard_, AttentionSpan::full, part(op.m, by_requests_),
                             fullest_context(op.context, op.m, by_requests_));
  } else if (op.kind == OperatorKind::prefill_attention) {
    PrefillChunk chunk;  // of one request: on one device where requests are dealt out
    chunk.tokens = static_cast<std::int32_t>(op.m);
    chunk.cached = static_cast<std::int32_t>(op.context - op.m);
    moved = prefill_attention(pool_shard_, AttentionSpan::full, chunk);
  } else {
    return model_.time(op);
  }
  moved.window = op.window;
  return attention_.time(moved);
}

}  // namespace headroom
