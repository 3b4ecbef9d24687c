// DistServe's released simulator, run on the deterministic workload W-LCG, against ours: engine,
// queueing and metrics in one. The numbers below are what the released code (`simdistserve`, Zhong
// et al., OSDI 2024) printed for these runs. It generates one decode step more than tokens are
// asked for and divides by the tokens asked for, hence extra_output = 1.
#include "models/linear_cost.h"
#include "sim/registry.h"
#include "tests/oracle/simdistserve_figures.h"

using namespace headroom;
using namespace headroom::simdistserve;

namespace {

/// Engines under test: batching under a policy, or queues before each stage. Both are to give the
/// same figures.
enum class Engine { batching, stage_queues };

Run simulate_vllm_13b(std::vector<RequestSpec> requests, std::int64_t tp, std::int64_t pp,
                      Engine engine) {
  const LinearStep& step = find_linear_step("vllm-13b", tp, "test");
  std::vector<std::unique_ptr<CostModel>> stages;
  for (std::int64_t s = 0; s < pp; ++s) stages.push_back(make_linear_cost(step, pp, s));
  toy::ListSource source(std::move(requests));
  toy::Recorder recorder;
  SimulationSetup setup = toy::world(source);
  setup.extra_output = Tokens(1);
  setup.sinks = {&recorder};
  if (engine == Engine::stage_queues) {
    StageQueuesSetup queues;
    for (const auto& stage : stages) queues.stages.push_back(stage.get());
    queues.prefill_capacity = capacity_13b(tp, pp);
    setup.stage_queues.push_back(queues);
  } else {
    REQUIRE(pp == 1);
    const auto* policy = PolicyRegistry<BatchPolicy>::instance().find("simdistserve");
    REQUIRE(policy != nullptr);
    Parameters parameters = default_parameters(policy->parameters);
    parameters.set("prefill_tokens", capacity_13b(tp, pp).value());
    setup.replicas.push_back(toy::replica(policy->make(parameters), *stages[0],
                                          {.kv_blocks = 100'000'000, .max_model_len = 1 << 24}));
  }
  Run run;
  run.metrics = simulate(std::move(setup));
  run.finished = recorder.finished;
  return run;
}

struct FullRow {
  double rate;
  Attainment attained;
  double ttft[3], tpot[3];  ///< p50, p90, p99, ms
  std::int64_t prefill_steps, decode_steps;
  double mean_ttft, mean_tpot, mean_total;  ///< ms
};

// vLLM colocated, OPT-13B, TP1, 500 requests, SLO 250 / 100 ms.
const FullRow kFullRows[] = {
    {1,
     {72.8, 99.8, 72.6},
     {141.431, 334.701, 500.995},
     {35.4697, 42.9612, 57.9603},
     483,
     14175,
     176.5789,
     36.24424,
     7190.428},
    {2,
     {64.2, 98.6, 63.8},
     {177.646, 383.482, 581.064},
     {53.6991, 72.4579, 101.7512},
     453,
     5056,
     207.6914,
     55.98607,
     10839.256},
    {3,
     {55.6, 35.4, 21.6},
     {218.859, 480.219, 739.588},
     {119.5085, 171.3435, 220.9635},
     414,
     2244,
     251.3549,
     120.94658,
     22457.978},
};

struct ShortRow {
  std::int64_t tp, pp;
  double rate;
  Attainment attained;
};

const ShortRow kShortRows[] = {
    {2, 1, 2, {87.0, 99.8, 86.8}}, {2, 1, 4, {76.6, 56.6, 45.6}}, {2, 1, 6, {63.4, 2.2, 1.6}},
    {4, 1, 4, {99.6, 100, 99.6}},  {4, 1, 8, {93.4, 12.2, 11.2}},
};

struct PipelineRow {
  double rate;
  Attainment attained;
  double mean_ttft, mean_tpot, mean_total;
};

const PipelineRow kPipelineRows[] = {
    {2, {73.8, 99.6, 73.4}, 173.1917, 48.36620, 9425.813},
    {4, {64.4, 69.8, 45.2}, 208.7273, 94.13362, 17833.602},
};

}  // namespace

TEST_CASE("simdistserve's colocated vLLM runs come out to the printed digit") {
  const Engine engine = GENERATE(Engine::batching, Engine::stage_queues);
  for (const FullRow& row : kFullRows) {
    INFO("rate " << row.rate);
    const Run run = simulate_vllm_13b(w_lcg(WLcg::Lengths::sharegpt, row.rate, 500), 1, 1, engine);
    REQUIRE(run.finished.size() == 500);
    const Attainment got = attainment(run, 250, 100);
    check_printed(got.ttft, row.attained.ttft, 0.1);
    check_printed(got.tpot, row.attained.tpot, 0.1);
    check_printed(got.joint, row.attained.joint, 0.1);
    const auto ttft = column(run, read_ttft);
    const auto tpot = tpots(run);
    const double at[3] = {50, 90, 99};
    for (int i = 0; i < 3; ++i) {
      check_printed(percentile(ttft, at[i]), row.ttft[i], 0.001);
      check_printed(percentile(tpot, at[i]), row.tpot[i], 0.0001);
    }
    check_printed(mean(ttft), row.mean_ttft, 0.0001);
    CHECK(std::abs(mean(tpot) - row.mean_tpot) <= 0.5e-5 + 1e-6);
    check_printed(mean(column(run, read_total)), row.mean_total, 0.001);
    const ReplicaTotals& totals = run.metrics.replicas[0];
    CHECK(totals.prefill_iterations == row.prefill_steps);
    CHECK(totals.iterations - totals.prefill_iterations == row.decode_steps);
  }
}

TEST_CASE("simdistserve's joint attainment at 200 and 100 ms comes out to the printed digit") {
  const double joint[] = {61.6, 53.8, 18.4, 1.4};
  for (int i = 0; i < 4; ++i) {
    const Run run =
        simulate_vllm_13b(w_lcg(WLcg::Lengths::sharegpt, i + 1.0, 500), 1, 1, Engine::batching);
    check_printed(attainment(run, 200, 100).joint, joint[i], 0.1);
  }
}

TEST_CASE("simdistserve's runs with tensor parallelism come out to the printed digit") {
  for (const ShortRow& row : kShortRows) {
    INFO("tp " << row.tp << " rate " << row.rate);
    const Run run = simulate_vllm_13b(w_lcg(WLcg::Lengths::sharegpt, row.rate, 500), row.tp, row.pp,
                                      Engine::batching);
    const Attainment got = attainment(run, 250, 100);
    check_printed(got.ttft, row.attained.ttft, 0.1);
    check_printed(got.tpot, row.attained.tpot, 0.1);
    check_printed(got.joint, row.attained.joint, 0.1);
  }
}

TEST_CASE("simdistserve's runs with two pipeline stages come out to the printed digit") {
  for (const PipelineRow& row : kPipelineRows) {
    INFO("rate " << row.rate);
    const Run run = simulate_vllm_13b(w_lcg(WLcg::Lengths::sharegpt, row.rate, 500), 1, 2,
                                      Engine::stage_queues);
    const Attainment got = attainment(run, 250, 100);
    check_printed(got.ttft, row.attained.ttft, 0.1);
    check_printed(got.tpot, row.attained.tpot, 0.1);
    check_printed(got.joint, row.attained.joint, 0.1);
    check_printed(mean(column(run, read_ttft)), row.mean_ttft, 0.0001);
    CHECK(std::abs(mean(tpots(run)) - row.mean_tpot) <= 0.5e-5 + 1e-6);
    check_printed(mean(column(run, read_total)), row.mean_total, 0.001);
  }
}

TEST_CASE("simdistserve's constant 512 in, 64 out comes out to the printed digit") {
  // rate, joint % at 400 / 40 ms, P90 TTFT, P90 TPOT (0: not printed)
  const double rows[][4] = {{1, 99.8, 126.01, 34.027},
                            {1.6, 94.6, 176.86, 38.208},
                            {2, 82.8, 182.63, 42.044},
                            {3, 40.7, 194.15, 52.295},
                            {4, 8.8, 0, 0},
                            {5, 1.1, 0, 0},
                            {6, 0.2, 314.90, 141.9}};
  for (const auto& row : rows) {
    INFO("rate " << row[0]);
    const Run run = simulate_vllm_13b(w_lcg(WLcg::Lengths::constant_512_64, row[0], 1000), 1, 1,
                                      Engine::batching);
    check_printed(attainment(run, 400, 40).joint, row[1], 0.1);
    if (row[2] == 0) continue;
    check_printed(percentile(column(run, read_ttft), 90), row[2], 0.01);
    check_printed(percentile(tpots(run), 90), row[3], row[0] == 6 ? 0.1 : 0.001);
  }
}

TEST_CASE("lone requests take what the coefficients say by hand") {
  // prompt, output, TTFT ms, decode ms; 512 in: 22.0522 + 0.140509 * 512 + 8.07658e-6 * 512^2 + 1
  // (stage) + 2 + 0.0512.
  const double rows[][4] = {{1858, 189, 314.18587, 5082.01512},
                            {512, 10, 99.16136, 258.94261},
                            {64, 1, 34.08428, 25.58071},
                            {2000, 2, 338.57702, 53.84515}};
  for (const auto& row : rows) {
    const auto spec = toy::request(Duration(0), static_cast<std::int64_t>(row[0]),
                                   static_cast<std::int64_t>(row[1]));
    const Run run = simulate_vllm_13b({spec}, 1, 1, Engine::batching);
    check_printed(column(run, read_ttft)[0], row[2], 0.00001);
    // Each step is rounded to whole nanoseconds: up to 0.5e-6 ms a step.
    CHECK(column(run, read_decode)[0] == Approx(row[3]).margin(0.5e-5 + row[1] * 0.5e-6));
  }
}
