#include "sim/cli/validate_figures.h"

#include <algorithm>

#include "sim/math.h"

namespace headroom {
namespace {

void take(std::vector<double> values, ServingMetric mean, ServingMetric p90, ServingMetric p99,
          ServingFigures& figures) {
  if (values.empty()) return;
  double sum = 0;
  for (const double value : values) sum += value;
  std::sort(values.begin(), values.end());
  figures[static_cast<std::size_t>(mean)] = sum / static_cast<double>(values.size());
  figures[static_cast<std::size_t>(p90)] = nearest_rank(values, 0.9);
  figures[static_cast<std::size_t>(p99)] = nearest_rank(values, 0.99);
}

}  // namespace

void add_requests(const Metrics& metrics, LatencySample& sample) {
  for (std::size_t i = 0; i < metrics.rows.size(); ++i) {
    const RequestRow& row = metrics.rows[i];
    sample.ttft.push_back(static_cast<double>(row.ttft_ns) * 1e-6);
    sample.end_to_end.push_back(static_cast<double>(row.end_to_end_ns) * 1e-6);
    sample.queued += static_cast<double>(row.queued_ns) * 1e-6;
    sample.output_tokens += row.output;
    if (row.output > 1) {
      sample.tpot.push_back(static_cast<double>(row.end_to_end_ns - row.ttft_ns) * 1e-6 /
                            static_cast<double>(row.output - 1));
    }
  }
  if (metrics.rows.size() > 0)
    sample.seconds += seconds(metrics.last_finish - metrics.first_arrival);
}

ServingFigures figures_of(const LatencySample& sample) {
  ServingFigures figures;
  take(sample.tpot, ServingMetric::tpot, ServingMetric::tpot_p90, ServingMetric::tpot_p99, figures);
  take(sample.ttft, ServingMetric::ttft, ServingMetric::ttft_p90, ServingMetric::ttft_p99, figures);
  take(sample.end_to_end, ServingMetric::end_to_end, ServingMetric::end_to_end_p90,
       ServingMetric::end_to_end_p99, figures);
  if (sample.seconds > 0) {
    figures[static_cast<std::size_t>(ServingMetric::throughput)] =
        sample.output_tokens / sample.seconds;
  }
  return figures;
}

void take_shares(const Metrics& metrics, ValidatedPoint& result) {
  double total = 0;
  for (std::size_t i = 0; i < metrics.ledger.fixed_ns.size(); ++i) {
    for (std::size_t e = 0; e < metrics.ledger.fixed_ns[i].size(); ++e) {
      const auto amount = static_cast<double>(metrics.ledger.fixed_ns[i][e]);
      result.time_share[i] += amount;
      result.evidence[e] += amount;
      if (e == static_cast<std::size_t>(Evidence::extrapolated)) result.extrapolated[i] += amount;
      total += amount;
    }
  }
  if (total > 0) {
    for (double& share : result.time_share) share /= total;
    for (double& share : result.evidence) share /= total;
    for (double& share : result.extrapolated) share /= total;
  }
  const ReplicaTotals& replica = metrics.replicas.front();
  const double span = seconds(metrics.last_finish - metrics.first_arrival);
  if (span > 0) result.busy = seconds(replica.busy) / span;
  result.preemptions = replica.preemptions_recompute + replica.preemptions_swap;
  result.kv_blocks = replica.total_blocks.value();
  if (result.kv_blocks > 0) {
    result.kv_peak =
        static_cast<double>(replica.peak_blocks.value()) / static_cast<double>(result.kv_blocks);
  }
}

}  // namespace headroom
