#include "models/table_cost.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "sim/check.h"
#include "sim/math.h"

namespace headroom {
namespace {

constexpr std::size_t kBlended = 4;
constexpr std::size_t kCoordinates = 6;
/// Sites within an octave (sum of squared logarithms to base 2) count as near.
constexpr double kNear = 1.0;
constexpr double kLn2 = 0.6931471805599453;

double log2_of(double x) { return portable_log(x) / kLn2; }
double real(std::int64_t value) { return static_cast<double>(value); }

/// Which kernels may answer for each other: one operator in one pair of formats.
struct FamilyKey {
  std::string op, compute, stored;
  friend auto operator<=>(const FamilyKey&, const FamilyKey&) = default;
};

/// A shape split into where it lies and how large it is.
struct Place {
  FamilyKey family;
  std::array<std::int64_t, kCoordinates> site{};
  double size = 0;
};

/// fp16 and bf16 kernels of one shape take the same time (same tensor-core rate).
std::string format(const std::string& name) { return name == "fp16" ? "bf16" : name; }

Place place_of(const KernelShape& shape) {
  Place place;
  place.family = {shape.op, format(shape.compute), format(shape.stored)};
  if (shape.op == "gemm") {
    place.site = {shape.n, shape.k, 0, 0, 0, 0};
    place.size = real(shape.m);
  } else if (shape.op == "moe") {
    place.site = {shape.n, shape.k, shape.experts, shape.topk, 0, 0};
    place.size = real(shape.m);
  } else if (shape.op == "decode_attention") {
    place.site = {shape.heads, shape.kv_heads, shape.head_dim, shape.window, shape.batch, 0};
    place.size = real(shape.context);
  } else if (shape.op == "prefill_attention") {
    place.site = {shape.heads,  shape.kv_heads, shape.head_dim,
                  shape.window, shape.batch,    shape.cached};
    place.size = real(shape.chunk);
  } else {
    place.site = {shape.ranks, 0, 0, 0, 0, 0};
    place.size = real(shape.bytes);
  }
  return place;
}

/// One measured size of a site.
struct Point {
  double size = 0;
  double seconds = 0;
  double correction = 1;  ///< measured over roofline
};

struct Site {
  std::array<std::int64_t, kCoordinates> at{};
  std::array<double, kCoordinates> logs{};
  std::vector<Point> points{};  ///< by size
};

struct Weighted {
  const Site* site = nullptr;
  double squared_distance = 0;
};

struct Family {
  std::vector<Site> sites{};
  std::map<std::array<std::int64_t, kCoordinates>, std::size_t> by_place{};
  // The last query's neighbours: tables are compiled size by size along one site.
  mutable std::array<std::int64_t, kCoordinates> last{-1, -1, -1, -1, -1, -1};
  mutable std::vector<Weighted> nearest{};
};

std::array<double, kCoordinates> logs_of(const std::array<std::int64_t, kCoordinates>& at) {
  std::array<double, kCoordinates> logs{};
  for (std::size_t i = 0; i < kCoordinates; ++i) logs[i] = log2_of(real(at[i] + 1));
  return logs;
}

const std::vector<Weighted>& neighbours(const Family& family,
                                        const std::array<std::int64_t, kCoordinates>& at) {
  if (family.last == at) return family.nearest;
  const auto logs = logs_of(at);
  std::vector<Weighted> all;
  all.reserve(family.sites.size());
  for (const Site& site : family.sites) {
    double squared = 0;
    for (std::size_t i = 0; i < kCoordinates; ++i)
      squared += (site.logs[i] - logs[i]) * (site.logs[i] - logs[i]);
    all.push_back({&site, squared});
  }
  const std::size_t kept = std::min(kBlended, all.size());
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(kept), all.end(),
                    [](const Weighted& a, const Weighted& b) {
                      return std::tie(a.squared_distance, a.site->at) <
                             std::tie(b.squared_distance, b.site->at);
                    });
  all.resize(kept);
  family.last = at;
  family.nearest = std::move(all);
  return family.nearest;
}

/// A site's correction at a size; whether the size lies among the measured ones.
struct Corrected {
  double correction = 1;
  bool inside = false;
  const Point* exact = nullptr;
};

Corrected correction_at(const Site& site, double size) {
  const auto above = std::lower_bound(site.points.begin(), site.points.end(), size,
                                      [](const Point& p, double s) { return p.size < s; });
  if (above != site.points.end() && above->size == size) return {above->correction, true, &*above};
  if (above == site.points.begin()) return {site.points.front().correction, false, nullptr};
  if (above == site.points.end()) return {site.points.back().correction, false, nullptr};
  const Point& low = *(above - 1);
  const double share = log2_of(size / low.size) / log2_of(above->size / low.size);
  return {low.correction + share * (above->correction - low.correction), true, nullptr};
}

/// Whether an operator can carry the format; rows in others (block-scaled fp8, ...) answer for
/// none.
bool known_format(const std::string& name) {
  for (int i = 0; i < kDataTypes; ++i)
    if (name == to_string(static_cast<DataType>(i))) return true;
  return false;
}

/// Fused experts kernels answer for the model's own shape only.
bool fits_model(const ShardedModel& sharded, const KernelShape& shape) {
  const Architecture& model = sharded.model;
  return shape.op != "moe" ||
         (shape.n == model.hidden && shape.experts == model.experts &&
          shape.topk == model.experts_per_token && shape.k == sharded.expert_width_per_gpu());
}

}  // namespace

struct TableTimes::Index {
  std::map<FamilyKey, Family> families;
  ShardedModel sharded;

  [[nodiscard]] std::optional<Place> place_of_operator(const Operator& op) const;
  [[nodiscard]] double carrier(const RooflineTimes& roofline, const KernelShape& shape) const;
  void add(const RooflineTimes& roofline, const KernelRow& row);
  void finish();
};

std::optional<Place> TableTimes::Index::place_of_operator(const Operator& op) const {
  KernelShape shape;
  shape.compute = to_string(op.compute);
  shape.stored = to_string(op.stored);
  switch (op.kind) {
    case OperatorKind::qkv_gemm:
    case OperatorKind::out_gemm:
    case OperatorKind::gate_up_gemm:
    case OperatorKind::down_gemm:
    case OperatorKind::router:
    case OperatorKind::lm_head:
      shape.op = "gemm";
      shape.m = op.m;
      shape.n = op.n;
      shape.k = op.k;
      break;
    case OperatorKind::moe_experts:
      shape.op = "moe";
      shape.topk = op.topk;
      shape.experts = op.experts;
      shape.m = op.m;
      shape.n = op.n;
      shape.k = op.k;
      break;
    case OperatorKind::decode_attention:
    case OperatorKind::prefill_attention: {
      const bool decode = op.kind == OperatorKind::decode_attention;
      shape.op = decode ? "decode_attention" : "prefill_attention";
      shape.heads = op.heads;
      shape.kv_heads = op.kv_heads;
      shape.head_dim = op.k;
      shape.batch = decode ? op.m : 1;
      shape.chunk = decode ? 0 : op.m;
      shape.cached = decode ? 0 : op.context - op.m;
      break;
    }
    case OperatorKind::all_reduce:
      shape.op = "all_reduce";
      shape.ranks = sharded.parallel.tensor;
      shape.bytes = op.message.value();
      break;
    default:
      return std::nullopt;  // element-wise work, gathers and hand-offs stay with the roofline
  }
  Place place = place_of(shape);
  // The mean context of a decode batch need not be whole.
  if (op.kind == OperatorKind::decode_attention) place.size = real(op.context) / real(op.m);
  return place;
}

/// The roofline's time for a measured shape: the same operator as a model would make it.
double TableTimes::Index::carrier(const RooflineTimes& roofline, const KernelShape& shape) const {
  Operator op;
  const std::string where;
  op.compute = parse_data_type(format(shape.compute), where);
  op.stored = parse_data_type(format(shape.stored), where);
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
    return roofline.time(op).seconds;
  }
  if (shape.op == "moe") {
    double sum = 0;
    for (const Operator& one : layer_token_operators(sharded, shape.m))
      if (one.kind == OperatorKind::moe_experts) sum += roofline.time(one).seconds;
    return sum;
  }
  if (shape.op == "all_reduce") {
    op.kind = OperatorKind::all_reduce;
    op.ranks = shape.ranks;
    op.message = Bytes(shape.bytes);
    const double ranks = real(shape.ranks);
    op.wire_bytes = Bytes(static_cast<std::int64_t>(real(shape.bytes) * 2 * (ranks - 1) / ranks));
    return roofline.time(op).seconds;
  }
  const bool decode = shape.op == "decode_attention";
  op.kind = decode ? OperatorKind::decode_attention : OperatorKind::prefill_attention;
  op.heads = shape.heads;
  op.kv_heads = shape.kv_heads;
  op.k = shape.head_dim;
  op.m = decode ? shape.batch : shape.batch * shape.chunk;
  const std::int64_t keys = shape.batch * (decode ? shape.context : shape.cached + shape.chunk);
  op.context = keys;
  const double chunk = real(shape.chunk);
  const double scores =
      decode ? real(keys)
             : real(shape.batch) * (chunk * real(shape.cached) + chunk * (chunk + 1) / 2);
  op.flops = Flops(4.0 * real(op.heads * op.k) * scores);
  op.weight_bytes = storage_bytes(op.stored, keys * 2 * op.kv_heads * op.k);
  op.activation_bytes = activations(real(op.m) * 2 * real(op.heads * op.k));
  return roofline.time(op).seconds;
}

void TableTimes::Index::add(const RooflineTimes& roofline, const KernelRow& row) {
  const Place place = place_of(row.shape);
  // A window's kernels answer for windowed layers only, whose operators come with clipped contexts
  // instead.
  if (place.size <= 0 || row.shape.window > 0) return;
  if (!known_format(row.shape.compute) || !known_format(row.shape.stored)) return;
  if (!fits_model(sharded, row.shape)) return;
  const double seconds = row.times.median_ns * 1e-9;
  const double carried = carrier(roofline, row.shape);
  if (!(carried > 0)) return;
  Family& family = families[place.family];
  const auto [entry, is_new] = family.by_place.try_emplace(place.site, family.sites.size());
  if (is_new) family.sites.emplace_back();
  Site& site = family.sites[entry->second];
  site.at = place.site;
  site.points.push_back({place.size, seconds, seconds / carried});
}

void TableTimes::Index::finish() {
  for (auto& [key, family] : families) {
    for (Site& site : family.sites) {
      site.logs = logs_of(site.at);
      std::stable_sort(site.points.begin(), site.points.end(),
                       [](const Point& a, const Point& b) { return a.size < b.size; });
      // Variants of one shape (caches hot or cold): the first in key order answers.
      const auto last =
          std::unique(site.points.begin(), site.points.end(),
                      [](const Point& a, const Point& b) { return a.size == b.size; });
      site.points.erase(last, site.points.end());
    }
  }
}

TableTimes::TableTimes(const ProfileStore& store, const ShardedModel& sharded, const Device& device,
                       const std::string& where)
    : index_(std::make_unique<Index>()), roofline_(device) {
  index_->sharded = sharded;
  const std::vector<std::string> devices = store.devices();
  if (std::find(devices.begin(), devices.end(), device.name) == devices.end()) {
    std::string known;
    for (const std::string& name : devices) known += (known.empty() ? "" : ", ") + name;
    throw InputError(where, "expected a profile store with kernels of " + device.name +
                                ", got one of " + (known.empty() ? "no device" : known) +
                                "; measure or import them, or use the roofline cost model");
  }
  for (const char* op : {"gemm", "moe", "decode_attention", "prefill_attention", "all_reduce"})
    for (const KernelRow& row : store.kernels(device.name, op)) index_->add(roofline_, row);
  index_->finish();
}

TableTimes::~TableTimes() = default;

OperatorTime TableTimes::time(const Operator& op) const {
  OperatorTime answer = roofline_.time(op);
  answer.evidence = Evidence::extrapolated;
  const std::optional<Place> place = index_->place_of_operator(op);
  if (!place) return roofline_.time(op);
  const auto family = index_->families.find(place->family);
  if (family == index_->families.end()) return roofline_.time(op);

  double weight = 0, sum = 0;
  bool inside = false;
  const std::vector<Weighted>& near = neighbours(family->second, place->site);
  for (const Weighted& one : near) {
    const Corrected corrected = correction_at(*one.site, place->size);
    if (one.squared_distance == 0) {  // the site itself: no blending
      weight = 1;
      sum = corrected.correction;
      inside = corrected.inside;
      if (corrected.exact != nullptr) {
        answer.seconds = corrected.exact->seconds;
        answer.launch = std::min(answer.launch, answer.seconds);
        answer.evidence = Evidence::measured;
        return answer;
      }
      break;
    }
    const double share = 1 / one.squared_distance;
    weight += share;
    sum += share * corrected.correction;
    inside = inside || (corrected.inside && one.squared_distance <= kNear);
  }
  answer.seconds *= sum / weight;
  answer.launch = std::min(answer.launch, answer.seconds);
  if (inside) answer.evidence = Evidence::interpolated;
  return answer;
}

}  // namespace headroom
