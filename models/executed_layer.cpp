#include "models/executed_layer.h"

#include <algorithm>
#include <utility>

#include "sim/check.h"

namespace headroom {
namespace {

std::size_t at(OperatorRole role) { return static_cast<std::size_t>(role); }

/// The role of each operator of a layer's list, told from what came before it.
class RoleReader {
 public:
  explicit RoleReader(const Architecture& model) : experts_(model.is_moe()) {}

  OperatorRole next(OperatorKind kind) {
    const bool attention = !past_out_;
    switch (kind) {
      case OperatorKind::norm:
        if (std::exchange(past_norm_, true) && attention) return OperatorRole::qkv;
        return attention ? OperatorRole::input_norm : OperatorRole::ffn_norm;
      case OperatorKind::out_gemm:
        past_out_ = true;
        return OperatorRole::out;
      case OperatorKind::all_reduce:
        // Before the projection: of squares, for norms over all heads.
        if (attention) return OperatorRole::qkv;
        return past_ffn_ ? OperatorRole::ffn_reduce : OperatorRole::attention_reduce;
      case OperatorKind::gate_up_gemm:
      case OperatorKind::activation:
        past_ffn_ = true;
        return experts_ ? OperatorRole::experts : OperatorRole::gate_up;
      case OperatorKind::down_gemm:
        return experts_ ? OperatorRole::experts : OperatorRole::down;
      case OperatorKind::router:
      case OperatorKind::moe_experts:
      case OperatorKind::all_gather:
      case OperatorKind::reduce_scatter:
        past_ffn_ = true;
        return OperatorRole::experts;
      default:
        return OperatorRole::qkv;
    }
  }

 private:
  bool experts_;
  bool past_norm_ = false, past_out_ = false, past_ffn_ = false;
};

}  // namespace

ExecutedLayer::ExecutedLayer(const ShardedModel& sharded, const OperatorTimes& times,
                             std::int64_t multiprocessors, double host_bytes_per_second,
                             const AttentionPool& pool)
    : sharded_(sharded),
      times_(times),
      multiprocessors_(multiprocessors),
      host_bytes_per_second_(host_bytes_per_second),
      pool_(pool),
      layers_(sharded.layers_per_stage()) {
  if (sharded.model.is_moe() && sharded.parallel.pipeline == 1)
    layers_ -= std::min(sharded.model.dense_layers, layers_ - 1);

  const bool several = sharded.parallel.tensor > 1;
  const auto last = [this] { return std::uint32_t{1} << (operators_.size() - 1); };
  const std::uint32_t attended = pool_.there() ? add_pooled_attention() : add_attention();
  add(OperatorRole::out, Resource::compute, attended);
  if (several) add(OperatorRole::attention_reduce, Resource::network, last());
  add(OperatorRole::ffn_norm, Resource::elementwise, last());
  if (sharded.model.is_moe()) {
    add(OperatorRole::experts, Resource::compute, last());
  } else {
    add(OperatorRole::gate_up, Resource::compute, last());
    add(OperatorRole::down, Resource::compute, last());
  }
  if (several) add(OperatorRole::ffn_reduce, Resource::network, last());
  // The first layer's norm stands for that after the last one.
  add(OperatorRole::input_norm, Resource::elementwise, last());
  if (pool_.there()) add_next_projections();
  add_columns(layer_token_operators(sharded, 1));
  decode_launch_ =
      times.time(headroom::decode_attention(sharded, AttentionSpan::full, 1, 1)).launch;
  PrefillChunk chunk;
  chunk.tokens = 1;
  prefill_launch_ =
      times.time(headroom::prefill_attention(sharded, AttentionSpan::full, chunk)).launch;
}

std::uint32_t ExecutedLayer::add_attention() {
  add(OperatorRole::qkv, Resource::compute, 0);
  add(OperatorRole::decode_attention, Resource::memory, 1U << 0);
  add(OperatorRole::prefill_attention, Resource::compute, 1U << 0);
  return 1U << 1 | 1U << 2;
}

std::uint32_t ExecutedLayer::add_pooled_attention() {
  add(OperatorRole::send_query, Resource::network, 0, kToAttention);
  add(OperatorRole::send_kv, Resource::network, 0, kToAttention);
  add(OperatorRole::decode_attention, Resource::memory, 1U << 0, kAttentionDevice);
  add(OperatorRole::new_attention, Resource::memory, 1U << 0 | 1U << 1, kAttentionDevice);
  add(OperatorRole::prefill_attention, Resource::compute, 1U << 0 | 1U << 1, kAttentionDevice);
  add(OperatorRole::send_result, Resource::network, 1U << 2 | 1U << 3 | 1U << 4, kFromAttention);
  return 1U << 5;
}

void ExecutedLayer::add_next_projections() {
  const std::uint32_t norm = std::uint32_t{1} << (operators_.size() - 1);
  add(OperatorRole::query, Resource::compute, norm);
  operators_[0].after_before = norm << 1;
  add(OperatorRole::new_kv, Resource::compute, norm);
  operators_[1].after_before = norm << 2;
}

void ExecutedLayer::add(OperatorRole role, Resource resource, std::uint32_t after,
                        std::uint8_t device) {
  LayerOperator op;
  op.role = role;
  op.resource = resource;
  op.after = after;
  op.device = device;
  operators_.push_back(op);
}

void ExecutedLayer::add_columns(const std::vector<Operator>& list) {
  RoleReader reader(sharded_.model);
  for (const Operator& op : list) {
    OperatorRole role = reader.next(op.kind);
    if (role == OperatorRole::qkv && pool_.there()) role = OperatorRole::query;
    if (class_of(op.kind) != OperatorClass::gemm) continue;
    for (LayerOperator& one : operators_)
      if (one.role == role) one.columns = std::max(one.columns, op.n);
  }
}

void ExecutedLayer::set_batch(std::int64_t tokens, double decode_attention,
                              double prefill_attention) {
  SIM_CHECK(tokens >= 1, "a batch has tokens");
  tokens_ = tokens;
  decode_ = decode_attention;
  prefill_ = prefill_attention;
}

const ExecutedLayer::ByRole& ExecutedLayer::token_times(std::int64_t tokens) const {
  const auto [found, fresh] = known_.try_emplace(tokens);
  if (fresh) {
    found->second.fill(0);
    RoleReader reader(sharded_.model);
    for (const Operator& op : layer_token_operators(sharded_, tokens))
      found->second[at(reader.next(op.kind))] +=
          times_.time(op).seconds * static_cast<double>(op.repeat);
    if (pool_.there()) {
      // One product makes all three, of which each takes its columns.
      double& all = found->second[at(OperatorRole::qkv)];
      const double query = query_bytes_per_token(sharded_), kv = new_kv_bytes_per_token(sharded_);
      found->second[at(OperatorRole::query)] = all * query / (query + kv);
      found->second[at(OperatorRole::new_kv)] = all * kv / (query + kv);
      all = 0;
    }
  }
  return found->second;
}

double ExecutedLayer::token_seconds() const {
  double sum = 0;
  for (const double seconds : token_times(tokens_)) sum += seconds;
  return sum;
}

double ExecutedLayer::seconds_without_messages() const {
  double sum = 0;
  for (std::size_t op = 0; op < operators_.size(); ++op)
    if (operators_[op].device <= kAttentionDevice) sum += seconds(op);
  return sum;
}

double ExecutedLayer::new_attention(std::int64_t tokens, double attention) const {
  if (attention <= 0) return 0;
  const Operator one = headroom::decode_attention(sharded_, AttentionSpan::full, tokens, tokens);
  return std::min(attention, times_.time(one).seconds);
}

double ExecutedLayer::message(OperatorRole role, std::int64_t tokens) const {
  const double bytes = role == OperatorRole::send_kv ? new_kv_bytes_per_token(sharded_)
                                                     : query_bytes_per_token(sharded_);
  return message_seconds(sharded_, pool_, bytes * static_cast<double>(tokens));
}

double ExecutedLayer::seconds(std::size_t op, std::int64_t tokens, std::uint8_t device) const {
  SIM_CHECK(op < operators_.size() && device == operators_[op].device,
            "an operator of the layer on its own device");
  const OperatorRole role = operators_[op].role;
  const double part = static_cast<double>(tokens) / static_cast<double>(tokens_);
  // A part of the attention pays the whole launch.
  const auto attention = [part](double whole, double launch) {
    return whole <= launch ? whole : launch + part * (whole - launch);
  };
  switch (role) {
    case OperatorRole::decode_attention: {
      const double all = attention(decode_, decode_launch_);
      return pool_.there() ? all - new_attention(tokens, all) : all;
    }
    case OperatorRole::new_attention:
      return new_attention(tokens, attention(decode_, decode_launch_));
    case OperatorRole::prefill_attention:
      return attention(prefill_, prefill_launch_);
    case OperatorRole::send_query:
    case OperatorRole::send_kv:
    case OperatorRole::send_result:
      return message(role, tokens);
    default:
      break;
  }
  // No part of a batch is computed at a better rate than all of it: where a pack says so, that is
  // scatter between measured sizes.
  return std::max(token_times(tokens)[at(role)], part * token_times(tokens_)[at(role)]);
}

double ExecutedLayer::kv_bytes_per_token() const {
  const Architecture& model = sharded_.model;
  const std::int64_t elements =
      model.is_latent() ? model.kv_elements() : 2 * sharded_.kv_heads_per_gpu() * model.head_dim;
  return storage_bytes(sharded_.precision.kv_cache, elements).as_double();
}

}  // namespace headroom
