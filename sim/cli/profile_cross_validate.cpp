#include "sim/cli/profile_cross_validate.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "models/device.h"
#include "models/kernel_place.h"
#include "models/quantile.h"
#include "models/skew_law.h"
#include "sim/check.h"
#include "sim/quantity_text.h"

namespace headroom {
namespace {

/// Medians that the look-up is held to; 0: none is set.
struct Target {
  std::string_view op;
  double point, site;
};
constexpr Target kTargets[] = {
    {"gemm", 0.04, 0.04},        {"prefill_attention", 0.03, 0.04},
    {"mla_prefill", 0.03, 0.04}, {"decode_attention", 0.02, 0.04},
    {"mla_decode", 0.02, 0.04},  {"moe", 0, 0.04},
};

Target target_of(const std::string& op) {
  for (const Target& target : kTargets)
    if (target.op == op) return target;
  return {"", 0, 0};
}

bool is_general(const std::string& library) { return lower_case(library) == "nccl"; }

/// The library's name as tables of kernels go by, from what a person writes.
bool is_wanted(const std::string& wanted, const std::string& library) {
  return wanted.empty() || lower_case(wanted) == lower_case(library) ||
         (lower_case(wanted) == "trtllm" && lower_case(library).starts_with("tensorrt"));
}

struct Tally {
  int judged = 0, missed = 0;
};

/// Errors over several lines.
using PooledByOperator = std::map<std::string, CrossValidation>;

/// What is gathered over the lines.
struct Totals {
  Tally lines{};    ///< a device, library and pair of formats each
  Tally devices{};  ///< a device each
  PooledByOperator pooled{};
};

/// "2.80 <= 4": the median in percent beside what is asked of it, ">" where it is missed.
std::string judged(const std::vector<double>& errors, double target, Tally& tally) {
  if (errors.empty()) return "-";
  const double error = quantile(errors, 0.5);
  if (target == 0) return fmt::format("{:.2f}", error * 100);
  const bool missed = error > target;
  ++tally.judged;
  tally.missed += missed ? 1 : 0;
  return fmt::format("{:.2f}{}{:g}", error * 100, missed ? " > " : " <= ", target * 100);
}

void print_one(const std::string& device, const std::string& library, const std::string& formats,
               const CrossValidation& one, const TextSink& sink, Tally& tally) {
  const Target target = target_of(one.family.op);
  const std::string point = judged(one.points, target.point, tally);
  const std::string site = judged(one.sites, target.site, tally);
  const auto percent = [](const std::vector<double>& errors, double share) {
    return errors.empty() ? std::string("-") : fmt::format("{:.2f}", quantile(errors, share) * 100);
  };
  sink(fmt::format("{:<14} {:<13} {:<18} {:<22} {:>7} {:>11} {:>6} {:>11} {:>6} {:>6}\n", device,
                   library, one.family.op, formats, one.points.size(), point,
                   percent(one.points, 0.9), site, percent(one.sites, 0.9),
                   percent(one.near, 0.5)));
}

/// Libraries of a device in the store, each once.
std::set<std::string> libraries_of(const ProfileStore& store, const std::string& device) {
  std::set<std::string> names;
  for (const ProfileRun& run : store.runs(device)) names.insert(run.library);
  return names;
}

/// Batches of unequal contexts: by the law of the other half of them, and by their mean alone.
void print_skew(const ProfileStore& store, const std::string& device, const std::string& library,
                const TextSink& sink) {
  const auto own = [&](const ProfileRun& run) { return run.library == library; };
  for (const auto& [name, beside] :
       {std::pair("unequal contexts, decodes alone", DecodesBeside::nothing),
        {"unequal contexts, beside prompts", DecodesBeside::prompts}}) {
    const SkewValidation one = validate_skew(store, device, own, beside);
    if (one.points == 0) continue;
    sink(
        fmt::format("{:<14} {:<13} {:<41} {:>7} {:>11.2f} {:>6.2f}, by the mean alone {:.2f} "
                    "{:.2f}\n",
                    device, library, name, one.points, one.median * 100, one.p90 * 100,
                    one.mean_median * 100, one.mean_p90 * 100));
  }
}

/// Each operator that something is asked of, every point counted once.
void print_pooled(const std::string& device, const PooledByOperator& pooled, const TextSink& sink,
                  Tally& tally) {
  for (const auto& [op, all] : pooled)
    if (!target_of(op).op.empty()) print_one(device, "all", "all", all, sink, tally);
}

void check_device(const ProfileStore& store, const Device& device, const KernelFilter& filter,
                  const TextSink& sink, Totals& totals) {
  PooledByOperator own_pooled;
  for (const std::string& library : libraries_of(store, device.name)) {
    if (!is_wanted(filter.library, library)) continue;
    for (const CrossValidation& one : cross_validate(read_grid(store, device, library))) {
      if (!filter.op.empty() && !one.family.op.ends_with(filter.op)) continue;
      // A library's grid holds NCCL's collectives too, which have lines of their own.
      const bool collective =
          one.family.op.starts_with("all_") || one.family.op == "reduce_scatter";
      const bool own = one.family.op == "all_reduce" && one.family.stored == "bf16";
      if (collective && !own && !is_general(library)) continue;
      print_one(device.name, library, one.family.compute + "/" + one.family.stored, one, sink,
                totals.lines);
      for (PooledByOperator* all : {&own_pooled, &totals.pooled}) {
        CrossValidation& pooled = (*all)[one.family.op];
        pooled.family.op = one.family.op;
        pooled.points.insert(pooled.points.end(), one.points.begin(), one.points.end());
        pooled.sites.insert(pooled.sites.end(), one.sites.begin(), one.sites.end());
      }
    }
    if (filter.op.empty() || std::string_view("decode_attention").ends_with(filter.op))
      print_skew(store, device.name, library, sink);
  }
  print_pooled(device.name, own_pooled, sink, totals.devices);
}

}  // namespace

int profile_cross_validate(const std::string& store, const KernelFilter& filter,
                           const TextSink& sink) {
  if (filter.run != 0 || !filter.library_version.empty())
    throw InputError(filter.run != 0 ? "--run" : "--library-version",
                     "expected --device, --library or --op beside --cross-validate, got this; "
                     "leave it out: a look-up reads all runs of a library");
  const ProfileStore opened(store, ProfileStore::Mode::read_only);
  std::vector<std::string> devices = opened.devices();
  if (!filter.device.empty() &&
      std::find(devices.begin(), devices.end(), filter.device) != devices.end())
    devices = {filter.device};
  else if (!filter.device.empty())
    devices.clear();
  if (devices.empty())
    throw InputError(store, "expected kernels of " +
                                (filter.device.empty() ? std::string("a device") : filter.device) +
                                ", got none; `headroom profile list` names what there is");
  sink(
      "One point left out, or its whole site: absolute errors in percent, median and p90, beside\n"
      "the median asked for. near: median step between sizes that nothing tells apart, so noise.\n"
      "device         library       operator           formats                 points"
      "       point    p90        site    p90   near\n");
  Totals totals;
  for (const std::string& name : devices)
    check_device(opened, find_device(name, store), filter, sink, totals);
  Tally pooled;
  print_pooled("all", totals.pooled, sink, pooled);
  const auto within = [](const Tally& tally) {
    return fmt::format("{} of {}", tally.judged - tally.missed, tally.judged);
  };
  sink(
      fmt::format("Medians within what is asked for: {} of an operator over all devices, {} of an "
                  "operator on a device, {} by library and format too\n",
                  within(pooled), within(totals.devices), within(totals.lines)));
  return totals.devices.missed > 0 ? 1 : 0;
}

}  // namespace headroom
