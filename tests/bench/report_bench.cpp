// What an HTML report costs beyond its run: ten million finished requests to a summary and a page.
//
// Fails where both take more than 2 s of processor time or 200 MiB more memory than the requests
// themselves.
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "reports/html/run_page.h"

namespace {

using namespace headroom;

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

double peak_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

/// Latencies over four decades, from a linear congruential generator.
Metrics many_requests(std::uint32_t requests) {
  Metrics m;
  std::uint64_t state = 1;
  for (std::uint32_t id = 0; id < requests; ++id) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    const auto spread = static_cast<std::int64_t>(state >> 40U);  // 24 bits
    RequestRow row;
    row.id = id;
    row.arrival_ns = std::int64_t{id} * 1'000'000;
    row.queued_ns = spread * 10;
    row.ttft_ns = row.queued_ns + 20'000'000 + spread;
    row.output = 1 + static_cast<std::uint32_t>(spread % 500);
    row.end_to_end_ns = row.ttft_ns + std::int64_t{row.output} * (9'000'000 + spread);
    row.stalled_ns = spread;
    row.prompt = 1000;
    row.class_index = static_cast<std::uint16_t>(spread % 3);
    m.rows.push(row);
    m.output_tokens += row.output;
  }
  m.arrived = m.finished = requests;
  m.input_tokens = 1000LL * requests;
  m.first_arrival = Instant(0);
  m.last_arrival = Instant(std::int64_t{requests} * 1'000'000);
  m.last_finish = m.end = m.last_arrival;
  m.replicas.resize(64);
  return m;
}

}  // namespace

int main(int count, char** arguments) {
  const auto requests =
      static_cast<std::uint32_t>(count > 1 ? std::strtoul(arguments[1], nullptr, 10) : 10'000'000);
  const Metrics metrics = many_requests(requests);
  ReportContext context;
  context.replicas = context.gpus = 64;
  context.slo.ttft = 100 * kMillisecond;
  context.slo.tpot = 20 * kMillisecond;
  const double before_mib = peak_mib(), start = cpu_seconds();
  const Summary summary = summarise(metrics, context);
  const double summarised = cpu_seconds();
  const std::string page = run_page(summary, run_detail(metrics, summary), {});
  const double end = cpu_seconds(), more_mib = peak_mib() - before_mib;
  std::printf("%u requests: summary %.2f s, page %.2f s, in all %.2f s, %.0f MiB more, %zu bytes\n",
              requests, summarised - start, end - summarised, end - start, more_mib, page.size());
  return end - start > 2 || more_mib > 200 || page.size() > 1'500'000 ? 1 : 0;
}
