#include "reports/validation.h"

#include <string>

#include "tests/catch.h"

using namespace headroom;

namespace {

ValidatedPoint point(const char* engine, double measured_ms, double predicted_ms) {
  ValidatedPoint point;
  point.id = engine;
  point.where = "p.csv:2";
  point.device = "h100-sxm";
  point.model = "m";
  point.engine = engine;
  point.mode = "agg";
  point.split = split_of(engine);
  point.measured = figures_of(measured_ms, measured_ms, 11, 4);
  point.predicted = figures_of(predicted_ms, predicted_ms, 11, 4);
  return point;
}

}  // namespace

TEST_CASE("errors boil down to mean, median, sign and 90th percentile by nearest rank") {
  // |e| sorted: 0.05 0.1 0.2 0.4; mean 0.75 / 4; rank ceil(0.5 * 4) = 2, ceil(0.9 * 4) = 4.
  const ErrorScore score = score_of({0.1, -0.2, 0.4, -0.05});
  CHECK(score.points == 4);
  CHECK(score.mape == Approx(0.1875));
  CHECK(score.median_ape == Approx(0.1));
  // Signed, sorted: -0.2 -0.05 0.1 0.4.
  CHECK(score.median_signed == Approx(-0.05));
  CHECK(score.p90_ape == Approx(0.4));
  CHECK(score_of({}).points == 0);
}

TEST_CASE("end to end and throughput follow from TTFT and TPOT of a closed loop") {
  // 100 + 10 x (11 - 1) = 200 ms; 4 clients x 11 tokens every 0.2 s.
  const ServingFigures figures = figures_of(100, 10, 11, 4);
  CHECK(*figures[static_cast<std::size_t>(ServingMetric::end_to_end)] == Approx(200));
  CHECK(*figures[static_cast<std::size_t>(ServingMetric::throughput)] == Approx(220));
}

TEST_CASE("every point is counted once: scored, doubtful or without a prediction") {
  std::vector<ValidatedPoint> points{point("a", 10, 11), point("a", 10, 12), point("b", 10, 5),
                                     point("b", 10, 10)};
  points[2].doubt = "suspect";
  points[3].unpredicted = "no such model";
  const Validation validation = validate_points(points, {GroupLabel::engine}, 8);
  CHECK(validation.total.points == 2);
  CHECK(validation.total.unpredicted == 1);
  CHECK(validation.doubtful.points == 1);
  REQUIRE(validation.groups.size() == 2);
  CHECK(validation.groups[0].key == std::vector<std::string>{"a"});
  CHECK(validation.groups[0].all[0].median_ape == Approx(0.1));
  CHECK(validation.groups[1].points == 0);
  REQUIRE(validation.reasons.size() == 1);
  CHECK(validation.reasons[0].first == "no such model");
  REQUIRE(validation.worst.size() == 2);
  CHECK(validation.worst[0] == 1);
}

TEST_CASE("the halves follow from what ran alone and are about equal") {
  CHECK(split_of("x|1|2") == split_of("x|1|2"));
  int fit = 0;
  for (int i = 0; i < 1000; ++i)
    fit += split_of("configuration " + std::to_string(i)) == Split::fit ? 1 : 0;
  // Standard deviation of 1000 fair draws is 16; five of them.
  CHECK(fit > 420);
  CHECK(fit < 580);
}

TEST_CASE("a point that fills the KV memory is explained by it") {
  ValidatedPoint full = point("a", 10, 30);
  full.preemptions = 7;
  full.kv_blocks = 500;
  full.time_share[static_cast<std::size_t>(OperatorClass::gemm)] = 0.8;
  const std::string why = explain(full);
  CHECK(why.find("TPOT +200 %") != std::string::npos);
  CHECK(why.find("80 % of time in gemm") != std::string::npos);
  CHECK(why.find("7 preemptions at 500 blocks") != std::string::npos);
}

TEST_CASE("tables hold no control character from a file's names") {
  std::vector<ValidatedPoint> points{point("a\x1b[31m", 10, 11)};
  points[0].unpredicted = "no\x07 model";
  const Validation validation = validate_points(points, {GroupLabel::engine}, 8);
  const std::string text = validation_text(validation) + validation_markdown(validation);
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.find('\x07') == std::string::npos);
}

TEST_CASE("one line a point, its texts quoted where they hold commas") {
  std::vector<ValidatedPoint> points{point("a", 10, 11)};
  points[0].id = "x,\"y\"";
  const std::string csv = validation_csv(validate_points(points, {}, 8));
  CHECK(csv.find("\"x,\"\"y\"\"\",p.csv:2,h100-sxm") != std::string::npos);
}

TEST_CASE("a headline figure holds its own points only, and says whether its target is met") {
  std::vector<ValidatedPoint> points{point("vllm", 100, 104), point("vllm", 100, 110),
                                     point("vllm", 100, 300), point("vllm", 100, 90)};
  for (ValidatedPoint& one : points) one.kind = ModelKind::dense;
  points[2].doubt = "suspect";
  points[3].kind = ModelKind::mixture;
  const std::vector<HeadlineFigure> figures = headline_figures(points);
  // Two dense points on H100, |e| 0.04 and 0.1: the nearest-rank median is 0.04.
  REQUIRE_FALSE(figures.empty());
  CHECK(figures[0].all.points == 2);
  CHECK(figures[0].all.median_ape == Approx(0.04));
  CHECK(headline_text(figures).find("5 met") != std::string::npos);
}

TEST_CASE("two cost models are compared over the points that both predict") {
  std::vector<ValidatedPoint> first{point("vllm", 100, 110), point("vllm", 100, 150)};
  std::vector<ValidatedPoint> second{point("vllm", 100, 102), point("vllm", 100, 150)};
  for (auto* side : {&first, &second})
    for (ValidatedPoint& one : *side) one.kind = ModelKind::dense;
  second[1].unpredicted = "no kernels of that device";
  const std::string text = comparison_text(first, "packs", second, "tables");
  CHECK(text.find("of 1 points that both predict: packs against tables") != std::string::npos);
  CHECK(text.find("+8.0") != std::string::npos);  // 10 % against 2 %
}

TEST_CASE("a point's explanation says how much of its costs was extrapolated") {
  ValidatedPoint one = point("vllm", 100, 200);
  one.time_share[0] = 1;
  one.evidence[static_cast<std::size_t>(Evidence::extrapolated)] = 0.4;
  CHECK(explain(one).find("40 % of its costs extrapolated") != std::string::npos);
}
