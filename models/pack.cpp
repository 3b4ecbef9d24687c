#include "models/pack.h"

#include <algorithm>
#include <cmath>

#include "sim/check.h"
#include "sim/math.h"

namespace headroom {
namespace {

constexpr double kLog2e = 1.4426950408889634;
double log2_of(double x) { return portable_log(x) * kLog2e; }
double real(std::int64_t value) { return static_cast<double>(value); }

bool is_dense_gemm(OperatorKind kind) {
  return kind == OperatorKind::qkv_gemm || kind == OperatorKind::latent_gemm ||
         kind == OperatorKind::out_gemm || kind == OperatorKind::gate_up_gemm ||
         kind == OperatorKind::down_gemm || kind == OperatorKind::router ||
         kind == OperatorKind::lm_head;
}

DataType plain(DataType type) { return type == DataType::fp16 ? DataType::bf16 : type; }

/// Start-up times that bend small kernels' tables least, microseconds. Chosen, not fitted: the
/// tables hold what is left.
constexpr double kStart[kPackOps] = {2, 10, 4, 6, 6, 6, 4, 6, 6};

void attention_point(const Operator& op, PackPoint& point) {
  const bool decode = op.kind == OperatorKind::decode_attention;
  const bool latent = op.value_dim > 0 && op.value_dim != op.k;
  point.key.stored = plain(op.stored);
  point.key.compute = plain(op.compute);
  const auto requests = real(std::max<std::int64_t>(op.m, 1));
  if (decode) {
    point.log2[0] = log2_of(requests);
    point.log2[1] = log2_of(std::max(real(op.context) / requests, 1.0));
  } else {
    // With cached tokens in front: the prompt that scores as many keys.
    const double cached = real(std::max<std::int64_t>(op.context - op.m, 0));
    point.log2[0] = log2_of(requests) / 2 + log2_of(requests + 2 * cached) / 2;
  }
  if (latent) {
    point.key.op = decode ? PackOp::mla_decode : PackOp::mla_prefill;
    point.log2[decode ? 2 : 1] = log2_of(real(op.heads));
    point.axes = decode ? 3 : 2;
    return;
  }
  point.key.op = decode ? PackOp::decode_attention : PackOp::prefill_attention;
  point.key.head_dim = op.k;
  point.key.windowed = op.window > 0;
  const double group = log2_of(real(op.heads) / real(std::max<std::int64_t>(op.kv_heads, 1)));
  if (decode) {
    point.log2[2] = log2_of(real(std::max<std::int64_t>(op.kv_heads, 1)));
    point.log2[3] = group;
    point.axes = 4;
  } else {
    point.log2[1] = log2_of(real(op.heads));
    point.log2[2] = group;
    point.axes = 3;
  }
}

void experts_point(const Operator& op, PackPoint& point) {
  point.key.op = PackOp::moe;
  point.key.compute = plain(op.compute);
  point.key.stored = plain(op.stored);
  point.key.hidden = op.n;
  point.key.experts = std::max<std::int64_t>(op.experts, 1);
  point.key.topk = std::max<std::int64_t>(op.topk, 1);
  const double experts = real(point.key.experts);
  point.log2 = {log2_of(real(op.m * point.key.topk) / experts), log2_of(real(op.k)),
                log2_of(experts / real(std::max<std::int64_t>(op.ranks, 1))), 0};
  point.axes = 3;
}

void collective_point(const Operator& op, PackPoint& point) {
  point.key.op = op.kind == OperatorKind::all_reduce   ? PackOp::all_reduce
                 : op.kind == OperatorKind::all_gather ? PackOp::all_gather
                                                       : PackOp::reduce_scatter;
  point.log2[0] = log2_of(std::max(op.message.as_double(), 1.0));
  point.log2[1] = log2_of(real(op.ranks));
  point.axes = 2;
}

bool is_fp8(DataType type) {
  return type == DataType::fp8_static || type == DataType::fp8_block || type == DataType::fp8;
}

double octaves(std::int64_t a, std::int64_t b) {
  return std::abs(log2_of(real(a + 1) / real(b + 1)));
}

/// How little a table says of a key; nothing: nothing at all.
std::optional<double> distance(const PackKey& key, const PackKey& table) {
  if (table.op != key.op) return std::nullopt;
  const bool same = table.stored == key.stored && table.compute == key.compute;
  if (key.op == PackOp::gemm || key.op == PackOp::moe) {
    if (!same && !(is_fp8(key.stored) && is_fp8(table.stored))) return std::nullopt;
    constexpr double kOtherFormat = 100, kOtherBlocks = 1;
    const double format = same ? 0 : kOtherFormat;
    const double blocks = table.stored == DataType::fp8_block ? kOtherBlocks : 0;
    return format + (same ? 0 : blocks) + octaves(table.hidden, key.hidden) +
           octaves(table.experts, key.experts) + octaves(table.topk, key.topk);
  }
  return (table.stored == key.stored ? 0 : 4) + (table.windowed == key.windowed ? 0 : 2) +
         (table.compute == key.compute ? 0 : 1) + octaves(table.head_dim, key.head_dim);
}

}  // namespace

const char* to_string(PackOp op) {
  static constexpr const char* kNames[kPackOps] = {
      "gemm",        "moe",        "decode_attention", "prefill_attention", "mla_decode",
      "mla_prefill", "all_reduce", "all_gather",       "reduce_scatter"};
  return kNames[static_cast<std::size_t>(op)];
}

std::optional<PackPoint> pack_point(const Operator& op, const Device& device) {
  PackPoint point;
  if (op.m <= 0 && op.message.value() <= 0) return std::nullopt;
  if (is_dense_gemm(op.kind)) {
    point.key.compute = plain(op.compute);
    point.key.stored = plain(op.stored);
    point.log2 = {log2_of(real(op.m)), log2_of(real(op.n)), log2_of(real(op.k)), 0};
    point.axes = 3;
  } else if (op.kind == OperatorKind::moe_experts) {
    experts_point(op, point);
  } else if (op.kind == OperatorKind::decode_attention ||
             op.kind == OperatorKind::prefill_attention) {
    attention_point(op, point);
  } else if (op.kind == OperatorKind::all_reduce || op.kind == OperatorKind::all_gather ||
             op.kind == OperatorKind::reduce_scatter) {
    collective_point(op, point);
  } else {
    return std::nullopt;
  }
  const double peak = device.peak(op.compute).value();
  double compute = peak > 0 ? op.flops.value() / peak : 0;
  double memory = op.bytes().as_double() / device.memory_bandwidth.value();
  if (op.message.value() > 0) {
    const double link = device.link_bandwidth.value() > 0 ? device.link_bandwidth.value()
                                                          : device.pcie_bandwidth.value();
    compute = 0;
    memory = link > 0 ? op.wire_bytes.as_double() / link : 0;
  }
  const double c2 = compute * compute, m2 = memory * memory;
  point.start = kStart[static_cast<std::size_t>(point.key.op)] * 1e-6;
  point.base = point.start + std::sqrt(std::sqrt(c2 * c2 + m2 * m2));
  return point;
}

void PackTable::finish() {
  for (std::size_t axis = 0; axis < kPackAxes; ++axis) {
    logs_[axis].clear();
    for (const double x : grid[axis]) logs_[axis].push_back(log2_of(x));
  }
}

PackTable::Answer PackTable::at(const PackPoint& point) const {
  Answer answer;
  answer.inside = corners(
      point, [&](std::size_t index, double weight) { answer.log2 += weight * values[index]; });
  return answer;
}

PackView::PackView(const Pack& pack, std::string_view library) {
  // Own library first, then the others in this order.
  const std::string_view order[] = {library, "vLLM", "TensorRT-LLM", "SGLang", "NCCL"};
  for (const std::string_view wanted : order)
    for (const PackTable& table : pack.tables)
      if (table.library == wanted && find(table.key) == nullptr) tables_.push_back(&table);
  // Libraries below the serving ones, such as cuBLASLt.
  for (const PackTable& table : pack.tables)
    if (find(table.key) == nullptr) tables_.push_back(&table);
}

const PackTable* PackView::find(const PackKey& key) const {
  for (const PackTable* table : tables_)
    if (table->key == key) return table;
  return nullptr;
}

const PackTable* PackView::answering(const PackKey& key) const {
  if (const PackTable* own = find(key)) return own;
  const PackTable* nearest = nullptr;
  double least = 0;
  for (const PackTable* table : tables_) {
    const std::optional<double> far = distance(key, table->key);
    if (!far || (nearest != nullptr && *far >= least)) continue;
    nearest = table;
    least = *far;
  }
  return nearest;
}

}  // namespace headroom
