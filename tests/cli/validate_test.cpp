#include <string>
#include <vector>

#include "sim/cli/validate_output.h"
#include "sim/cli/validate_run.h"
#include "tests/catch.h"

using namespace headroom;

namespace {

ServingPoint point_of(const char* model, std::int64_t clients) {
  ServingPoint point;
  point.id = std::string(model) + " " + std::to_string(clients);
  point.where = "p.csv:2";
  point.model = model;
  point.device = "h100-sxm";
  point.engine = "vllm";
  point.prompt = 512;
  point.output = 64;
  point.concurrency = clients;
  point.ttft_ms = 40;
  point.tpot_ms = 8;
  return point;
}

std::vector<ServingPoint> some_points() {
  std::vector<ServingPoint> points;
  for (const char* model : {"llama-3.1-8b", "qwen3-8b", "no-such-model"})
    for (const std::int64_t clients : {1, 4, 16}) points.push_back(point_of(model, clients));
  return points;
}

}  // namespace

TEST_CASE("a point measured on the simulated system itself is predicted without error") {
  std::vector<ServingPoint> points{point_of("meta-llama/Llama-3.1-8B-Instruct", 4)};
  const ValidatedPoint first = run_points(points, {}).front();
  REQUIRE(first.unpredicted.empty());
  // What was predicted becomes what was measured: the second prediction may not differ.
  points[0].ttft_ms = first.predicted[static_cast<std::size_t>(ServingMetric::ttft)];
  points[0].tpot_ms = first.predicted[static_cast<std::size_t>(ServingMetric::tpot)];
  const ValidatedPoint second = run_points(points, {}).front();
  for (int i = 0; i < kMeanMetrics; ++i)
    CHECK(*second.error(static_cast<ServingMetric>(i)) == Approx(0).margin(1e-9));
}

TEST_CASE("one thread and four give the same documents, byte for byte") {
  ValidateOptions one, four;
  one.jobs = 1;
  four.jobs = 4;
  const auto document = [](const ValidateOptions& options) {
    return validation_json(
        validate_points(run_points(some_points(), options), {GroupLabel::model}, 4));
  };
  CHECK(document(one) == document(four));
}

TEST_CASE("every point is predicted or says why not, in input order") {
  const std::vector<ServingPoint> points = some_points();
  const std::vector<ValidatedPoint> results = run_points(points, {});
  REQUIRE(results.size() == points.size());
  for (std::size_t i = 0; i < results.size(); ++i) {
    CHECK(results[i].id == points[i].id);
    CHECK(results[i].unpredicted.empty() == (i < 6));
    CHECK(results[i].predicted[0].has_value() == (i < 6));
  }
  CHECK(results[6].unpredicted.find("no-such-model") != std::string::npos);
}

TEST_CASE("names of measured files are spelt as the catalogues do") {
  CHECK(device_name_of("h100_sxm") == "h100-sxm");
  CHECK(model_name_of("nvidia/Llama-3.1-8B-Instruct-FP8") == "llama-3.1-8b");
  CHECK(model_name_of("Qwen/Qwen3-235B-A22B-FP8") == "qwen3-235b-a22b");
}

TEST_CASE("the closed loop sends ten requests a client") {
  const PlannedPoint plan = plan_point(point_of("llama-3.1-8b", 7), {});
  CHECK(plan.why_not.empty());
  CHECK(plan.scenario.workload.clients == 7);
  CHECK(plan.scenario.workload.requests == 70);
}
