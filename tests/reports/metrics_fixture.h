// A small run whose every figure can be worked out by hand.
//
// Ten requests arrive at 0, 1, ..., 9 s; number i (from 1) has TTFT 100*i ms, and 10 further tokens
// after it at 10*i ms each; so TPOT is 10*i ms and end-to-end 200*i ms. Two more arrive at 9.5 s
// and are rejected.
#pragma once

#include <cstdint>
#include <string>

#include "reports/summary.h"

namespace headroom::fixture {

constexpr std::int64_t kMs = 1'000'000;

inline RequestRow row_of(std::int64_t i) {
  RequestRow row;
  row.id = static_cast<std::uint32_t>(i - 1);
  row.arrival_ns = (i - 1) * 1000 * kMs;
  row.queued_ns = 40 * i * kMs;
  row.ttft_ns = 100 * i * kMs;
  row.end_to_end_ns = 200 * i * kMs;
  row.stalled_ns = 20 * i * kMs;
  row.prompt = 1000;
  row.output = 11;
  return row;
}

inline void fill_rows(Metrics& m) {
  for (std::int64_t i = 1; i <= 10; ++i) {
    const RequestRow row = row_of(i);
    m.rows.push(row);
    for (int token = 0; token < 10; ++token) m.token_gaps.add(10 * i * kMs);
    m.parts.queued += 40 * i * kMs;
    m.parts.prefill += 60 * i * kMs;
    m.parts.stalled += 20 * i * kMs;
    m.parts.decode += 80 * i * kMs;
    m.input_tokens += row.prompt;
    m.output_tokens += row.output;
  }
}

inline void fill_replicas(Metrics& m) {
  m.replicas.resize(2);
  m.replicas[0].busy = 11 * kSecond;  // the whole span
  m.replicas[0].iterations = 100;
  m.replicas[0].batched_requests = 300;
  m.replicas[0].peak_blocks = Blocks(75);
  m.replicas[0].total_blocks = Blocks(100);
  m.replicas[1].busy = Duration(5'500'000'000);
  m.replicas[1].iterations = 50;
  m.replicas[1].batched_requests = 150;
  m.replicas[1].preemptions_recompute = 2;
  m.replicas[1].preemptions_swap = 1;
  m.replicas[1].peak_blocks = Blocks(90);
  m.replicas[1].total_blocks = Blocks(100);
  for (int i = 0; i < 12; ++i) {
    ClusterSample sample;
    sample.time = Instant(i * kSecond.value());
    sample.waiting = i % 3;
    sample.running = 1;
    sample.used_blocks = 10 * i;  // 0 to 110 of 200 blocks: mean 55, hence 27.5 %
    m.samples.push_back(sample);
  }
}

/// Last finish: number 10 arrives at 9 s and takes 2 s, hence a span of 11 s.
inline Metrics ten_requests() {
  Metrics m;
  m.arrived = 12;
  m.finished = 10;
  m.rejected[static_cast<std::size_t>(RejectReason::admission)] = 2;
  m.first_arrival = Instant(0);
  m.last_arrival = Instant(9'500 * kMs);
  m.last_finish = Instant(11'000 * kMs);
  m.end = m.last_finish;
  m.events = 777;
  m.decision_digest = 0x0123456789abcdefULL;
  fill_rows(m);
  fill_replicas(m);
  m.ledger.add(OperatorClass::gemm, Evidence::measured, Int128{6} * kFixedOne);
  m.ledger.add(OperatorClass::gemm, Evidence::interpolated, Int128{3} * kFixedOne);
  m.ledger.add(OperatorClass::host, Evidence::extrapolated, Int128{1} * kFixedOne);
  return m;
}

/// Four GPUs at 2 USD an hour; TTFT within 500 ms (1 to 5), TPOT within 80 ms (1 to 8), end-to-end
/// within 1400 ms (1 to 7).
inline ReportContext context() {
  ReportContext c;
  c.scenario = "ten requests";
  c.scenario_digest = "00000000000000aa";
  c.cost_digest = "00000000000000bb";
  c.seed = 18446744073709551615ULL;
  c.tool_version = "0.1.0";
  c.model = "Llama-3.1-8B";
  c.device = "H100";
  c.gpus = 4;
  c.replicas = 2;
  c.cost_model = "roofline";
  c.kv_blocks_per_replica = Blocks(100);
  c.kv_block_tokens = Tokens(16);
  c.gpu_hour_price = UsdPerHour(2.0);
  c.price_source = "a price list";
  c.energy = Joules(7.2e6);
  c.power_source = "a power model";
  c.slo.ttft = 500 * kMillisecond;
  c.slo.tpot = 80 * kMillisecond;
  c.slo.end_to_end = 1400 * kMillisecond;
  c.lower_bound = PerfectSystem{3, {}, "it counts floating-point work alone"};
  c.notes = {"a default was used"};
  return c;
}

inline Summary summary() { return summarise(ten_requests(), context()); }

}  // namespace headroom::fixture
