#include "models/compiled_cost.h"

#include <algorithm>
#include <cmath>

#include "sim/check.h"

namespace headroom {
namespace {

// Copies of pinned KV blocks reach about 80 % of the link's data-sheet rate. Planning default.
constexpr double kHostLinkUse = 0.8;
// Sampled rows and tokens are tabulated up to here; beyond, the last cell's line goes on.
constexpr std::int64_t kMostTokens = std::int64_t{1} << 20;
constexpr int kEagerBits = 10;
constexpr std::int64_t kMostRows = std::int64_t{1} << 14;

void add_all(WorkTable::Node& node, const std::vector<Operator>& list, double times,
             const OperatorTimes& clock) {
  for (const Operator& op : list)
    node.add(class_of(op.kind), clock.time(op), times * static_cast<double>(op.repeat));
}

bool is_ffn(OperatorKind kind) {
  return kind == OperatorKind::gate_up_gemm || kind == OperatorKind::activation ||
         kind == OperatorKind::down_gemm;
}

/// A layer of a mixture. Small batches run the shared experts beside the routed ones on a stream of
/// their own, so that the longer counts: to 256 tokens in vLLM (its
/// VLLM_SHARED_EXPERTS_STREAM_TOKEN_THRESHOLD); TensorRT-LLM and SGLang do so in decodes, too.
void add_mixture_layer(WorkTable::Node& node, const ShardedModel& sharded,
                       const OperatorTimes& clock, std::int64_t tokens, double layers) {
  constexpr std::int64_t kOverlapped = 256;
  const bool overlapped = sharded.model.shared_ffn_hidden > 0 && tokens <= kOverlapped;
  double routed = 0, shared = 0;
  const std::vector<Operator> list = layer_token_operators(sharded, tokens);
  for (const Operator& op : list) {
    if (op.kind == OperatorKind::moe_experts) routed += clock.time(op).seconds;
    if (is_ffn(op.kind)) shared += clock.time(op).seconds;
  }
  const double seen = overlapped && shared > 0 ? std::max(0.0, 1 - routed / shared) : 1;
  for (const Operator& op : list)
    node.add(class_of(op.kind), clock.time(op),
             (is_ffn(op.kind) ? seen : 1) * layers * static_cast<double>(op.repeat));
}

WorkTable::Node token_node(const ShardedModel& sharded, const OperatorTimes& clock,
                           std::int64_t tokens) {
  WorkTable::Node node;
  if (tokens == 0) return node;
  add_all(node, head_operators(sharded, tokens), 1, clock);
  // Later stages have no dense layers; all stages are taken as the slowest.
  const std::int64_t layers = sharded.layers_per_stage();
  const std::int64_t dense = sharded.parallel.pipeline == 1 ? sharded.model.dense_layers : 0;
  if (dense > 0) {
    add_all(node, layer_token_operators(sharded, tokens, LayerKind::dense),
            static_cast<double>(dense), clock);
  }
  const auto others = static_cast<double>(layers - dense);
  if (sharded.model.is_moe()) {
    add_mixture_layer(node, sharded, clock, tokens, others);
  } else {
    add_all(node, layer_token_operators(sharded, tokens), others, clock);
  }
  return node;
}

/// Of a token node, what attention groups do together. Engines gather as many tokens as each group
/// has (TensorRT-LLM's and vLLM's gathers take sizes; SGLang's extend batches sum lengths).
WorkTable::Node together_node(const ShardedModel& sharded, const OperatorTimes& clock,
                              std::int64_t tokens) {
  WorkTable::Node node;
  if (tokens == 0 || sharded.parallel.attention_data == 1 || !sharded.model.is_moe()) return node;
  const std::int64_t dense = sharded.parallel.pipeline == 1 ? sharded.model.dense_layers : 0;
  const auto layers = static_cast<double>(sharded.layers_per_stage() - dense);
  for (const Operator& op : layer_token_operators(sharded, tokens)) {
    const bool together = op.kind == OperatorKind::moe_experts ||
                          op.kind == OperatorKind::all_gather ||
                          op.kind == OperatorKind::reduce_scatter;
    if (together)
      node.add(class_of(op.kind), clock.time(op), layers * static_cast<double>(op.repeat));
  }
  return node;
}

WorkTable::Node row_node(const ShardedModel& sharded, const OperatorTimes& clock,
                         std::int64_t rows) {
  WorkTable::Node node;
  if (rows > 0) add_all(node, tail_operators(sharded, rows), 1, clock);
  return node;
}

WorkTable::Node handoff_node(const ShardedModel& sharded, const OperatorTimes& clock,
                             std::int64_t tokens) {
  WorkTable::Node node;
  if (tokens > 0 && sharded.parallel.pipeline > 1) {
    const Operator op = stage_handoff(sharded, tokens);
    node.add(class_of(op.kind), clock.time(op), 1);
  }
  return node;
}

/// Layers of one stage by what they attend to; a stage that holds one windowed layer more than
/// another is not told apart.
struct SpanLayers {
  double full = 0, windowed = 0;
};

SpanLayers span_layers(const ShardedModel& sharded) {
  const auto layers = static_cast<double>(sharded.layers_per_stage());
  const double windowed = sharded.model.sliding_window > 0
                              ? static_cast<double>(sharded.model.windowed_layers) /
                                    static_cast<double>(sharded.parallel.pipeline)
                              : 0;
  return {layers - windowed, windowed};
}

/// Attention of all layers of a stage: `of` gives the operator for a span.
template <class Of>
OperatorTime stage_attention(const ShardedModel& sharded, const OperatorTimes& clock,
                             const Of& of) {
  const SpanLayers layers = span_layers(sharded);
  OperatorTime sum{0, 0, Evidence::measured};
  const auto add = [&](AttentionSpan span, double times) {
    if (times <= 0) return;
    const OperatorTime one = clock.time(of(span));
    sum.seconds += one.seconds * times;
    sum.launch += one.launch * times;
    sum.evidence = std::max(sum.evidence, one.evidence);
  };
  add(AttentionSpan::full, layers.full);
  add(AttentionSpan::windowed, layers.windowed);
  return sum;
}

OperatorTime decode_node(const ShardedModel& sharded, const OperatorTimes& clock,
                         std::int64_t decodes, std::int64_t context) {
  return stage_attention(sharded, clock, [&](AttentionSpan span) {
    return decode_attention(sharded, span, decodes, context);
  });
}

OperatorTime prefill_node(const ShardedModel& sharded, const OperatorTimes& clock,
                          std::int64_t tokens, std::int64_t cached) {
  return stage_attention(sharded, clock, [&](AttentionSpan span) {
    PrefillChunk chunk;
    chunk.tokens = static_cast<std::int32_t>(tokens);
    chunk.cached = static_cast<std::int32_t>(cached);
    return prefill_attention(sharded, span, chunk);
  });
}

/// Windows bend the curve away from powers of two, so they get more cells.
int context_bits(const ShardedModel& sharded) { return sharded.model.windowed_layers > 0 ? 3 : 1; }

/// Launches of a layer against those of a dense one of grouped attention, as first tokens of short
/// prompts on the same engine and device tell them: plain mixtures route, sort and gather tokens
/// (gpt-oss against Llama); latent attention adds compressed projections, their norms and absorbed
/// products (DeepSeek under TensorRT-LLM and SGLang on B200: 75 ms more over 61 layers).
double relative_launches(const Architecture& model) {
  constexpr double kMixture = 1.35, kLatentMixture = 3.2;
  if (!model.is_moe()) return 1;
  return model.is_latent() ? kLatentMixture : kMixture;
}

/// Times the kernels' own time that prompts take; the gaps of dense layers are half of mixtures'.
double eager_scale(const EngineDescription& engine, const Architecture& model) {
  return model.is_moe() ? engine.eager_scale : 1 + (engine.eager_scale - 1) / 2;
}

std::int64_t sequences(const BatchShape& shape) {
  return shape.decodes + static_cast<std::int64_t>(shape.prefills.size());
}

}  // namespace

CompiledCost::CompiledCost(const ShardedModel& sharded, const EngineDescription& engine,
                           const OperatorTimes& times, BytesPerSecond host_bandwidth)
    : tokens_(kMostTokens, [&](std::int64_t n) { return token_node(sharded, times, n); }),
      together_(sharded.parallel.attention_data > 1 ? kMostTokens : 1,
                [&](std::int64_t n) { return together_node(sharded, times, n); }),
      rows_(kMostRows, [&](std::int64_t n) { return row_node(sharded, times, n); }),
      handoff_(kMostTokens, [&](std::int64_t n) { return handoff_node(sharded, times, n); }),
      decode_(context_bits(sharded),
              [&](std::int64_t n, std::int64_t s) { return decode_node(sharded, times, n, s); }),
      prefill_([&](std::int64_t n, std::int64_t c) { return prefill_node(sharded, times, n, c); }),
      skew_(sharded.model.is_latent() ? SkewLaw{} : times.skew(sharded.kv_heads_per_gpu())),
      prefill_launch_(fixed_from_seconds(prefill_node(sharded, times, 1, 0).launch)),
      pipeline_(sharded.parallel.pipeline),
      groups_(sharded.parallel.attention_data),
      captured_tokens_(engine.captured_tokens),
      captures_prefill_(engine.capture == GraphCapture::any_batch),
      floor_(fixed_from_seconds(seconds(engine.layer_floor) * relative_launches(sharded.model)) *
             sharded.layers_per_stage()),
      eager_(
          static_cast<std::int64_t>(eager_scale(engine, sharded.model) * (1 << kEagerBits) + 0.5)),
      host_iteration_(fixed_from_seconds(seconds(engine.host_per_iteration))),
      host_sequence_(fixed_from_seconds(seconds(engine.host_per_sequence))),
      host_evidence_(engine.host_evidence),
      host_bytes_per_second_(host_bandwidth.value() * kHostLinkUse) {}

std::int64_t CompiledCost::transfer_time(Bytes bytes) const {
  if (bytes.value() == 0) return 0;
  return fixed_from_seconds(std::min(bytes.as_double() / host_bytes_per_second_, 1800.0));
}

Int128 CompiledCost::prefill_attention(const BatchShape& shape) const {
  if (shape.prefills.empty()) return 0;
  Int128 sum = 0, longest = 0;
  for (const PrefillChunk& chunk : shape.prefills) {
    const std::int64_t one = prefill_.at(chunk);
    sum += one;
    longest = std::max(longest, Int128{one});
  }
  // Chunks are shared out over attention groups; none is cut.
  if (groups_ > 1) sum = std::max(longest, sum / groups_);
  return sum + prefill_launch_;
}

std::int64_t CompiledCost::work_tokens(const BatchShape& shape) const {
  const std::int64_t tokens = shape.all_tokens();
  if (groups_ == 1 || shape.prefills.empty()) return tokens;
  std::int64_t longest = 0;
  for (const PrefillChunk& chunk : shape.prefills)
    longest = std::max<std::int64_t>(longest, chunk.tokens);
  return std::max(tokens, longest * groups_);
}

std::int64_t CompiledCost::token_time(const BatchShape& shape) const {
  const std::int64_t work = work_tokens(shape);
  const std::int64_t all = tokens_.total(work);
  if (groups_ == 1) return all;
  const std::int64_t tokens = shape.all_tokens();
  return std::max(tokens_.total(tokens), all - together_.total(work) + together_.total(tokens));
}

Int128 CompiledCost::device_time(const BatchShape& shape) const {
  Int128 sum = token_time(shape);
  sum += rows_.total(shape.sampled_rows());
  sum += prefill_attention(shape);
  const std::int64_t rows = shape.decodes + shape.padded_decodes;
  if (rows > 0) {
    const std::int64_t context = shape.decode_context + shape.padded_decodes;
    const DecodeLine line = decode_.at(rows, context).line;
    sum += Int128{line.base} + Int128{line.slope} * context;
  }
  return sum;
}

Int128 CompiledCost::launched(const BatchShape& shape, Int128 device) const {
  if (captured(shape.all_tokens(), static_cast<std::int64_t>(shape.prefills.size()))) return device;
  if (!shape.prefills.empty()) device = device * eager_ >> kEagerBits;
  return std::max(device, Int128{floor_});
}

// The simulation loop calls these two; without calls of their own they cost what they did before
// execution policies shared their parts.
[[gnu::flatten]] IterationPrice CompiledCost::price(const BatchShape& shape) const {
  return price_of(shape, device_time(shape));
}

CompiledCost::DeviceParts CompiledCost::device_parts(const BatchShape& shape) const {
  DeviceParts parts;
  parts.work = tokens_.total(work_tokens(shape));
  parts.rows = rows_.total(shape.sampled_rows());
  parts.prefill = prefill_attention(shape);
  const std::int64_t rows = shape.decodes + shape.padded_decodes;
  if (rows > 0) {
    const std::int64_t context = shape.decode_context + shape.padded_decodes;
    const DecodeLine line = decode_.at(rows, context).line;
    parts.decode = Int128{line.base} + Int128{line.slope} * context;
  }
  return parts;
}

IterationPrice CompiledCost::price_of(const BatchShape& shape, Int128 device) const {
  const std::int64_t tokens = shape.all_tokens();
  Int128 stage = launched(shape, device);
  stage += host_time(sequences(shape)) + transfer_time(shape.host_transfer);
  IterationPrice price{Duration(static_cast<std::int64_t>(stage >> kFixedBits)), Duration(0)};
  if (pipeline_ > 1) price.handoff = Duration(handoff_.total(tokens) >> kFixedBits);
  return price;
}

std::int64_t CompiledCost::skew_share(std::int64_t decodes, DecodesBeside beside) const {
  return static_cast<std::int64_t>(
      std::floor(skew_.of(beside).share(decodes) * (1 << kSkewBits) + 0.5));
}

[[gnu::flatten]] DecodeLine CompiledCost::decode_line(std::int64_t decodes, std::int64_t padded,
                                                      std::int64_t context) const {
  const std::int64_t rows = decodes + padded;
  DecodeLine line = decode_.at(rows, context + padded).line;
  line.base += line.slope * padded + tokens_.total(rows) + rows_.total(rows);
  line.last_context -= padded;
  return finished(line, decodes, padded, context);
}

DecodeLine CompiledCost::finished(DecodeLine line, std::int64_t decodes, std::int64_t padded,
                                  std::int64_t context) const {
  if (!captured(decodes + padded, 0) && line.base + line.slope * context < floor_) {
    // Launch-bound up to where the device's own time reaches the floor.
    if (line.slope > 0)
      line.last_context = std::min(line.last_context, (floor_ - line.base) / line.slope);
    line.base = floor_;
    line.slope = 0;
  }
  line.base += host_time(decodes);
  return line;
}

void CompiledCost::charge(const BatchShape& shape, CostLedger& ledger) const {
  if (shape.prefills.empty() && shape.host_transfer.value() == 0) {
    charge_decodes(shape.decodes, shape.padded_decodes, shape.decode_context, 1,
                   shape.decode_context, ledger);
    return;
  }
  charge_tokens(shape, ledger);
  rows_.charge(shape.sampled_rows(), 1, ledger);
  charge_prefills(shape, ledger);
  const std::int64_t rows = shape.decodes + shape.padded_decodes;
  if (rows > 0) {
    const std::int64_t context = shape.decode_context + shape.padded_decodes;
    const DecodeAttentionTable::Line found = decode_.at(rows, context);
    ledger.add(OperatorClass::decode_attention, found.evidence,
               Int128{found.line.base} + Int128{found.line.slope} * context);
  }
  charge_host(shape, device_time(shape), ledger);
}

void CompiledCost::charge_host(const BatchShape& shape, Int128 device, CostLedger& ledger) const {
  const Int128 host = host_time(sequences(shape)) + launched(shape, device) - device;
  ledger.add(OperatorClass::host, host_evidence_, host);
  ledger.add(OperatorClass::host, Evidence::extrapolated, transfer_time(shape.host_transfer));
}

void CompiledCost::charge_tokens(const BatchShape& shape, CostLedger& ledger) const {
  const std::int64_t tokens = shape.all_tokens();
  if (groups_ == 1 || token_time(shape) == tokens_.total(tokens)) {
    tokens_.charge(tokens, 1, ledger);
    return;
  }
  const std::int64_t work = work_tokens(shape);
  tokens_.charge(work, 1, ledger);
  together_.charge(work, -1, ledger);
  together_.charge(tokens, 1, ledger);
}

void CompiledCost::charge_prefills(const BatchShape& shape, CostLedger& ledger) const {
  if (shape.prefills.empty()) return;
  const Evidence first = prefill_.evidence(shape.prefills.front());
  if (groups_ > 1) {
    ledger.add(OperatorClass::prefill_attention, first, prefill_attention(shape));
    return;
  }
  for (const PrefillChunk& chunk : shape.prefills)
    ledger.add(OperatorClass::prefill_attention, prefill_.evidence(chunk), prefill_.at(chunk));
  ledger.add(OperatorClass::prefill_attention, first, prefill_launch_);
}

void CompiledCost::charge_decodes(std::int64_t decodes, std::int64_t padded, std::int64_t context,
                                  std::int64_t iterations, std::int64_t context_sum,
                                  CostLedger& ledger) const {
  const std::int64_t rows = decodes + padded;
  tokens_.charge(rows, iterations, ledger);
  rows_.charge(rows, iterations, ledger);
  const DecodeAttentionTable::Line found = decode_.at(rows, context + padded);
  const Int128 attention =
      (Int128{found.line.base} + Int128{found.line.slope} * padded) * iterations +
      Int128{found.line.slope} * context_sum;
  ledger.add(OperatorClass::decode_attention, found.evidence, attention);
  DecodeLine device = found.line;
  device.base += found.line.slope * padded + tokens_.total(rows) + rows_.total(rows);
  charge_decode_host(device, {decodes, padded, context, iterations, context_sum}, ledger);
}

void CompiledCost::charge_decode_host(const DecodeLine& device, const DecodeIterations& run,
                                      CostLedger& ledger) const {
  Int128 host = Int128{host_time(run.decodes)} * run.iterations;
  if (!captured(run.decodes + run.padded, 0) && device.base + device.slope * run.context < floor_)
    host += Int128{floor_ - device.base} * run.iterations - Int128{device.slope} * run.context_sum;
  ledger.add(OperatorClass::host, host_evidence_, host);
}

}  // namespace headroom
