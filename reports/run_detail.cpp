#include "reports/run_detail.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "sim/check.h"

namespace headroom {
namespace {

constexpr std::array kShares = [] {
  constexpr std::array kTail{0.985, 0.99, 0.993, 0.995, 0.998, 0.999, 0.9995, 0.9999, 1.0};
  std::array<double, 99 + kTail.size()> shares{};
  for (std::size_t i = 0; i < 99; ++i) shares[i] = static_cast<double>(i) / 100;
  for (std::size_t i = 0; i < kTail.size(); ++i) shares[99 + i] = kTail[i];
  return shares;
}();

double ms_of(std::int64_t ns) { return static_cast<double>(ns) / 1e6; }
double as_double(std::uint64_t v) { return static_cast<double>(v); }

struct Histograms {
  LogHistogram ttft, tpot, end_to_end;
  void add(const RequestRow& row) {
    ttft.add(row.ttft_ns);
    if (row.output > 1) tpot.add(row.tpot_ns());
    end_to_end.add(row.end_to_end_ns);
  }
};

LatencyCurve curve_of(LatencyMetric metric, const LogHistogram& values) {
  LatencyCurve curve{metric, {}};
  if (values.count() == 0) return curve;
  for (const double share : kShares) curve.ms.push_back(ms_of(values.quantile(share)));
  return curve;
}

void fill_margins(const SloLimits& limits, const Histograms& all, RunDetail& out) {
  const auto one = [&](LatencyMetric metric, const std::optional<Duration>& limit,
                       const LogHistogram& values) {
    if (!limit || values.count() == 0) return;
    out.margins.push_back(
        {metric, milliseconds(*limit), ms_of(values.quantile(limits.attainment))});
  };
  one(LatencyMetric::ttft, limits.ttft, all.ttft);
  one(LatencyMetric::tpot, limits.tpot, all.tpot);
  one(LatencyMetric::end_to_end, limits.end_to_end, all.end_to_end);
  std::stable_sort(out.margins.begin(), out.margins.end(),
                   [](const LimitMargin& a, const LimitMargin& b) { return a.left() < b.left(); });
}

/// Sums of one load group.
struct GroupSums {
  LogHistogram ttft;
  Int128 queued = 0, prompt = 0, decode = 0, stalled = 0;
  std::int64_t first_ns = -1;  ///< arrival; -1: none finished
};

/// Group of a request: its id counts arrivals.
struct Grouping {
  std::uint64_t size = 1, groups = 0;
  explicit Grouping(std::uint64_t arrived) {
    if (arrived == 0) return;
    size = std::max(kLeastInGroup, (arrived + kLoadGroups - 1) / kLoadGroups);
    groups = (arrived + size - 1) / size;
  }
};

void add_to_group(const RequestRow& row, const SloLimits& limits, LoadGroup& group,
                  GroupSums& sums) {
  ++group.finished;
  group.met += holds_all(row, limits) ? 1U : 0U;
  sums.ttft.add(row.ttft_ns);
  const std::int64_t after = row.end_to_end_ns - row.ttft_ns;
  const std::int64_t stalled = std::min(row.stalled_ns, after);
  sums.queued += row.queued_ns;
  sums.prompt += row.ttft_ns - row.queued_ns;
  sums.stalled += stalled;
  sums.decode += after - stalled;
  if (sums.first_ns < 0 || row.arrival_ns < sums.first_ns) sums.first_ns = row.arrival_ns;
}

void finish_group(const GroupSums& sums, std::int64_t origin_ns, LoadGroup& group) {
  if (group.finished == 0) return;
  group.from_s = static_cast<double>(sums.first_ns - origin_ns) / 1e9;
  group.ttft_p50 = ms_of(sums.ttft.quantile(0.5));
  group.ttft_p99 = ms_of(sums.ttft.quantile(0.99));
  const auto mean = [&](Int128 ns) {
    return static_cast<double>(ns) / 1e6 / as_double(group.finished);
  };
  group.queue_ms = mean(sums.queued);
  group.prompt_ms = mean(sums.prompt);
  group.decode_ms = mean(sums.decode);
  group.stalled_ms = mean(sums.stalled);
}

void fill_load(const Metrics& metrics, const SloLimits& limits, RunDetail& out) {
  const Grouping by(metrics.arrived);
  std::vector<GroupSums> sums(static_cast<std::size_t>(by.groups));
  out.load.resize(sums.size());
  for (std::size_t i = 0; i < metrics.rows.size(); ++i) {
    const RequestRow& row = metrics.rows[i];
    SIM_CHECK(row.id < metrics.arrived, "request ids count arrivals from 0");
    const auto group = static_cast<std::size_t>(row.id / by.size);
    add_to_group(row, limits, out.load[group], sums[group]);
  }
  const std::int64_t origin = metrics.first_arrival.ns();
  for (std::size_t g = 0; g < sums.size(); ++g) {
    LoadGroup& group = out.load[g];
    const bool last = g + 1 == sums.size();
    group.arrived = last ? metrics.arrived - g * by.size : by.size;
    finish_group(sums[g], origin, group);
    const std::int64_t next = last ? metrics.last_arrival.ns() : sums[g + 1].first_ns;
    if (sums[g].first_ns < 0 || next <= sums[g].first_ns) continue;
    // The last one's own arrival ends its time, so it counts one fewer.
    const double arrivals = as_double(group.arrived) - (last ? 1 : 0);
    if (arrivals > 0) {
      group.arrivals_per_s = arrivals / (static_cast<double>(next - sums[g].first_ns) / 1e9);
    }
  }
}

/// The classes to tell apart, largest first; the others share the last place.
std::vector<std::uint16_t> largest_classes(const RequestRows& rows) {
  std::vector<std::uint64_t> counts;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::size_t index = rows[i].class_index;
    if (index >= counts.size()) counts.resize(index + 1, 0);
    ++counts[index];
  }
  std::vector<std::uint16_t> order;
  for (std::size_t c = 0; c < counts.size(); ++c) {
    if (counts[c] > 0) order.push_back(static_cast<std::uint16_t>(c));
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint16_t a, std::uint16_t b) { return counts[a] > counts[b]; });
  return order;
}

void fill_classes(const Metrics& metrics, const SloLimits& limits, RunDetail& out) {
  const std::vector<std::uint16_t> order = largest_classes(metrics.rows);
  if (order.size() < 2) return;
  const std::size_t shown = std::min(order.size(), kMostClasses + 1);
  std::vector<std::size_t> place(std::size_t{1} << 16, shown - 1);
  for (std::size_t c = 0; c < shown; ++c) {
    place[order[c]] = c;
    out.classes.push_back({fmt::format("class {}", order[c]), 0, 0, 0, 0, {}, {}, {}});
  }
  if (order.size() > shown) {
    out.classes.back().name = fmt::format("{} other classes", order.size() - kMostClasses);
  }
  std::vector<Histograms> values(shown);
  for (std::size_t i = 0; i < metrics.rows.size(); ++i) {
    const RequestRow& row = metrics.rows[i];
    ClassRow& one = out.classes[place[row.class_index]];
    ++one.finished;
    one.met += holds_all(row, limits) ? 1U : 0U;
    one.input_tokens += row.prompt;
    one.output_tokens += row.output;
    values[place[row.class_index]].add(row);
  }
  for (std::size_t c = 0; c < shown; ++c) {
    out.classes[c].ttft = summary_of(values[c].ttft);
    out.classes[c].tpot = summary_of(values[c].tpot);
    out.classes[c].end_to_end = summary_of(values[c].end_to_end);
  }
}

void fill_cost(const Summary& summary, RunDetail& out) {
  if (!summary.time.any) return;
  const auto add = [&](const std::string& what, double share) {
    if (!(share > 0)) return;
    CostPart part{what, share, {}};
    if (summary.cost.usd) part.usd = *summary.cost.usd * share;
    out.cost.push_back(std::move(part));
  };
  const double busy = std::min(summary.engine.busy_share, 1.0);
  for (std::size_t o = 0; o < kOperatorClasses; ++o) {
    add(to_string(static_cast<OperatorClass>(o)), busy * summary.time.by_operator[o]);
  }
  add("idle", 1 - busy);
}

}  // namespace

std::span<const double> curve_shares() { return kShares; }

RunDetail run_detail(const Metrics& metrics, const Summary& summary) {
  RunDetail out;
  Histograms all;
  LogHistogram queueing;
  for (std::size_t i = 0; i < metrics.rows.size(); ++i) {
    const RequestRow& row = metrics.rows[i];
    all.add(row);
    queueing.add(row.queued_ns);
  }
  out.curves = {curve_of(LatencyMetric::ttft, all.ttft), curve_of(LatencyMetric::tpot, all.tpot),
                curve_of(LatencyMetric::itl, metrics.token_gaps),
                curve_of(LatencyMetric::end_to_end, all.end_to_end),
                curve_of(LatencyMetric::queueing, queueing)};
  fill_margins(summary.context.slo, all, out);
  fill_load(metrics, summary.context.slo, out);
  fill_classes(metrics, summary.context.slo, out);
  fill_cost(summary, out);
  return out;
}

}  // namespace headroom
