// Latency of one prompt under TokenWeave, against the released measurements on H100s.
//
// Gond et al., "TokenWeave", MLSys 2026 (arXiv 2505.11329); kernel times and latencies from the
// data files of its artifact. Known here: the times of AllReduce and RMSNorm, and the latency
// without communication, from which the time of attention and network together follows. Not known,
// and taken from the cost pack of H100: how that time divides between attention and network, and
// what halves of a batch take. Predicted: both other columns.
#include <array>

#include "sim/registry.h"
#include "tests/catch.h"
#include "tests/validation/paper_layer.h"
#include "tests/validation/papers.h"

using namespace headroom;

namespace {

using Curve = std::array<double, 10>;  // at 64, 128, ... 32,768 tokens, microseconds, hidden 8,192
constexpr Curve kReduce{16.54, 20.19, 28.06, 43.68, 74.78, 135.87, 257.25, 500.16, 985.95, 1956.61};
constexpr Curve kNorm{8.35, 9.60, 11.90, 18.30, 29.92, 51.84, 96.29, 184.19, 361.09, 712.42};

double seconds_at(const Curve& curve, double tokens) {
  if (tokens <= 64) return curve[0] * 1e-6;
  std::size_t i = 0;
  double low = 64;
  while (i + 2 < curve.size() && 2 * low < tokens) {
    low *= 2;
    ++i;
  }
  return 1e-6 * (curve[i] + (curve[i + 1] - curve[i]) * (tokens - low) / low);
}

struct Point {
  std::int64_t kilotokens;
  double base, without, woven;  ///< published, ms
  const char* miss = "";
};
struct System {
  const char* title;
  const char* model;
  std::int64_t tensor;
  double width;  ///< hidden size over 8,192
  const char* table;
  std::vector<Point> points;
};

const std::vector<System>& systems() {
  static const std::vector<System> all{{"Llama-3.3-70B, 8xH100",
                                        "llama-3.3-70b",
                                        8,
                                        1,
                                        "llama-8",
                                        {{1, 53.66, 41.94, 46.16},
                                         {2, 94.23, 74.92, 76.73},
                                         {4, 179.48, 144.90, 142.23},
                                         {8, 356.02, 289.55, 279.76},
                                         {16, 744.11, 610.22, 585.34},
                                         {32, 1639.86, 1371.36, 1326.03},
                                         {64, 3917.74, 3338.34, 3282.36}}},
                                       {"Qwen2.5-72B, 8xH100",
                                        "qwen2.5-72b",
                                        8,
                                        1,
                                        "qwen-8",
                                        {{1, 54.27, 42.47, 47.64},
                                         {2, 97.05, 77.77, 79.01},
                                         {4, 183.34, 149.09, 146.70},
                                         {8, 358.48, 292.64, 288.43},
                                         {16, 754.61, 624.04, 607.88},
                                         {32, 1656.13, 1393.44, 1368.79},
                                         {64, 3977.56, 3410.28, 3219.79,
                                          "the formula takes 8 of 132 multiprocessors from a whole "
                                          "phase, though the reduce ends before; "
                                          "the measured run loses 1 % to it, not 6.5 %"}}},
                                       {"Mixtral-8x22B, 8xH100",
                                        "mixtral-8x22b",
                                        8,
                                        0.75,
                                        "mixtral-8",
                                        {{1, 42.94, 36.42, 69.14,
                                          "launch-bound: the released run takes as long at 1K "
                                          "(69.1 ms) as at 2K (69.9 ms), and kernel "
                                          "times know nothing of eager launches"},
                                         {2, 68.16, 57.12, 69.89},
                                         {4, 121.36, 102.21, 107.71},
                                         {8, 230.65, 195.63, 199.44},
                                         {16, 470.99, 405.14, 399.22},
                                         {32, 1024.03, 891.27, 874.91},
                                         {64, 2383.09, 2109.83, 2104.19}}},
                                       {"Llama-3.3-70B, 4xH100",
                                        "llama-3.3-70b",
                                        4,
                                        1,
                                        "llama-4",
                                        {{1, 82.17, 70.78, 72.49,
                                          "halves cost 8.7 % by the pack and 8 of 132 "
                                          "multiprocessors 6.5 %, together more than the 9.8 % "
                                          "of the measured run"},
                                         {2, 150.61, 132.51, 137.11},
                                         {4, 295.20, 257.21, 261.90},
                                         {8, 609.61, 531.46, 529.55},
                                         {16, 1288.28, 1130.39, 1125.92},
                                         {32, 2880.84, 2546.31, 2558.78},
                                         {64, 7063.84, 6333.14, 6374.81}}}};
  return all;
}

std::unique_ptr<ExecutionPolicy> tokenweave(bool faithful, const char* table,
                                            std::int64_t threshold) {
  const auto* entry = PolicyRegistry<ExecutionPolicy>::instance().find("tokenweave");
  REQUIRE(entry != nullptr);
  Parameters values;
  values.set("faithful", faithful);
  values.set("table", std::string(table));
  values.set("threshold", threshold);
  return entry->make(values);
}

/// The layer of a system at one of its points.
papers::PaperLayer layer_at(const System& system, const Point& point) {
  const double width = system.width;
  papers::PaperLayer layer(
      system.model, "h100", system.tensor, [width](OperatorRole role, std::int64_t tokens) {
        const double elements = static_cast<double>(tokens) * width;
        if (role == OperatorRole::attention_reduce || role == OperatorRole::ffn_reduce)
          return seconds_at(kReduce, elements);
        if (role == OperatorRole::ffn_norm || role == OperatorRole::input_norm)
          return seconds_at(kNorm, elements);
        return -1.0;
      });
  const std::int64_t tokens = point.kilotokens * 1024;
  layer.set_batch(tokens, 0, layer.prefill(tokens), 1);
  double compute = 0;
  for (std::size_t op = 0; op < layer.operators().size(); ++op)
    if (layer.operators()[op].resource == Resource::compute) compute += layer.seconds(op);
  const double norms = 2 * seconds_at(kNorm, static_cast<double>(tokens) * width);
  const double known = point.without * 1e-3 / static_cast<double>(layer.layers()) - norms;
  layer.set_batch(tokens, 0, layer.prefill(tokens), known / compute);
  return layer;
}

double milliseconds(const LayerView& layer, const ExecutionPolicy& policy) {
  return time_plan(layer, policy.plan(layer), "tokenweave").of(layer.layers()) * 1e3;
}

std::string text(double value) {
  std::string digits = std::to_string(value);
  return digits.substr(0, digits.find('.') + 3);
}

}  // namespace

TEST_CASE("prompts take as long under TokenWeave's released settings as they were measured") {
  for (const System& system : systems()) {
    for (const Point& point : system.points) {
      const papers::PaperLayer layer = layer_at(system, point);
      const std::string setting =
          std::string(system.title) + ", " + std::to_string(point.kilotokens) + "K";
      papers::published({"TokenWeave", "latency, ms", setting, text(point.woven),
                         papers::Band::around(point.woven, 0.05),
                         milliseconds(layer, *tokenweave(true, system.table, 2)), point.miss});
    }
  }
}

TEST_CASE("the baseline with multimem AllReduce takes as long as it was measured") {
  for (const System& system : systems()) {
    for (const Point& point : system.points) {
      if (point.kilotokens != 1 && point.kilotokens != 8 && point.kilotokens != 64) continue;
      const papers::PaperLayer layer = layer_at(system, point);
      const std::string setting =
          std::string(system.title) + ", " + std::to_string(point.kilotokens) + "K, baseline";
      papers::published({"TokenWeave", "latency, ms", setting, text(point.base),
                         papers::Band::around(point.base, 0.05),
                         sequential_seconds(layer) * static_cast<double>(layer.layers()) * 1e3});
    }
  }
}

TEST_CASE("whole runs under TokenWeave are faster, by more than was measured") {
  const auto span = [](const std::string& execution) {
    const RunResult result = papers::run("tokenweave.json", {"deployment.execution=" + execution});
    REQUIRE(result.metrics.finished == 600);
    return seconds(result.metrics.last_finish - result.metrics.first_arrival);
  };
  // Published: 22,397 tokens/s over 18,032; 1.14 to 1.26 over all its settings.
  papers::published({"TokenWeave",
                     "throughput over baseline, x",
                     "Llama-3.3-70B, 8xH100, 1024/128",
                     "1.24",
                     {1.14, 1.26},
                     span("sequential") / span("tokenweave"),
                     "the pack's products take 0.75 of the released run's at 2,048 tokens, so that "
                     "reduces, NCCL's and not multimem's, weigh more in the baseline"});
}

TEST_CASE("Mixtral loses at 1K to 2K tokens without the threshold, and not with it") {
  const System& mixtral = systems()[2];
  for (const std::size_t i : {0U, 1U}) {
    const papers::PaperLayer layer = layer_at(mixtral, mixtral.points[i]);
    const double base = sequential_seconds(layer) * static_cast<double>(layer.layers()) * 1e3;
    const double published_loss = mixtral.points[i].woven / mixtral.points[i].base;
    const std::string setting = i == 0 ? "Mixtral-8x22B, 8xH100, 1K" : "Mixtral-8x22B, 8xH100, 2K";
    // A loss: above 1. With the paper's threshold of 4,096 the batch stays whole: below 1.
    papers::published({"TokenWeave",
                       "split over baseline, x",
                       setting,
                       text(published_loss),
                       {1.0001, 2},
                       milliseconds(layer, *tokenweave(true, "mixtral-8", 2)) / base});
    papers::published({"TokenWeave",
                       "with the threshold, x",
                       setting,
                       "<1",
                       {0.5, 0.9999},
                       milliseconds(layer, *tokenweave(true, "mixtral-8", 4096)) / base});
    // What a planner gets: split only where it pays.
    CHECK(milliseconds(layer, *tokenweave(false, "mixtral-8", 2)) <= base);
  }
}
