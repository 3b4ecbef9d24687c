// DistServe against its paper: attainment by rate, goodput against vLLM, the motivating figure, the
// placements found, and what its released code counts.
//
// Zhong et al., "DistServe: Disaggregating Prefill and Decoding for Goodput-optimized Large
// Language Model Serving", OSDI 2024, and its artifact. Step times are the artifact's own, so that
// what is compared is the system. Its ShareGPT subset is not at hand: lengths are W-LCG's, whose
// means (750 in, 196 out) are close to the paper's (755.5, 200.3). Every run of its simulator that
// was repeated to the printed digit stands in tests/oracle.
#include <cmath>
#include <string>
#include <vector>

#include "reports/number_text.h"
#include "sim/cli/placement_search.h"
#include "tests/catch.h"
#include "tests/models/distserve_kv.h"
#include "tests/policies/placement_table.h"
#include "tests/validation/papers.h"
#include "traces/w_lcg.h"

using namespace headroom;
using papers::Band;

namespace {

using Changes = std::vector<std::string>;

const char* const kApart = "../../../sim/cli/scenarios/simdistserve.json";
const char* const kColocated = "distserve_colocated.json";

/// Percent of requests that hold both limits, over `runs` runs of `count` requests each: windows of
/// W-LCG that follow each other, each served by a system that starts empty.
double attainment(const char* file, double rate, int runs, int count) {
  const Scenario scenario = papers::scenario(file, {});
  const Assembly assembly = assemble(scenario);
  WLcg generator(WLcg::Lengths::sharegpt, rate);
  double held = 0;
  for (int run = 0; run < runs; ++run) {
    std::vector<RequestSpec> requests;
    double start = 0;
    for (int i = 0; i < count; ++i) {
      const WLcg::Request drawn = generator.next();
      if (i == 0) start = drawn.arrival_s;
      requests.push_back(toy::request(duration_from_seconds(drawn.arrival_s - start),
                                      drawn.prompt.value(), drawn.output.value()));
    }
    toy::ListSource source(std::move(requests));
    const Metrics metrics = simulate(make_setup(scenario, assembly, source));
    for (std::size_t i = 0; i < metrics.rows.size(); ++i) {
      const RequestRow& row = metrics.rows[i];
      const bool both =
          row.ttft_ns <= scenario.slo.ttft->value() && row.tpot_ns() <= scenario.slo.tpot->value();
      held += both ? 1 : 0;
    }
  }
  return 100 * held / (runs * count);
}

SimulatedPlacement search(const char* file, const Changes& changes, Judging judging,
                          double most = 5) {
  return SimulatedPlacement(papers::scenario(file, changes), {judging, most, 0.02});
}

/// Place among the units tried, from 1; 0: not there.
int rank_of(const PlacementAnswer& answer, const Split& prefill, const Split& decode) {
  for (std::size_t i = 0; i < answer.tried.size(); ++i) {
    if (answer.tried[i].unit.prefill == prefill && answer.tried[i].unit.decode == decode)
      return static_cast<int>(i) + 1;
  }
  return 0;
}

PlacementAnswer place(SimulatedPlacement world, const char* policy) {
  return toy::make_policy<PlacementPolicy>(policy)->place(world, 1);
}

}  // namespace

TEST_CASE("DistServe's counted facts: capacities, configurations, the bundled simulator") {
  const auto rows = static_cast<double>(published_kv().size());
  papers::published({"DistServe", "KV capacities within a block", "OPT 13B, 66B, 175B, all splits",
                     "all of " + std::to_string(published_kv().size()), Band::exact(rows),
                     static_cast<double>(kv_rows_within(16))});
  double right = 0;
  for (const placement::ConfigurationRow& row : placement::published_configurations()) {
    right += configurations(row, "distserve-high", {{"faithful", "true"}}) == row.high ? 1 : 0;
    right += configurations(row, "distserve-low") == row.low ? 1 : 0;
    right += configurations(row, "joint") == row.joint ? 1 : 0;
  }
  papers::published({"DistServe", "configurations tried, counts right", "3 models, 4 clusters",
                     "all of 36", Band::exact(36), right});
  const Metrics metrics = papers::run(kApart, {}).metrics;
  double ttft = 0;
  for (std::size_t i = 0; i < metrics.rows.size(); ++i)
    ttft += static_cast<double>(metrics.rows[i].ttft_ns) * 1e-6 / 500;
  papers::published({"DistServe", "its simulator's mean TTFT, ms", "1P1D, OPT-13B, W-LCG, 2 /s",
                     "128.8644", Band::within(128.8644, 7e-5), ttft});
  papers::published({"DistServe", "its simulator's decode steps", "1P1D, OPT-13B, W-LCG, 2 /s",
                     "8723", Band::exact(8723),
                     static_cast<double>(metrics.replicas[1].iterations)});
}

TEST_CASE("DistServe's table of attainment by rate") {
  struct Row {
    double rate, published;
    const char* miss = "";
  };
  // Real runs; its simulator is within 2 points. 200 requests a run, as 100 prompts a GPU are with
  // two GPUs (the artifact's setting), for either system.
  const char* const alone =
      "18 % of these lengths' prompts take over 250 ms alone by the published steps, so 82 % is "
      "the "
      "most; and no Poisson load on those steps drops from 97 to 65 % between 1.0 and 1.5 /s, "
      "where "
      "the GPU is less than a quarter busy with prompts: the data set was another";
  const char* const gentle =
      "the published curve falls from the first rates on, ours with the load (see 1.0 /s)";
  const Row vllm[] = {{1.0, 97.0, alone}, {1.5, 65.5}, {2.0, 52.8}, {2.5, 44.9, gentle},
                      {3.0, 36.7},        {3.5, 27.8}, {4.0, 23.6}};
  for (const Row& row : vllm) {
    papers::published({"DistServe", "attainment of vLLM, %",
                       "OPT-13B, 250/100 ms, " + std::to_string(row.rate).substr(0, 3) + " /s",
                       significant(row.published, 3), Band::within(row.published, 15),
                       attainment(kColocated, row.rate, 10, 200), row.miss});
  }
  const Row apart[] = {{1.0, 100},  {1.5, 100},  {2.0, 99.3}, {2.5, 87.3},
                       {3.0, 83.0}, {3.5, 77.3}, {4.0, 70.0}};
  for (const Row& row : apart) {
    papers::published(
        {"DistServe", "attainment of DistServe, %",
         "1P1D, OPT-13B, 250/100 ms, " + std::to_string(row.rate).substr(0, 3) + " /s",
         significant(row.published, 3), Band::within(row.published, 15),
         attainment(kApart, row.rate, 10, 200), row.miss});
  }
}

TEST_CASE("DistServe's goodput a GPU against vLLM") {
  const Changes like_vllm{"workload.requests=300"};
  const PlacementAnswer apart =
      place(search(kApart, like_vllm, Judging::separate), "distserve-low");
  const PlacementAnswer joint = place(search(kColocated, {}, Judging::separate), "joint");
  papers::published({"DistServe",
                     "goodput a GPU over vLLM's best split, x",
                     "OPT-13B, ShareGPT-like, 250/100 ms",
                     "2.0",
                     {1.5, 3},
                     apart.tried.front().per_device() / joint.tried.front().per_device()});
  papers::published({"DistServe",
                     "rank of its placement TP2 | TP1",
                     "OPT-13B, 4 GPUs, its steps",
                     "1",
                     {1, 3},
                     static_cast<double>(rank_of(apart, {2, 1}, {1, 1}))});
  const PlacementAnswer large = place(
      search(kApart,
             {"model.name=opt-66b", "deployment.*.cost=linear:distserve-66b",
              "workload.requests=300", "cluster.nodes.0.devices_per_node=8", "slo.ttft=400 ms"},
             Judging::separate),
      "distserve-low");
  papers::published({"DistServe",
                     "rank of its placement TP4 | TP2 PP2",
                     "OPT-66B, 8 GPUs, its steps",
                     "1",
                     {1, 3},
                     static_cast<double>(rank_of(large, {4, 1}, {2, 2}))});
}

TEST_CASE("DistServe on this project's kernel times") {
  const char* const file = "distserve_roofline.json";
  const PlacementAnswer apart = place(search(file, {}, Judging::joint), "distserve-low");
  papers::published({"DistServe",
                     "rank of its placement TP2 | TP1",
                     "OPT-13B, 4 GPUs, our kernels",
                     "1",
                     {1, 3},
                     static_cast<double>(rank_of(apart, {2, 1}, {1, 1}))});
  const PlacementAnswer large = place(
      search(file, {"model.name=opt-66b", "cluster.nodes.0.devices_per_node=8", "slo.ttft=400 ms"},
             Judging::joint),
      "distserve-low");
  papers::published({"DistServe",
                     "rank of its placement TP4 | TP2 PP2",
                     "OPT-66B, 8 GPUs, our kernels",
                     "1",
                     {1, 3},
                     static_cast<double>(rank_of(large, {4, 1}, {2, 2}))});
  const PlacementAnswer joint = place(
      search(file, {R"(deployment=[{"name": "r", "engine": "vllm-2023", "memory_utilisation": 0.95,
                 "batch": {"policy": "vllm-v0", "max_num_batched_tokens": 16384}}])"},
             Judging::joint),
      "joint");
  papers::published(
      {"DistServe",
       "goodput a GPU over vLLM's best split, x",
       "OPT-13B, 4 GPUs, our kernels",
       "2.0",
       {1.5, 3},
       apart.tried.front().per_device() / joint.tried.front().per_device(),
       "our kernel times are those of tuned kernels for either engine; vLLM of 2023 took 1.3 to "
       "1.4 "
       "times as long for a prompt by DistServe's own measurements, and at 250 ms prompts decide"});
}

TEST_CASE("DistServe's motivating figure") {
  const Changes figure{"workload.preset=w-lcg-512-64", "workload.requests=1000", "slo.ttft=400 ms",
                       "slo.tpot=40 ms"};
  const std::string setting = "OPT-13B, 512 in, 64 out, P90 400/40 ms";
  SimulatedPlacement colocated = search(kColocated, figure, Judging::joint);
  const double joint = colocated.goodput({UnitKind::joint, {1, 1}, {1, 1}, 1});
  papers::published({"DistServe", "goodput of one GPU doing both, /s", setting, "1.6",
                     Band::around(1.6, 0.2), joint});
  Changes vllm_steps = figure;
  vllm_steps.emplace_back("deployment.*.cost=linear:vllm-13b");
  SimulatedPlacement apart = search(kApart, vllm_steps, Judging::joint, 20);
  const double prefill = apart.goodput({UnitKind::prefill, {1, 1}, {1, 1}, 1});
  const double decode = apart.goodput({UnitKind::decode, {1, 1}, {1, 1}, 1});
  papers::published({"DistServe", "goodput of a prefill GPU, /s", setting, "5.6",
                     Band::around(5.6, 0.25), prefill,
                     "one prompt at a time takes 99 ms by the published steps, and P90 of M/D/1 "
                     "stays under 400 ms to 6.7 a second; the simulator's batches reach further"});
  papers::published(
      {"DistServe", "goodput of a decode GPU, /s", setting, "10", Band::around(10, 0.2), decode});
  const double three = std::min(2 * prefill, decode) / 3;
  papers::published({"DistServe", "goodput a GPU of 2 prefill + 1 decode, /s", setting, "3.3",
                     Band::around(3.3, 0.2), three});
  papers::published({"DistServe", "2 prefill + 1 decode over doing both, x", setting, "2.1",
                     Band::around(2.1, 0.2), three / joint});
}
