#include "sim/cli/validate_open.h"

#include "tests/catch.h"

using namespace headroom;

namespace {

MeasuredRun described() {
  MeasuredRun run;
  run.id = "1";
  run.where = "r.csv:2";
  run.format = "inference-perf";
  run.device = "H100";
  run.model = "meta-llama/Llama-3.1-8B-Instruct";
  run.precision = "FP16";
  run.workload = "general";
  run.shared = 100;
  run.question = 447;
  run.output = 48;
  run.distinct_prompts = 45;
  run.stages = {{2, 60}, {4, 60}};
  run.max_batched_tokens = 2048;
  for (const int stage : {-1, 0, 1}) {
    StageFigures figures{stage, {}};
    figures.figures[static_cast<std::size_t>(RunMetric::ttft_mean)] = 20;
    run.measured.push_back(figures);
  }
  return run;
}

double predicted(const ValidatedPoint& point, ServingMetric metric) {
  return point.predicted[static_cast<std::size_t>(metric)].value_or(-1);
}

}  // namespace

TEST_CASE("a run of two stages gives the whole and each stage, the whole lying between") {
  const auto points = run_open_loops({described()}, {});
  REQUIRE(points.size() == 3);
  CHECK(points[0].mode == "inference-perf");
  CHECK(points[1].mode == "inference-perf stage");
  for (const ServingMetric metric : {ServingMetric::ttft, ServingMetric::end_to_end}) {
    const double whole = predicted(points[0], metric);
    CHECK(predicted(points[1], metric) < whole);
    CHECK(whole < predicted(points[2], metric));
  }
}

TEST_CASE("a prompt in the prefix cache is not computed again") {
  MeasuredRun cached = described(), fresh = described();
  fresh.distinct_prompts = 0;
  const auto with = run_open_loops({cached}, {}), without = run_open_loops({fresh}, {});
  // Some 500 tokens of an 8 B model are over 8 TFLOP, 10 ms at the very least.
  CHECK(predicted(with[0], ServingMetric::ttft) + 10 < predicted(without[0], ServingMetric::ttft));
}

TEST_CASE("recorded requests are repeated, and one thread gives what two do") {
  MeasuredRun run = described();
  run.stages.clear();
  run.measured.resize(1);
  for (int i = 0; i < 20; ++i) run.requests.push_back({kMillisecond * (50 * i), 200, 30});
  ValidateOptions one, two;
  two.jobs = 2;
  const auto first = run_open_loops({run, described()}, one);
  const auto second = run_open_loops({run, described()}, two);
  REQUIRE(first.size() == 4);
  REQUIRE(second.size() == first.size());
  for (std::size_t i = 0; i < first.size(); ++i) CHECK(first[i].predicted == second[i].predicted);
}

TEST_CASE("a log that does not name its device is predicted on the one that the call names") {
  MeasuredRun run = described();
  run.device.clear();
  CHECK(run_open_loops({run}, {})[0].unpredicted.find("--device") != std::string::npos);
  ValidateOptions options;
  options.habits.device = "h100-sxm";
  CHECK(run_open_loops({run}, options)[0].unpredicted.empty());
}

TEST_CASE("names of runs are spelt as the catalogues do") {
  CHECK(model_name_of("meta-llama/Llama-2-7b-hf") == "llama-2-7b");
  CHECK(model_name_of("mistralai/Mistral-Nemo-Instruct-2407") == "mistral-nemo-12b");
  CHECK(model_name_of("mistralai/Mixtral-8x7B-Instruct-v0.1") == "mixtral-8x7b");
  CHECK(model_name_of("codellama/CodeLlama-34b-Instruct-hf") == "codellama-34b");
  CHECK(model_name_of("RedHatAI/Llama-4-Scout-17B-16E-Instruct-FP8-dynamic") == "llama-4-scout");
  CHECK(device_name_of("H100") == "h100-sxm");
  CHECK(device_name_of("A100") == "a100-80g-sxm");
  CHECK(device_name_of("L40S") == "l40s");
}
