// Measured open-loop runs and forward passes of ../shared against their predictions: thresholds a
// little above what was reached, with the target beside them.
#include <filesystem>
#include <string>

#include "sim/cli/validate_open.h"
#include "tests/catch.h"
#include "tests/paths.h"
#include "traces/serving_points.h"

using namespace headroom;

namespace {

const std::string kShared = std::string(HEADROOM_SOURCE_DIR) + "/../shared/";

bool there(const std::string& path) {
  if (std::filesystem::exists(path)) return true;
  WARN("skipped: " << path << " is not there");
  return false;
}

double median_of(const std::vector<ValidatedPoint>& points, const char* name,
                 ServingMetric metric) {
  for (const HeadlineFigure& figure : headline_figures(points))
    if (figure.name == name && figure.metric == metric) return figure.all.median_ape;
  return 1e9;
}

}  // namespace

TEST_CASE("inference-perf runs of vLLM on H100 are predicted within what was reached") {
  const std::string file = kShared + "silicon/vllm_runs_inference_perf.csv";
  if (!there(file)) return;
  ValidateOptions options;
  options.jobs = 2;
  const auto points = run_open_loops(read_measured(file).runs, options);
  const char* name = "inference-perf runs";
  CHECK(median_of(points, name, ServingMetric::end_to_end) < 0.07);  // target 0.06
  CHECK(median_of(points, name, ServingMetric::ttft) < 0.12);        // target 0.15
  CHECK(median_of(points, name, ServingMetric::tpot) < 0.075);       // target 0.06
}

TEST_CASE("recorded runs of vLLM are replayed with their arrivals and KV blocks") {
  const std::string file = kShared + "traces/llmservingsim/RTX4090_Llama-3.1-8B/requests.jsonl";
  if (!there(file)) return;
  const auto points = run_open_loops(read_measured(file).runs, {});
  REQUIRE(points.size() == 1);
  CHECK(points[0].unpredicted.empty());
  CHECK(points[0].kv_blocks == 2588);  // what its meta.json states
  CHECK(points[0].preemptions > 0);
}
