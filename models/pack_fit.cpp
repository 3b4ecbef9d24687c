#include "models/pack_fit.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "models/kernel_operator.h"
#include "models/version_order.h"
#include "sim/check.h"
#include "sim/math.h"

namespace headroom {
namespace {

constexpr double kLog2e = 1.4426950408889634;
constexpr double kLn2 = 0.6931471805599453;
double log2_of(double x) { return portable_log(x) * kLog2e; }

/// Fewer rows make no table.
constexpr std::size_t kLeastRows = 12;
/// Pull between neighbouring nodes, in weights of an average node's rows.
constexpr double kPull = 0.003;
constexpr int kRounds = 8;        ///< of reweighting
constexpr int kIterations = 40;   ///< of conjugate gradients a round
constexpr double kLeast = 0.015;  ///< octaves: errors below weigh alike

using Grids = std::array<std::vector<double>, kPackAxes>;

/// Nodes of a table before they are cut to the rows' range. Where times have steps (GEMM tiles of
/// rows and columns) they are denser.
const Grids& grids_of(PackOp op) {
  static const std::vector<double> bytes{256,      1024,     4096,      16384,
                                         65536,    262144,   1048576,   4194304,
                                         16777216, 67108864, 268435456, 1073741824};
  static const std::vector<double> ranks{2, 4, 8};
  static const std::array<Grids, kPackOps> all{{
      {{{1,   4,   8,   16,  32,   48,   64,   96,   128,  160,  192,
         256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 8192, 32768},
        {64, 128, 256, 512, 1024, 1536, 2048, 3072, 4096, 5120, 6144, 7168, 8192, 10240, 12288,
         16384, 65536},
        {64, 256, 512, 1024, 2048, 4096, 8192, 16384, 65536},
        {}}},
      {{{}, {}, {}, {}}},  // experts_grids
      {{{1, 4, 16, 32, 64, 128, 256, 2048},
        {2, 64, 256, 1024, 4096, 16384, 131072},
        {1, 2, 4, 8, 32, 64},
        {1, 2, 4, 8, 16, 32}}},
      {{{1, 16, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384},
        {1, 2, 4, 8, 16, 32, 64},
        {1, 2, 4, 8, 16, 32},
        {}}},
      {{{1, 4, 16, 64, 256, 2048},
        {2, 64, 256, 1024, 4096, 16384, 131072},
        {1, 2, 4, 8, 16, 32, 64, 128},
        {}}},
      {{{1, 16, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768},
        {1, 2, 4, 8, 16, 32, 64, 128},
        {},
        {}}},
      {{bytes, ranks, {}, {}}},
      {{bytes, ranks, {}, {}}},
      {{bytes, ranks, {}, {}}},
  }};
  return all[static_cast<std::size_t>(op)];
}

/// The greatest of an axis and every smaller one that is at least `gap` octaves below the last.
std::vector<double> spaced(std::span<const FitRow> rows, std::size_t axis, double gap) {
  std::set<double> logs;
  for (const FitRow& row : rows) logs.insert(row.point.log2[axis]);
  std::vector<double> nodes;
  double last = 0;
  for (auto at = logs.rbegin(); at != logs.rend(); ++at) {
    if (!nodes.empty() && *at > last - gap) continue;
    last = *at;
    nodes.push_back(portable_exp(last * kLn2));
  }
  std::reverse(nodes.begin(), nodes.end());
  return nodes;
}

/// Kernels of experts differ by the layer's shape, so that a table has the numbers of tokens and
/// the splits that were measured of its shape.
Grids experts_grids(std::span<const FitRow> rows) {
  constexpr double kTokens = 0.9, kWidths = 0.9, kExperts = 1.9;  // octaves
  return {spaced(rows, 0, kTokens), spaced(rows, 1, kWidths), spaced(rows, 2, kExperts), {}};
}

/// Nodes within the rows' range; the range's ends become nodes.
Grids cut_grids(std::span<const FitRow> rows) {
  const PackPoint& first = rows.front().point;
  const Grids wanted = first.key.op == PackOp::moe ? experts_grids(rows) : grids_of(first.key.op);
  Grids grids;
  for (std::size_t axis = 0; axis < first.axes; ++axis) {
    double least = first.log2[axis], most = first.log2[axis];
    for (const FitRow& row : rows) {
      least = std::min(least, row.point.log2[axis]);
      most = std::max(most, row.point.log2[axis]);
    }
    constexpr double kClose = 0.05;  // octaves: a node so near the range's end is the end
    std::vector<double>& grid = grids[axis];
    grid.push_back(portable_exp(least * kLn2));
    for (const double node : wanted[axis])
      if (log2_of(node) > least + kClose && log2_of(node) < most - kClose) grid.push_back(node);
    if (most > least + kClose) grid.push_back(portable_exp(most * kLn2));
    for (double& node : grid) {  // whole numbers come back exactly
      const double whole = std::floor(node + 0.5);
      if (std::abs(node - whole) < 1e-6 * node) node = whole;
    }
  }
  return grids;
}

struct Corner {
  std::uint32_t node = 0;
  float weight = 0;
};

/// min over v of sum w_i (A v - b)_i^2 + pull x sum over edges (v_a - v_b)^2.
class System {
 public:
  System(const PackTable& table, std::span<const FitRow> rows) : nodes_(table.values.size()) {
    starts_.push_back(0);
    for (const FitRow& row : rows) {
      static_cast<void>(table.corners(row.point, [this](std::size_t node, double weight) {
        corners_.push_back({static_cast<std::uint32_t>(node), static_cast<float>(weight)});
      }));
      starts_.push_back(corners_.size());
      goals_.push_back(log2_of(row.seconds / row.point.base));
    }
    weights_.assign(goals_.size(), 1);
    pull_ = kPull * static_cast<double>(goals_.size()) / static_cast<double>(nodes_) + 1e-6;
    std::size_t stride = 1;
    for (std::size_t axis = kPackAxes; axis-- > 0;) {
      const std::size_t size = table.grid[axis].size();
      if (size == 0) continue;
      for (std::size_t node = 0; node < nodes_; ++node)
        if (node / stride % size + 1 < size) edges_.push_back({node, node + stride});
      stride *= size;
    }
  }

  [[nodiscard]] double fitted(std::size_t row, const std::vector<double>& v) const {
    double sum = 0;
    for (std::size_t i = starts_[row]; i < starts_[row + 1]; ++i)
      sum += static_cast<double>(corners_[i].weight) * v[corners_[i].node];
    return sum;
  }
  void reweight(const std::vector<double>& v) {
    for (std::size_t row = 0; row < goals_.size(); ++row)
      weights_[row] = kLeast / std::max(std::abs(fitted(row, v) - goals_[row]), kLeast);
  }
  /// Conjugate gradients from v on.
  void solve(std::vector<double>& v) const {
    std::vector<double> residual = normal(v, goals_), direction = residual;
    double square = dot(residual, residual);
    const std::vector<double> zero(goals_.size(), 0);
    for (int i = 0; i < kIterations && square > 1e-18; ++i) {
      std::vector<double> step = normal(direction, zero);  // minus the matrix times direction
      const double along = -dot(direction, step);
      if (!(along > 0)) return;
      const double size = square / along;
      for (std::size_t n = 0; n < v.size(); ++n) {
        v[n] += size * direction[n];
        residual[n] += size * step[n];
      }
      const double next = dot(residual, residual);
      for (std::size_t n = 0; n < v.size(); ++n)
        direction[n] = residual[n] + next / square * direction[n];
      square = next;
    }
  }

 private:
  static double dot(const std::vector<double>& a, const std::vector<double>& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
    return sum;
  }
  /// A' W (goals - A v) - pull x L v.
  [[nodiscard]] std::vector<double> normal(const std::vector<double>& v,
                                           const std::vector<double>& goals) const {
    std::vector<double> result(nodes_, 0);
    for (std::size_t row = 0; row < goals.size(); ++row) {
      const double gap = weights_[row] * (goals[row] - fitted(row, v));
      for (std::size_t i = starts_[row]; i < starts_[row + 1]; ++i)
        result[corners_[i].node] += static_cast<double>(corners_[i].weight) * gap;
    }
    for (const auto& [a, b] : edges_) {
      const double gap = pull_ * (v[b] - v[a]);
      result[a] += gap;
      result[b] -= gap;
    }
    return result;
  }

  std::size_t nodes_;
  double pull_ = 0;
  std::vector<std::size_t> starts_{};
  std::vector<Corner> corners_{};
  std::vector<double> goals_{}, weights_{};
  std::vector<std::pair<std::size_t, std::size_t>> edges_{};
};

/// Head sizes of models in use; each costs a table.
bool wanted_head(const PackKey& key) {
  const bool attention = key.op == PackOp::decode_attention || key.op == PackOp::prefill_attention;
  return !attention || key.head_dim == 64 || key.head_dim == 128;
}

/// Rows of `headroom profile measure` say in how far operands were cached: kernels run on cold
/// ones, collectives back to back.
std::string variant_of(const KernelShape& shape) {
  constexpr std::string_view kCold = "cold";
  std::string variant = shape.variant == "nccl hot" ? "" : shape.variant;
  if (variant.ends_with(kCold)) variant.resize(variant.size() - kCold.size());
  if (variant.ends_with(' ')) variant.pop_back();
  return variant;
}

bool wanted_variant(const KernelShape& shape) {
  const std::string variant = variant_of(shape);
  if (shape.op == "moe")
    return variant.starts_with("power_law_1.2") || shape.variant == "balanced cold";
  if (shape.op == "all_reduce") return variant.empty() || variant == "cuda_graph";
  return variant.empty();
}

constexpr const char* kOps[] = {
    "gemm",        "moe",        "decode_attention", "prefill_attention", "mla_decode",
    "mla_prefill", "all_reduce", "all_gather",       "reduce_scatter"};

/// Whether the rows show launches by a host instead of kernels: vLLM 0.24's block-fp8 GEMMs take
/// 60 us (B200: 175 us) however small, those of 0.19, replayed from a graph, 10 to 16 us.
bool is_launch_bound(const FitGroup& group) {
  if (group.key.op != PackOp::gemm) return false;
  constexpr double kSmall = 5e-6, kLaunch = 30e-6;  // seconds
  std::vector<double> small;
  for (const FitRow& row : group.rows)
    if (row.point.base < kSmall) small.push_back(row.seconds);
  if (small.size() < kLeastRows) return false;
  std::sort(small.begin(), small.end());
  return small[small.size() / 2] > kLaunch;
}

/// Adds the rows of splits (width, ranks) of a mixture that newer versions were not measured at,
/// where those are few: kernels change between versions.
void add_missing_splits(const FitGroup& older, FitGroup& group) {
  std::set<std::pair<std::int64_t, std::int64_t>> splits;
  for (const FitRow& row : group.rows) splits.insert({row.op.k, row.op.ranks});
  std::set<std::pair<std::int64_t, std::int64_t>> before;
  for (const FitRow& row : older.rows) before.insert({row.op.k, row.op.ranks});
  if (before.size() < 2 * splits.size()) return;
  std::size_t added = 0;
  for (const FitRow& row : older.rows) {
    if (splits.count({row.op.k, row.op.ranks}) > 0) continue;
    group.rows.push_back(row);
    ++added;
  }
  if (added > 0) group.version += "+" + older.version;
}

/// Where several kernels were timed at one shape (TensorRT-LLM's two for nvfp4 experts), engines
/// pick the fastest as they start.
void keep_fastest(std::vector<FitRow>& rows) {
  const auto place = [](const FitRow& row) {
    return std::make_tuple(row.op.m, row.op.k, row.op.ranks, row.seconds);
  };
  std::sort(rows.begin(), rows.end(),
            [&](const FitRow& a, const FitRow& b) { return place(a) < place(b); });
  const auto same = [](const FitRow& a, const FitRow& b) {
    return a.op.m == b.op.m && a.op.k == b.op.k && a.op.ranks == b.op.ranks;
  };
  rows.erase(std::unique(rows.begin(), rows.end(), same), rows.end());
}

using QuantiseTimes = std::map<std::pair<std::int64_t, std::int64_t>, double>;  ///< (m, k): seconds

/// What finding a scale and scaling a matrix of m rows and k columns takes.
QuantiseTimes quantise_times(const ProfileStore& store, const Device& device,
                             const std::function<bool(const ProfileRun&)>& wanted) {
  QuantiseTimes times;
  for (const KernelRow& row : store.kernels(device.name, "quantize", wanted))
    times[{row.shape.m, row.shape.k}] += row.times.median_ns * 1e-9;
  return times;
}

/// Measured fp8 GEMMs find their input's scale and apply it first. With static scales the kernel
/// before (norm, activation, attention) writes fp8, so that the product alone is left: never less
/// than 0.4 of the row, nor than the roofline.
void add_static_scales(const QuantiseTimes& quantise, std::map<PackKey, FitGroup>& found) {
  const PackKey dynamic{PackOp::gemm, DataType::fp8, DataType::fp8};
  const auto from = found.find(dynamic);
  if (from == found.end() || quantise.size() < kLeastRows) return;
  FitGroup group = from->second;
  group.rows.clear();
  group.key.compute = group.key.stored = DataType::fp8_static;
  for (FitRow row : from->second.rows) {
    const auto spent = quantise.find({row.op.m, row.op.k});
    if (spent == quantise.end()) continue;
    const double least = std::max(0.4 * row.seconds, row.point.base - row.point.start);
    row.op.compute = row.op.stored = DataType::fp8_static;
    row.point.key = group.key;
    row.seconds = std::max(row.seconds - spent->second, least);
    group.rows.push_back(row);
  }
  found.emplace(group.key, std::move(group));
}

void add_rows(const ProfileStore& store, const Device& device, const std::string& library,
              const std::string& version, std::map<PackKey, FitGroup>& groups) {
  std::map<PackKey, FitGroup> found;
  const auto wanted = [&](const ProfileRun& run) {
    return run.library == library && run.library_version == version;
  };
  for (const char* op : kOps) {
    const auto rows = store.kernels(device.name, op, wanted);
    for (const KernelRow& row : rows) {
      if (!wanted_variant(row.shape) || (row.shape.stored == "int8" && row.shape.bytes > 0))
        continue;
      const std::optional<Operator> made = operator_of(row.shape);
      if (!made) continue;
      const std::optional<PackPoint> point = pack_point(*made, device);
      if (!point || !wanted_head(point->key)) continue;
      FitGroup& group = found[point->key];
      group.key = point->key;
      group.library = library;
      group.version = version;
      group.rows.push_back({*made, *point, row.times.median_ns * 1e-9});
    }
  }
  add_static_scales(quantise_times(store, device, wanted), found);
  for (auto& [key, group] : found) {
    if (key.op == PackOp::moe) keep_fastest(group.rows);
    if (group.rows.size() < kLeastRows || is_launch_bound(group)) continue;
    const auto [at, fresh] = groups.try_emplace(key, group);
    if (!fresh && key.op == PackOp::moe) add_missing_splits(group, at->second);
  }
}

/// vLLM calls TensorRT-LLM's kernels for nvfp4 GEMMs and all-reduces on Blackwell (through
/// FlashInfer, fused with norms), and TensorRT-LLM tunes among the same: both run the faster of
/// what was timed in either. Alone, TensorRT-LLM's nvfp4 rows are at 0.2 of the bandwidth where
/// vLLM's are at 0.4, and vLLM's all-reduce of 256 KiB over 8 GPUs takes 26 us for 8.
bool runs_either(const PackKey& key) {
  return key.op == PackOp::all_reduce || (key.op == PackOp::gemm && key.stored == DataType::nvfp4);
}

void share_kernels(std::vector<FitGroup>& groups) {
  const auto place = [](const FitRow& row) {
    return std::array<double, 3>{row.point.log2[0], row.point.log2[1], row.point.log2[2]};
  };
  for (FitGroup& one : groups) {
    if (!runs_either(one.key) || one.library != "vLLM") continue;
    for (FitGroup& other : groups) {
      if (other.library != "TensorRT-LLM" || !(other.key == one.key)) continue;
      std::map<std::array<double, 3>, FitRow*> at;
      for (FitRow& row : other.rows) at[place(row)] = &row;
      for (FitRow& row : one.rows) {
        const auto found = at.find(place(row));
        if (found == at.end()) continue;
        row.seconds = found->second->seconds = std::min(row.seconds, found->second->seconds);
      }
    }
  }
}

double percentile(std::vector<double>& sorted, double share) {
  const auto at = static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1));
  return sorted[at];
}

/// As written: four decimals.
double rounded(double x) { return std::floor(x * 1e4 + 0.5) / 1e4; }

}  // namespace

std::vector<FitGroup> fit_groups(const ProfileStore& store, const Device& device) {
  std::map<std::string, std::set<std::string>> versions;
  for (const ProfileRun& run : store.runs(device.name))
    versions[run.library].insert(run.library_version);
  std::vector<FitGroup> all;
  for (const auto& [library, names] : versions) {
    std::vector<std::string> newest(names.begin(), names.end());
    std::stable_sort(newest.begin(), newest.end(), newer_version);
    std::map<PackKey, FitGroup> groups;
    for (const std::string& version : newest) add_rows(store, device, library, version, groups);
    for (auto& [key, group] : groups) {
      // Queries are kept in 16 bits; kernels of fp8 queries stand in where there are no others.
      PackKey plain = key;
      plain.compute = DataType::bf16;
      const bool attention = key.head_dim > 0 && key.compute != DataType::bf16;
      if (!attention || groups.count(plain) == 0) all.push_back(std::move(group));
    }
  }
  if (device.fp4.value() > 0) share_kernels(all);
  return all;
}

PackTable fit_table(std::span<const FitRow> rows) {
  SIM_CHECK(!rows.empty(), "a table is fitted to rows");
  PackTable table;
  table.key = rows.front().point.key;
  table.rows = static_cast<std::int64_t>(rows.size());
  table.grid = cut_grids(rows);
  table.finish();
  std::size_t nodes = 1;
  for (const auto& grid : table.grid) nodes *= std::max<std::size_t>(grid.size(), 1);
  table.values.assign(nodes, 0);
  System system(table, rows);
  for (int round = 0; round < kRounds; ++round) {
    system.solve(table.values);
    system.reweight(table.values);
  }
  constexpr double kSteps = 48;  // what the text holds, models/pack_text.cpp
  for (double& value : table.values) value = std::floor(value * kSteps + 0.5) / kSteps;
  std::vector<double> errors;
  for (const FitRow& row : rows) {
    const double ratio = portable_pow(2, table.at(row.point).log2) * row.point.base / row.seconds;
    errors.push_back(std::abs(ratio - 1));
  }
  std::sort(errors.begin(), errors.end());
  table.median_error = rounded(percentile(errors, 0.5));
  table.p90_error = rounded(percentile(errors, 0.9));
  return table;
}

Pack fit_device_pack(const ProfileStore& store, const Device& device) {
  const std::vector<FitGroup> groups = fit_groups(store, device);
  if (groups.empty())
    throw InputError(device.name,
                     "expected a profile store with kernels of this device to fit, got none; "
                     "import measurements first");
  Pack pack;
  pack.device = device.name;
  std::set<std::string> sources;
  for (const ProfileRun& run : store.runs(device.name)) {
    // Runs of one tree differ in the path that follows "owner/repository at commit".
    const std::size_t at = run.source.find(" at ");
    const std::size_t end = at == std::string::npos ? at : run.source.find(' ', at + 4);
    sources.insert(run.source.substr(0, end) + (run.licence.empty() ? "" : ", " + run.licence));
  }
  for (const std::string& source : sources)
    pack.source += (pack.source.empty() ? "" : "; ") + source;
  for (const FitGroup& group : groups) {
    PackTable table = fit_table(group.rows);
    table.library = group.library;
    table.version = group.version;
    pack.tables.push_back(std::move(table));
  }
  return pack;
}

}  // namespace headroom
