#include "models/kernel_operator.h"

#include <algorithm>

#include "sim/math.h"

namespace headroom {
namespace {

double real(std::int64_t value) { return static_cast<double>(value); }
Bytes rounded(double bytes) { return Bytes(static_cast<std::int64_t>(bytes + 0.5)); }

// The latent attention that was measured is DeepSeek-V3's: latent vectors of 512 with a rotary key
// of 64; heads of 128 and 64 in prefill.
constexpr std::int64_t kLatent = 512, kRotary = 64, kHead = 128;

void gemm(const KernelShape& shape, Operator& op) {
  op.kind = OperatorKind::out_gemm;
  op.m = shape.m;
  op.n = shape.n;
  op.k = shape.k;
  op.flops = Flops(2.0 * real(op.m) * real(op.n) * real(op.k));
  op.weight_bytes = storage_bytes(op.stored, op.n * op.k);
  op.activation_bytes = rounded(2 * real(op.m) * real(op.n + op.k));
}

void experts(const KernelShape& shape, Operator& op) {
  op.kind = OperatorKind::moe_experts;
  op.m = shape.m;
  op.n = shape.n;
  op.k = shape.k;
  op.experts = shape.experts;
  op.topk = shape.topk;
  op.ranks = std::max<std::int64_t>(shape.ranks, 1);
  const double missed = 1 - real(op.topk) / real(std::max<std::int64_t>(op.experts, 1));
  op.groups =
      real(op.experts) * (1 - portable_pow(std::max(missed, 0.0), real(op.m))) / real(op.ranks);
  const double pairs = real(op.m) * real(op.topk) / real(op.ranks);
  constexpr double kMatrices = 3;  // gate, up and down
  op.flops = Flops(2 * kMatrices * pairs * real(op.n) * real(op.k));
  op.weight_bytes =
      rounded(op.groups * kMatrices * real(op.n) * real(op.k) * bits_per_weight(op.stored) / 8);
  op.activation_bytes = rounded(2 * pairs * (kMatrices * real(op.k) + 2 * real(op.n)));
}

void attention(const KernelShape& shape, Operator& op) {
  const bool decode = shape.op == "decode_attention" || shape.op == "mla_decode";
  const bool latent = shape.op == "mla_decode" || shape.op == "mla_prefill";
  op.kind = decode ? OperatorKind::decode_attention : OperatorKind::prefill_attention;
  op.m = decode ? shape.batch : shape.chunk;
  op.heads = shape.heads;
  op.kv_heads = latent ? shape.heads : shape.kv_heads;
  op.k = op.value_dim = latent ? kHead : shape.head_dim;
  op.window = shape.window;
  double scores = 0;
  if (decode) {
    const std::int64_t keys =
        shape.window > 0 ? std::min(shape.context, shape.window) : shape.context;
    op.context = shape.batch * keys;
    scores = real(op.context);
  } else {
    const bool clipped = shape.window > 0 && shape.cached + shape.chunk > shape.window;
    op.context = shape.chunk + (clipped ? std::min(shape.cached, shape.window - 1) : shape.cached);
    scores = causal_scores(shape.chunk, shape.cached, shape.window);
  }
  std::int64_t stored = 2 * op.kv_heads * op.k;
  if (latent && decode) {
    op.kv_heads = 1;
    op.k = stored = kLatent + kRotary;
    op.value_dim = kLatent;
  } else if (latent) {
    op.k = kHead + kRotary;
    stored = op.kv_heads * (op.k + op.value_dim);
  }
  op.flops = Flops(2.0 * real(op.heads * (op.k + op.value_dim)) * scores);
  op.weight_bytes = storage_bytes(op.stored, op.context * stored);
  op.activation_bytes = rounded(2 * real(op.m) * real(op.heads * (op.k + op.value_dim)));
}

std::optional<OperatorKind> collective_of(const std::string& op) {
  if (op == "all_reduce") return OperatorKind::all_reduce;
  if (op == "all_gather") return OperatorKind::all_gather;
  if (op == "reduce_scatter") return OperatorKind::reduce_scatter;
  return std::nullopt;
}

}  // namespace

std::optional<DataType> data_type_of(const std::string& name) {
  if (name == "mxfp8") return DataType::mxfp4_fp8;  // activations beside mxfp4 weights
  for (int i = 0; i < kDataTypes; ++i)
    if (name == to_string(static_cast<DataType>(i))) return static_cast<DataType>(i);
  return std::nullopt;
}

std::optional<Operator> operator_of(const KernelShape& shape) {
  Operator op;
  if (const auto collective = collective_of(shape.op)) {
    op.kind = *collective;
    op.ranks = shape.ranks;
    if (op.ranks < 2 || shape.bytes <= 0) return std::nullopt;
    op.message = Bytes(shape.bytes);
    const double share = (real(op.ranks) - 1) / real(op.ranks);
    op.wire_bytes =
        rounded((op.kind == OperatorKind::all_reduce ? 2 : 1) * real(shape.bytes) * share);
    return op;
  }
  const auto compute = data_type_of(shape.compute), stored = data_type_of(shape.stored);
  if (!compute || !stored) return std::nullopt;
  op.compute = *compute == DataType::fp16 ? DataType::bf16 : *compute;
  op.stored = *stored == DataType::fp16 ? DataType::bf16 : *stored;
  if (op.compute == DataType::mxfp4_fp8 && op.stored == DataType::mxfp4) {
    op.compute = compute_type(DataType::mxfp4_fp8, DataType::bf16);
    op.stored = DataType::mxfp4_fp8;
  }
  if (shape.op == "gemm") {
    if (op.compute == DataType::bf16 && op.stored == DataType::int8) op.stored = DataType::int8_wo;
    gemm(shape, op);
  } else if (shape.op == "moe") {
    if (shape.m <= 0 || shape.experts <= 0) return std::nullopt;
    experts(shape, op);
  } else if (shape.op == "decode_attention" || shape.op == "mla_decode") {
    if (shape.batch <= 0 || shape.context <= 0) return std::nullopt;
    attention(shape, op);
  } else if (shape.op == "prefill_attention" || shape.op == "mla_prefill") {
    if (shape.batch != 1 || shape.chunk <= 0) return std::nullopt;
    attention(shape, op);
  } else {
    return std::nullopt;
  }
  return op;
}

}  // namespace headroom
