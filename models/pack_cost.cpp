#include "models/pack_cost.h"

#include <algorithm>
#include <optional>

#include "models/utilisation.h"
#include "sim/check.h"
#include "sim/math.h"

namespace headroom {
namespace {

/// Blackwell Ultra is Blackwell with more memory and faster fp4: its kernels are the same.
struct PackKin {
  std::string_view device, pack;
};
constexpr PackKin kPackKin[] = {{"b300-sxm", "b200-sxm"}, {"gb300", "gb200"}};

}  // namespace

const Pack* near_pack(const Device& device) {
  for (const PackKin& kin : kPackKin)
    if (device.name == kin.device) return bundled_pack(std::string(kin.pack));
  return bundled_pack(device.name);
}

namespace {

constexpr double kLn2 = 0.6931471805599453;

const Pack& nearest_pack(const Device& device) {
  if (const Pack* near = near_pack(device)) return *near;
  const Pack* kin = bundled_pack(find_curves(device).curves->device);
  SIM_CHECK(kin != nullptr, "every device with curves has a pack");
  return *kin;
}

/// More KV heads than any measured do the work of as many more requests: each (request, KV head) is
/// a part of its own. True where the point was moved.
bool spread_heads(const PackTable& table, PackPoint& point) {
  constexpr std::size_t kRequests = 0, kHeads = 2;
  if (point.key.op != PackOp::decode_attention || table.grid[kHeads].empty()) return false;
  const double excess = point.log2[kHeads] - portable_log(table.grid[kHeads].back()) / kLn2;
  if (excess <= 1e-9) return false;
  point.log2[kHeads] -= excess;
  point.log2[kRequests] += excess;
  return true;
}

}  // namespace

PackTimes::PackTimes(const Device& device, std::string_view library)
    : PackTimes(nearest_pack(device), device, library) {}

PackTimes::PackTimes(const Pack& pack, const Device& device, std::string_view library)
    : curves_(device),
      pack_(&pack),
      evidence_(pack_->device == device.name ? Evidence::interpolated : Evidence::extrapolated),
      view_(*pack_, library) {}

OperatorTime PackTimes::time(const Operator& op) const {
  std::optional<PackPoint> point = pack_point(op, curves_.device());
  const PackTable* table = point ? view_.answering(point->key) : nullptr;
  if (table == nullptr) return curves_.time(op);
  const bool spread = spread_heads(*table, *point);
  const PackTable::Answer answer = table->at(*point);
  OperatorTime time;
  time.seconds = point->base * portable_exp(answer.log2 * kLn2);
  time.launch = std::min(point->start, time.seconds);
  // Nothing was measured with cached tokens in front of the chunk.
  const bool cached = op.kind == OperatorKind::prefill_attention && op.context != op.m;
  const bool own = answer.inside && !cached && !spread && table->key == point->key;
  time.evidence = own ? evidence_ : Evidence::extrapolated;
  return time;
}

}  // namespace headroom
