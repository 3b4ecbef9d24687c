#include "models/kernel_place.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "models/kernel_layers.h"
#include "models/version_order.h"
#include "sim/quantity_text.h"

namespace headroom {
namespace {

double real(std::int64_t value) { return static_cast<double>(value); }
double least_one(std::int64_t value) { return real(std::max<std::int64_t>(value, 1)); }

/// fp16 and bf16 kernels of one shape take the same time (same tensor-core rate).
std::string plain(const std::string& name) { return name == "fp16" ? "bf16" : name; }

struct Formats {
  DataType compute = DataType::bf16, stored = DataType::bf16;
};

/// What a row's words mean to a model; empty for kernels that no model runs.
std::optional<Formats> formats_of(const std::string& compute, const std::string& stored) {
  if (compute == "bf16" && stored == "int8") return Formats{DataType::bf16, DataType::int8_wo};
  if (compute == "mxfp8" && stored == "mxfp4")
    return Formats{DataType::fp8_static, DataType::mxfp4_fp8};
  if (compute == "mxfp4" || compute == "sq") return std::nullopt;
  Formats formats;
  bool known_compute = false, known_stored = false;
  for (int i = 0; i < kDataTypes; ++i) {
    const auto type = static_cast<DataType>(i);
    if (compute == to_string(type)) formats.compute = type, known_compute = true;
    if (stored == to_string(type)) formats.stored = type, known_stored = true;
  }
  if (!known_compute || !known_stored) return std::nullopt;
  return formats;
}

bool is_attention(const std::string& op) {
  return op == "decode_attention" || op == "prefill_attention" || op == "mla_decode" ||
         op == "mla_prefill";
}

/// The store's words for a weight format, and those of formats that may stand in for it.
std::vector<KernelFamily> weight_families(const std::string& op, const Operator& of) {
  std::vector<KernelFamily> list;
  const auto both = [&](const char* name) { list.push_back({op, name, name}); };
  switch (of.stored) {
    case DataType::fp8_static:
      both("fp8_static");
      both("fp8");
      both("fp8_block");
      break;
    case DataType::fp8:
      both("fp8");
      both("fp8_block");
      break;
    case DataType::fp8_block:
      both("fp8_block");
      both("fp8");
      break;
    case DataType::nvfp4:
      both("nvfp4");
      break;
    case DataType::int8:
      both("int8");
      both("fp8");
      break;
    case DataType::int8_wo:
      list.push_back({op, "bf16", "int8"});
      break;
    case DataType::mxfp4_fp8:
      list.push_back({op, "mxfp8", "mxfp4"});
      list.push_back({op, "bf16", "mxfp4"});
      break;
    case DataType::int4:
    case DataType::mxfp4:
      list.push_back({op, "bf16", to_string(of.stored)});
      break;
    default:
      both("bf16");
  }
  return list;
}

std::vector<KernelFamily> attention_families(const std::string& op, const Operator& of) {
  if (of.stored == DataType::fp8 || of.stored == DataType::int8)
    return {{op, "bf16", "fp8"}, {op, "fp8", "fp8"}, {op, "fp8_block", "fp8"}};
  return {{op, "bf16", "bf16"}};
}

/// Lower is preferred.
int rank_of(const KernelShape& shape) {
  if (shape.variant.starts_with("power_law_1.2")) return 0;
  if (shape.variant.starts_with("power_law")) return 1;
  if (shape.variant.find("eager") != std::string::npos) return 3;
  // In an engine weights and keys come from memory.
  if (shape.variant.ends_with("hot")) return 3;
  return 2;
}

/// A batch of unequal contexts, which its shape's mean does not tell (models/skew_law.h); stores of
/// the first schema tell by the variant.
bool is_skewed(const KernelShape& shape) {
  return shape.big_batch > 0 || shape.variant.find(";skew:") != std::string::npos;
}

/// LLMServingSim does not state the head size of models whose own is the usual one.
std::int64_t head_dim_of(const KernelShape& shape) {
  if (shape.head_dim > 0) return shape.head_dim;
  const Architecture* model = model_of_name(shape.variant);
  return model == nullptr ? 0 : model->head_dim;
}

/// Of "norm", "rms_norm cold", ...: the operator that a model lists.
std::optional<OperatorKind> elementwise_of(const KernelShape& shape) {
  const std::string name = shape.variant.substr(0, shape.variant.find(' '));
  if (name == "norm" || name == "rms_norm") return OperatorKind::norm;
  if (name == "rope") return OperatorKind::rope;
  if (name == "activation" || name == "silu_mul") return OperatorKind::activation;
  if (name == "embedding") return OperatorKind::embedding;
  return std::nullopt;
}

/// Prompts' chunks behind cached tokens have places of their own, by how many those are.
constexpr const char* kChunk = "cached_";

}  // namespace

std::optional<KernelPlace> place_of(const KernelShape& shape) {
  KernelPlace place;
  place.family = {shape.op, plain(shape.compute), plain(shape.stored)};
  if (shape.op == "gemm") {
    place.at = {real(shape.n), real(shape.k), real(shape.m)};
  } else if (shape.op == "moe") {
    if (shape.variant.starts_with("wideep")) return std::nullopt;
    place.group = {shape.n, shape.experts, shape.topk};
    place.at = {real(shape.k), least_one(shape.ranks), real(shape.m)};
  } else if (shape.op == "decode_attention" || shape.op == "prefill_attention") {
    if (shape.kv_heads == 0 || is_skewed(shape)) return std::nullopt;
    place.group = {shape.heads / shape.kv_heads, head_dim_of(shape), shape.window};
    place.at = {real(shape.kv_heads), real(shape.batch),
                real(shape.op == "decode_attention" ? shape.context : shape.chunk)};
    if (shape.cached > 0) {
      if (shape.batch != 1) return std::nullopt;
      place.family.op = kChunk + shape.op;
      place.at[1] = real(shape.cached);
    }
  } else if (shape.op == "elementwise") {
    place.family.op = to_string(elementwise_of(shape).value_or(OperatorKind::p2p));
    place.at = {1, 1, real(shape.bytes)};
    if (!elementwise_of(shape)) return std::nullopt;
  } else if (shape.op == "mla_decode" || shape.op == "mla_prefill") {
    if (shape.cached > 0) return std::nullopt;
    place.at = {least_one(shape.heads), real(shape.batch),
                real(shape.op == "mla_decode" ? shape.context : shape.chunk)};
  } else if (shape.op == "all_reduce" || shape.op == "all_gather" || shape.op == "reduce_scatter") {
    place.group = {shape.ranks, 0, 0};
    place.at = {1, 1, real(shape.bytes)};
  } else {
    return std::nullopt;
  }
  for (const double at : place.at)
    if (!(at > 0)) return std::nullopt;
  return place;
}

namespace {

std::vector<KernelPlace> attention_places(const Operator& op) {
  const bool decode = op.kind == OperatorKind::decode_attention;
  const bool latent = op.value_dim > 0 && op.value_dim != op.k;
  KernelPlace place;
  if (!latent) place.group = {op.heads / std::max<std::int64_t>(op.kv_heads, 1), op.k, op.window};
  // The mean context of a decode batch need not be whole.
  place.at = {real(latent ? op.heads : op.kv_heads), decode ? real(op.m) : 1,
              decode ? real(op.context) / least_one(op.m) : real(op.m)};
  const std::string suffix = decode ? "decode" : "prefill";
  const std::string name = latent ? "mla_" + suffix : suffix + "_attention";
  std::vector<KernelPlace> list;
  const bool behind = !decode && op.context > op.m;
  for (const KernelFamily& family : attention_families(name, op)) {
    place.family = family;
    list.push_back(place);
  }
  if (!behind) return list;
  std::vector<KernelPlace> chunks = list;
  for (KernelPlace& chunk : chunks) {
    chunk.family.op = kChunk + chunk.family.op;
    chunk.at[1] = real(op.context - op.m);
  }
  chunks.insert(chunks.end(), list.begin(), list.end());
  return chunks;
}

std::vector<KernelPlace> in_families(KernelPlace place, const std::vector<KernelFamily>& families) {
  std::vector<KernelPlace> list;
  for (const KernelFamily& family : families) {
    place.family = family;
    list.push_back(place);
  }
  return list;
}

}  // namespace

std::vector<KernelPlace> places_of(const Operator& op) {
  KernelPlace place;
  switch (op.kind) {
    case OperatorKind::qkv_gemm:
    case OperatorKind::latent_gemm:
    case OperatorKind::out_gemm:
    case OperatorKind::gate_up_gemm:
    case OperatorKind::down_gemm:
    case OperatorKind::router:
    case OperatorKind::lm_head:
      place.at = {real(op.n), real(op.k), real(op.m)};
      return in_families(place, weight_families("gemm", op));
    case OperatorKind::moe_experts:
      place.group = {op.n, op.experts, op.topk};
      place.at = {real(op.k), least_one(op.ranks), real(op.m)};
      return in_families(place, weight_families("moe", op));
    case OperatorKind::decode_attention:
    case OperatorKind::prefill_attention:
      return attention_places(op);
    case OperatorKind::all_reduce:
    case OperatorKind::all_gather:
    case OperatorKind::reduce_scatter:
      place.group = {op.ranks, 0, 0};
      place.at = {1, 1, std::max(op.message.as_double(), 1.0)};
      return in_families(place, {{to_string(op.kind), "bf16", "bf16"}});
    case OperatorKind::embedding:
    case OperatorKind::norm:
    case OperatorKind::rope:
    case OperatorKind::activation:
    case OperatorKind::sampling:
      place.at = {1, 1, std::max(op.activation_bytes.as_double(), 1.0)};
      return in_families(place, {{to_string(op.kind), "bf16", "bf16"}});
    default:
      return {};
  }
}

Operator measured_operator(const KernelShape& shape) {
  Operator op;
  const Formats formats = formats_of(plain(shape.compute), plain(shape.stored)).value_or(Formats{});
  op.compute = formats.compute;
  op.stored = formats.stored;
  const auto activations = [](double elements) {
    return Bytes(static_cast<std::int64_t>(2 * elements));
  };
  if (shape.op == "gemm") {
    op.kind = OperatorKind::qkv_gemm;
    op.m = shape.m;
    op.n = shape.n;
    op.k = shape.k;
    op.flops = Flops(2.0 * real(op.m) * real(op.n) * real(op.k));
    op.weight_bytes = storage_bytes(op.stored, op.n * op.k);
    op.activation_bytes = activations(real(op.m) * real(op.n + op.k));
    return op;
  }
  if (shape.op == "moe") {
    ShardedModel sharded;
    sharded.model.experts = shape.experts;
    sharded.model.experts_per_token = shape.topk;
    sharded.model.hidden = shape.n;
    // Only the width on one GPU counts: as if its columns were not split.
    sharded.parallel.expert = sharded.parallel.tensor = std::max<std::int64_t>(shape.ranks, 1);
    sharded.model.expert_ffn_hidden = shape.k;
    sharded.precision.experts = op.stored;
    return fused_experts(sharded, shape.m);
  }
  if (const auto kind = elementwise_of(shape); shape.op == "elementwise" && kind) {
    op.kind = *kind;
    op.activation_bytes = Bytes(shape.bytes);
    return op;
  }
  if (!is_attention(shape.op)) {
    op.kind = shape.op == "all_reduce"   ? OperatorKind::all_reduce
              : shape.op == "all_gather" ? OperatorKind::all_gather
                                         : OperatorKind::reduce_scatter;
    op.ranks = shape.ranks;
    op.message = Bytes(shape.bytes);
    const double passes = op.kind == OperatorKind::all_reduce ? 2 : 1;
    const double share = (least_one(shape.ranks) - 1) / least_one(shape.ranks);
    op.wire_bytes = Bytes(static_cast<std::int64_t>(std::ceil(real(shape.bytes) * passes * share)));
    return op;
  }
  const bool latent = shape.op.starts_with("mla_");
  const bool decode = shape.op.ends_with("decode") || shape.op == "decode_attention";
  op.kind = decode ? OperatorKind::decode_attention : OperatorKind::prefill_attention;
  op.heads = shape.heads;
  op.window = shape.window;
  // DeepSeek-V3's widths, the only ones measured.
  op.k = latent ? (decode ? 576 : 192) : head_dim_of(shape);
  op.value_dim = latent ? (decode ? 512 : 128) : op.k;
  op.kv_heads = latent ? (decode ? 1 : shape.heads) : shape.kv_heads;
  const std::int64_t stored = latent && decode ? op.k : op.kv_heads * (op.k + op.value_dim);
  const std::int64_t window =
      shape.window > 0 ? shape.window : shape.context + shape.chunk + shape.cached + 1;
  op.m = decode ? shape.batch : shape.batch * shape.chunk;
  op.context = shape.batch * (decode ? std::min(shape.context, window)
                                     : shape.chunk + std::min(shape.cached, window - 1));
  const double scores =
      decode ? real(op.context)
             : real(shape.batch) * causal_scores(shape.chunk, shape.cached, shape.window);
  op.flops = Flops(2.0 * real(op.heads * (op.k + op.value_dim)) * scores);
  op.weight_bytes = storage_bytes(op.stored, op.context * stored);
  op.activation_bytes = activations(real(op.m) * real(op.heads * (op.k + op.value_dim)));
  return op;
}

namespace {

/// Adds the rows of some runs to a grid.
class GridReader {
 public:
  GridReader(const ProfileStore& store, const Device& device, KernelGrid& grid)
      : store_(store), device_(device.name), roofline_(device), grid_(grid) {}

  /// Version by version, the newest first: kernels change between versions, so that none is looked
  /// up between rows of two. Older versions answer where newer ones measured nothing on a plane.
  void read(const std::function<bool(const ProfileRun&)>& wanted, int rank) {
    std::set<std::string> names;
    for (const ProfileRun& run : store_.runs(device_))
      if (wanted(run)) names.insert(version_of(run));
    std::vector<std::string> versions(names.begin(), names.end());
    std::stable_sort(versions.begin(), versions.end(), newer_version);
    read_from_.clear();
    for (const std::string& version : versions) {
      version_ = version;
      read_version([&](const ProfileRun& run) { return wanted(run) && version_of(run) == version; },
                   rank);
    }
  }

 private:
  /// Of tables that are told by topology or model (Vidur), no version.
  static std::string version_of(const ProfileRun& run) {
    const std::string& version = run.library_version;
    return !version.empty() && version[0] >= '0' && version[0] <= '9' ? version : std::string();
  }

  void read_version(const std::function<bool(const ProfileRun&)>& wanted, int rank) {
    scale_ns_.clear();
    for (const KernelRow& row : store_.kernels(device_, "quantize", wanted))
      if (row.shape.variant.starts_with("compute_scale"))
        scale_ns_[{row.shape.m, row.shape.k}] = row.times.median_ns;
    for (const char* op :
         {"gemm", "moe", "decode_attention", "prefill_attention", "mla_decode", "mla_prefill",
          "all_reduce", "all_gather", "reduce_scatter", "elementwise"})
      for (const KernelRow& row : store_.kernels(device_, op, wanted)) add(row, rank);
    each_layer(store_, device_, wanted, [&](const Operator& op, double nanoseconds) {
      const std::vector<KernelPlace> places = places_of(op);
      if (places.empty()) return;
      grid_.add(places.front(), nanoseconds * 1e-9 / roofline_.time(op).seconds, rank);
    });
  }

  void add(const KernelRow& row, int rank) {
    std::optional<KernelPlace> place = place_of(row.shape);
    if (!place || !formats_of(place->family.compute, place->family.stored)) return;
    const Plane plane{place->family, place->group, place->at[0]};
    if (read_from_.try_emplace(plane, version_).first->second != version_) return;
    const double carried = roofline_.time(measured_operator(row.shape)).seconds * 1e9;
    rank += rank_of(row.shape);
    grid_.add(*place, row.times.median_ns / carried, rank);
    if (row.shape.op != "gemm" || row.shape.compute != "fp8") return;
    const auto scale = scale_ns_.find({row.shape.m, row.shape.k});
    if (scale == scale_ns_.end()) return;
    // The rest is at least half: scales are found in a pass over the input alone.
    const double rest = std::max(row.times.median_ns - scale->second, row.times.median_ns / 2);
    place->family.compute = place->family.stored = "fp8_static";
    grid_.add(*place, rest / carried, rank);
  }

  using Plane = std::tuple<KernelFamily, KernelGroup, double>;

  const ProfileStore& store_;
  std::string device_;
  RooflineTimes roofline_;
  KernelGrid& grid_;
  std::string version_{};
  std::map<Plane, std::string> read_from_{};  ///< the version that a plane's rows are of
  std::map<std::pair<std::int64_t, std::int64_t>, double> scale_ns_;
};

/// Measured by something else than a serving library's own tables.
bool is_general(const ProfileRun& run) { return lower_case(run.library) == "nccl"; }

}  // namespace

bool is_of_library(const ProfileRun& run, const std::string& wanted) {
  if (wanted.empty()) return !is_general(run);
  const std::string name = lower_case(run.library), library = lower_case(wanted);
  if (library == "trtllm" || library.starts_with("tensorrt"))
    return name.starts_with("tensorrt") || name == "trtllm";
  return name == library;
}

KernelGrid read_grid(const ProfileStore& store, const Device& device, const std::string& library) {
  constexpr int kBehind = 10;
  KernelGrid grid;
  GridReader reader(store, device, grid);
  reader.read([&](const ProfileRun& run) { return is_of_library(run, library); }, 0);
  // A library's own collectives come first. Versions with a leading underscore name a topology, not
  // a release (Vidur).
  const auto general = [](const ProfileRun& run) {
    return is_general(run) && !run.library_version.starts_with("_");
  };
  reader.read(general, kBehind);
  grid.finish();
  return grid;
}

namespace {

/// Finds pairs of points that only noise tells apart.
class Near {
 public:
  /// Points come in the order of their places.
  void step(const KernelPlace& place, double ratio, std::vector<double>& steps) {
    constexpr double kLeast = 9, kMost = 16, kAlign = 4;
    const double size = place.at[2];
    if (size < kLeast || size > kMost || std::fmod(size, 1) != 0) return;
    const bool aligned = std::fmod(size, kAlign) == 0;
    Last& last = last_[aligned ? 1 : 0];
    const bool same_site = last.place.family == place.family && last.place.group == place.group &&
                           last.place.at[0] == place.at[0] && last.place.at[1] == place.at[1];
    if (same_site && last.place.at[2] * 4 >= size * 3)
      steps.push_back(std::fabs(ratio / last.ratio - 1));
    last = {place, ratio};
  }

 private:
  struct Last {
    KernelPlace place{};
    double ratio = 1;
  };
  std::array<Last, 2> last_{};
};

}  // namespace

std::vector<CrossValidation> cross_validate(const KernelGrid& grid) {
  std::map<KernelFamily, CrossValidation> all;
  Near before;
  grid.each([&](const KernelPlace& place, double ratio) {
    CrossValidation& one = all[place.family];
    if (place.family.op == "gemm") before.step(place, ratio, one.near);
    const GridAnswer point = grid.at(place, LeaveOut::point);
    if (point.found) one.points.push_back(std::fabs(point.ratio / ratio - 1));
    const GridAnswer site = grid.at(place, LeaveOut::site);
    if (site.found) one.sites.push_back(std::fabs(site.ratio / ratio - 1));
  });
  std::vector<CrossValidation> list;
  for (auto& [family, one] : all) {
    one.family = family;
    list.push_back(std::move(one));
  }
  return list;
}

}  // namespace headroom
