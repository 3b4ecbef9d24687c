#include "models/skew_law.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string_view>
#include <utility>

#include "models/quantile.h"

namespace headroom {
namespace {

/// One measured batch: its time, and with all contexts at the mean and at the longest.
struct Shot {
  std::int64_t kv_heads = 0, decodes = 0;
  double skewed = 0, mean = 0, big = 0;  // nanoseconds
};

constexpr std::string_view kMean = ";all_mean", kBig = ";all_big";

void cut_off(std::string& text, std::string_view end) { text.resize(text.size() - end.size()); }

std::vector<Shot> read_shots(const ProfileStore& store, const std::string& device,
                             const WantedRun& wanted, DecodesBeside beside) {
  const char* op = beside == DecodesBeside::nothing ? "decode_attention" : "mixed_attention";
  std::map<KernelShape, Shot> shots;
  for (const KernelRow& row : store.skewed_kernels(device, op, wanted)) {
    if (row.shape.big_context <= row.shape.context) continue;
    KernelShape batch = row.shape;
    double Shot::*time = &Shot::skewed;
    if (batch.variant.ends_with(kMean)) {
      time = &Shot::mean;
      cut_off(batch.variant, kMean);
    } else if (batch.variant.ends_with(kBig)) {
      time = &Shot::big;
      cut_off(batch.variant, kBig);
    }
    Shot& shot = shots[batch];
    shot.kv_heads = batch.kv_heads;
    shot.decodes = batch.batch;
    shot.*time = row.times.median_ns;
  }
  std::vector<Shot> whole;
  for (const auto& [batch, shot] : shots)
    if (shot.skewed > 0 && shot.mean > 0 && shot.big > 0) whole.push_back(shot);
  return whole;
}

/// The share with the least summed relative error: the median of the shots' own shares, each
/// weighed by how much a share moves its time.
double best_share(const std::vector<Shot>& shots) {
  std::vector<std::pair<double, double>> shares;
  double total = 0;
  for (const Shot& shot : shots) {
    if (shot.big == shot.mean) continue;
    const double weight = std::fabs(shot.big - shot.mean) / shot.skewed;
    shares.emplace_back((shot.skewed - shot.mean) / (shot.big - shot.mean), weight);
    total += weight;
  }
  std::sort(shares.begin(), shares.end());
  double below = 0;
  for (const auto& [share, weight] : shares)
    if ((below += weight) >= total / 2) return std::max(share, 0.0);
  return 0;
}

SkewCurve fit(const std::vector<Shot>& shots) {
  std::map<std::int64_t, std::vector<Shot>> by_decodes;
  for (const Shot& shot : shots) by_decodes[shot.decodes].push_back(shot);
  std::vector<SkewCurve::Point> points;
  for (const auto& [decodes, own] : by_decodes) points.push_back({decodes, best_share(own)});
  return SkewCurve(std::move(points));
}

std::map<std::int64_t, std::vector<Shot>> by_heads(const std::vector<Shot>& shots) {
  std::map<std::int64_t, std::vector<Shot>> groups;
  for (const Shot& shot : shots) groups[shot.kv_heads].push_back(shot);
  return groups;
}

}  // namespace

double SkewCurve::share(std::int64_t decodes) const {
  if (points_.empty()) return 0;
  const auto above =
      std::lower_bound(points_.begin(), points_.end(), decodes,
                       [](const Point& point, std::int64_t n) { return point.decodes < n; });
  if (above == points_.end()) return points_.back().share;
  if (above == points_.begin()) return above->share;
  const Point& below = *std::prev(above);
  const double weight = static_cast<double>(decodes - below.decodes) /
                        static_cast<double>(above->decodes - below.decodes);
  return below.share + weight * (above->share - below.share);
}

SkewLaw SkewLaws::nearest(std::int64_t kv_heads) const {
  const SkewLaw* best = nullptr;
  double least = 0;
  for (const auto& [heads, law] : laws_) {
    const auto [small, large] = std::minmax(heads, std::max<std::int64_t>(kv_heads, 1));
    const double apart = static_cast<double>(large) / static_cast<double>(small);
    if (best != nullptr && apart >= least) continue;
    best = &law;
    least = apart;
  }
  return best == nullptr ? SkewLaw{} : *best;
}

SkewLaws read_skew_laws(const ProfileStore& store, const std::string& device,
                        const WantedRun& wanted) {
  std::map<std::int64_t, SkewLaw> laws;
  const auto add = [&](DecodesBeside beside, SkewCurve SkewLaw::*curve) {
    for (const auto& [heads, shots] : by_heads(read_shots(store, device, wanted, beside)))
      laws[std::max<std::int64_t>(heads, 1)].*curve = fit(shots);
  };
  add(DecodesBeside::nothing, &SkewLaw::alone);
  add(DecodesBeside::prompts, &SkewLaw::beside_prompts);
  return SkewLaws(std::move(laws));
}

SkewValidation validate_skew(const ProfileStore& store, const std::string& device,
                             const WantedRun& wanted, DecodesBeside beside) {
  std::vector<double> errors, plain;
  for (const auto& [heads, shots] : by_heads(read_shots(store, device, wanted, beside))) {
    std::array<std::vector<Shot>, 2> halves;
    // Shots come in the order of their sizes: every other one.
    for (std::size_t i = 0; i < shots.size(); ++i) halves[i % 2].push_back(shots[i]);
    for (const std::size_t held : {0U, 1U}) {
      const SkewCurve curve = fit(halves[1 - held]);
      for (const Shot& shot : halves[held]) {
        const double time = shot.mean + curve.share(shot.decodes) * (shot.big - shot.mean);
        errors.push_back(std::fabs(time / shot.skewed - 1));
        plain.push_back(std::fabs(shot.mean / shot.skewed - 1));
      }
    }
  }
  SkewValidation validation;
  validation.points = static_cast<std::int64_t>(errors.size());
  validation.median = quantile(errors, 0.5);
  validation.p90 = quantile(errors, 0.9);
  validation.mean_median = quantile(plain, 0.5);
  validation.mean_p90 = quantile(plain, 0.9);
  return validation;
}

}  // namespace headroom
