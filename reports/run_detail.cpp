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

/// LogHistogram::add without a call: there are several a request.
void put(LogHistogram& histogram, std::int64_t ns) {
  histogram.add_to_bin(LogHistogram::bin(ns), 1);
  histogram.add_totals(1, ns, ns);
}

struct Histograms {
  LogHistogram ttft, tpot, end_to_end;
  void add(const RequestRow& row) {
    put(ttft, row.ttft_ns);
    if (row.output > 1) put(tpot, row.tpot_ns());
    put(end_to_end, row.end_to_end_ns);
  }
  void merge(const Histograms& other) {
    ttft.merge(other.ttft);
    tpot.merge(other.tpot);
    end_to_end.merge(other.end_to_end);
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
  put(sums.ttft, row.ttft_ns);
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

/// `also` sees every request too: rows are read from memory once for both.
template <class Also>
void fill_load(const Metrics& metrics, const SloLimits& limits, RunDetail& out, Also also) {
  const Grouping by(metrics.arrived);
  std::vector<GroupSums> sums(static_cast<std::size_t>(by.groups));
  out.load.resize(sums.size());
  for (std::size_t i = 0; i < metrics.rows.size(); ++i) {
    const RequestRow& row = metrics.rows[i];
    SIM_CHECK(row.id < metrics.arrived, "request ids count arrivals from 0");
    const auto group = static_cast<std::size_t>(row.id / by.size);
    add_to_group(row, limits, out.load[group], sums[group]);
    also(row);
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

/// Requests of each service class.
class ClassCounts {
 public:
  void add(std::uint16_t index) {
    if (index >= counts_.size()) counts_.resize(std::size_t{index} + 1, 0);
    ++counts_[index];
  }
  /// Those that there are, largest first.
  [[nodiscard]] std::vector<std::uint16_t> order() const {
    std::vector<std::uint16_t> order;
    for (std::size_t c = 0; c < counts_.size(); ++c) {
      if (counts_[c] > 0) order.push_back(static_cast<std::uint16_t>(c));
    }
    std::stable_sort(order.begin(), order.end(),
                     [&](std::uint16_t a, std::uint16_t b) { return counts_[a] > counts_[b]; });
    return order;
  }

 private:
  std::vector<std::uint64_t> counts_;
};

/// Fills the classes where there are several. Returns the latencies of all requests.
Histograms fill_classes(const Metrics& metrics, const SloLimits& limits,
                        const std::vector<std::uint16_t>& order, RunDetail& out) {
  const std::size_t shown = std::min(order.size(), kMostClasses + 1);
  std::vector<std::size_t> place(std::size_t{1} << 16, shown - 1);
  std::vector<ClassRow> classes(shown);
  for (std::size_t c = 0; c < shown; ++c) {
    place[order[c]] = c;
    classes[c].name = fmt::format("class {}", order[c]);
  }
  if (order.size() > shown) {
    classes.back().name = fmt::format("{} other classes", order.size() - kMostClasses);
  }
  std::vector<Histograms> values(shown);
  for (std::size_t i = 0; i < metrics.rows.size(); ++i) {
    const RequestRow& row = metrics.rows[i];
    ClassRow& one = classes[place[row.class_index]];
    ++one.finished;
    one.met += holds_all(row, limits) ? 1U : 0U;
    one.input_tokens += row.prompt;
    one.output_tokens += row.output;
    values[place[row.class_index]].add(row);
  }
  Histograms all;
  for (std::size_t c = 0; c < shown; ++c) {
    classes[c].ttft = summary_of(values[c].ttft);
    classes[c].tpot = summary_of(values[c].tpot);
    classes[c].end_to_end = summary_of(values[c].end_to_end);
    all.merge(values[c]);
  }
  if (shown > 1) out.classes = std::move(classes);
  return all;
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
  LogHistogram queueing;
  ClassCounts classes;
  const SloLimits& limits = summary.context.slo;
  fill_load(metrics, limits, out, [&](const RequestRow& row) {
    put(queueing, row.queued_ns);
    classes.add(row.class_index);
  });
  const Histograms all = fill_classes(metrics, limits, classes.order(), out);
  out.curves = {curve_of(LatencyMetric::ttft, all.ttft), curve_of(LatencyMetric::tpot, all.tpot),
                curve_of(LatencyMetric::itl, metrics.token_gaps),
                curve_of(LatencyMetric::end_to_end, all.end_to_end),
                curve_of(LatencyMetric::queueing, queueing)};
  fill_margins(limits, all, out);
  fill_cost(summary, out);
  return out;
}

}  // namespace headroom
