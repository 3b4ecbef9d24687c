// Measured serving points of ../shared/silicon against their predictions: thresholds a little above
// what calibration reached, with the target beside them.
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "sim/cli/validate_run.h"
#include "tests/catch.h"
#include "tests/paths.h"

using namespace headroom;

namespace {

const std::string kFile =
    std::string(HEADROOM_SOURCE_DIR) + "/../shared/silicon/measured_serving_points.csv";

bool dense(const ServingPoint& point) {
  return point.mode == "agg" &&
         (point.model.find("Llama-3.1") != std::string::npos || point.model == "Qwen/Qwen3-32B") &&
         (point.device == "h100_sxm" || point.device == "h200_sxm" || point.device == "b200_sxm");
}

GroupScore scored(const std::vector<ServingPoint>& points) {
  ValidateOptions options;
  options.jobs = 2;
  return validate_points(run_points(points, options), {}, 0).total;
}

double median(const GroupScore& score, ServingMetric metric) {
  return score.all[static_cast<std::size_t>(metric)].median_ape;
}

}  // namespace

TEST_CASE("dense models on H100, H200 and B200 are predicted within what was reached") {
  if (!std::filesystem::exists(kFile)) {
    WARN("skipped: ../shared/silicon is not there");
    return;
  }
  std::vector<ServingPoint> all, vllm_hopper;
  for (const ServingPoint& point : read_measured(kFile).points) {
    if (!dense(point)) continue;
    all.push_back(point);
    if (point.engine == "vllm" && point.device != "b200_sxm") vllm_hopper.push_back(point);
  }
  const GroupScore dense_score = scored(all);
  const GroupScore hopper_score = scored(vllm_hopper);
  WARN("dense: " << dense_score.points << " points, TPOT "
                 << median(dense_score, ServingMetric::tpot) << ", TTFT "
                 << median(dense_score, ServingMetric::ttft) << ", end to end "
                 << median(dense_score, ServingMetric::end_to_end) << "; vLLM on Hopper TPOT "
                 << median(hopper_score, ServingMetric::tpot));
  CHECK(dense_score.points > 400);
  CHECK(median(hopper_score, ServingMetric::tpot) < 0.06);       // target 0.05
  CHECK(median(dense_score, ServingMetric::tpot) < 0.08);        // target 0.08
  CHECK(median(dense_score, ServingMetric::ttft) < 0.25);        // target 0.20
  CHECK(median(dense_score, ServingMetric::end_to_end) < 0.08);  // target 0.08
}
