#include "tests/validation/llama_cpp/store_calls.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <vector>

#include "models/architecture.h"
#include "models/step_cost.h"
#include "profiles/measure_stats.h"
#include "sim/check.h"
#include "sim/quantity_text.h"
#include "tests/validation/llama_cpp/measure_calls.h"

namespace headroom::llama_cpp {
namespace {

struct Line {
  std::string kind{};
  std::int64_t rows = 0, context = 0;
  double us = 0;
};

Line parse(const std::string& text, const std::string& place) {
  std::string spaced = text;
  for (char& letter : spaced) letter = letter == ',' ? ' ' : letter;
  std::istringstream words(spaced);
  Line line;
  if (!(words >> line.kind >> line.rows >> line.context >> line.us) ||
      (line.kind != "prefill" && line.kind != "decode" && line.kind != "behind"))
    throw InputError(place,
                     "expected kind,rows,context,us of kind prefill, decode or behind, got " +
                         quoted(text) + "; measure again");
  return line;
}

/// Median; of an even number the mean of the middle two, because four passes are few.
double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

/// A call that took so much longer lost the processor, whatever it computed; microseconds.
constexpr double kStall = 10'000;

/// At least the clock's unit, for stored times are positive.
double stored_mean(const std::vector<double>& us) { return std::max(summarise(us).mean, 1.0); }

/// One value a pass, by shape.
using Passes = std::map<KernelShape, std::vector<double>>;

/// Collects calls of a chain, which follow each other, into one value at their middle context.
class Points {
 public:
  explicit Points(const Architecture& model) : model_(model) {}
  void add(const Line& line) {
    if (!chain_.empty() && (line.kind != "decode" || line.rows != rows_ ||
                            line.context != first_ + std::ssize(chain_)))
      end_chain();
    if (line.kind == "prefill")
      passes_[prefill_step_shape(model_, line.rows, line.context)].push_back(line.us);
    if (line.kind == "behind") behind_.push_back(line);
    if (line.kind != "decode") return;
    if (chain_.empty()) {
      first_ = line.context;
      rows_ = line.rows;
    }
    chain_.push_back(line.us);
  }
  /// `csv`: where the calls came from, for messages.
  [[nodiscard]] const Passes& end(const std::string& csv) {
    if (!chain_.empty()) end_chain();
    take_remainders(csv);
    // Means, for most calls behind prompts take little longer and some very much.
    for (const auto& [prompt, us] : longer_)
      passes_[switch_step_shape(model_, prompt)] = {stored_mean(us)};
    return passes_;
  }

 private:
  void end_chain() {
    const std::int64_t middle = first_ + std::ssize(chain_) / 2;
    const double usual = median_of(chain_);
    passes_[decode_step_shape(model_, rows_, middle)].push_back(usual);
    for (const Line& line : behind_)
      longer_[line.context].push_back(std::clamp(line.us - usual, -kStall, kStall));
    behind_.clear();
    chain_.clear();
  }

  /// Chunks that are not whole tiles become what they took longer than the line between their
  /// neighbours that are.
  void take_remainders(const std::string& csv) {
    std::map<std::int64_t, std::map<std::int64_t, double>> whole;  // by cached, by chunk
    std::map<std::int64_t, std::vector<double>> longer;            // by tokens beyond whole tiles
    Passes parts;
    for (auto point = passes_.begin(); point != passes_.end();) {
      const auto here = point++;
      const KernelShape& shape = here->first;
      if (shape.variant != kPrefillStep) continue;
      if (shape.chunk < kRowTile || shape.chunk % kRowTile == 0)
        whole[shape.cached][shape.chunk] = median_of(here->second);
      else
        parts.insert(passes_.extract(here));
    }
    for (const auto& [shape, us] : parts) {
      const std::map<std::int64_t, double>& line = whole[shape.cached];
      const auto above = line.upper_bound(shape.chunk);
      if (above == line.begin() || above == line.end())
        throw InputError(csv, fmt::format("expected whole tiles of {} tokens on both sides of "
                                          "chunks of {} behind {}, got them on one; measure again",
                                          kRowTile, shape.chunk, shape.cached));
      const auto below = std::prev(above);
      const double share = static_cast<double>(shape.chunk - below->first) /
                           static_cast<double>(above->first - below->first);
      longer[shape.chunk % kRowTile].push_back(median_of(us) -
                                               std::lerp(below->second, above->second, share));
    }
    for (const auto& [rest, us] : longer)
      passes_[remainder_step_shape(model_, kRowTile, rest)] = {stored_mean(us)};
  }

  const Architecture& model_;
  Passes passes_{};
  std::vector<double> chain_{};
  std::vector<Line> behind_{};
  std::int64_t first_ = 0, rows_ = 0;
  std::map<std::int64_t, std::vector<double>> longer_{};  ///< behind prompts of so many tokens
};

}  // namespace

void store_calls(const std::string& csv, const std::string& config, const std::string& device,
                 ProfileStore& store) {
  const Architecture model = find_model(config, "--model");
  std::ifstream file(csv);
  if (!file) throw InputError(csv, "expected timed calls, got no readable file");
  Points points(model);
  std::int64_t number = 0;
  for (std::string text; std::getline(file, text);)
    points.add(parse(text, fmt::format("{}:{}", csv, ++number)));
  ProfileRun run;
  run.device = device;
  run.library = "llama.cpp";
  run.library_version = "0.5.0";
  run.tool = "llama_cpp_harness measure";
  run.source = "measured here";
  run.notes =
      "whole calls, processor time of one thread; stddev is that between passes, of what "
      "remainders and switches take more 0";
  ProfileStore::Transaction transaction(store);
  const std::int64_t id = store.insert_run(run);
  for (const auto& [shape, us] : points.end(csv)) {
    const SampleSummary summary = summarise(us);
    KernelTimes times;
    times.median_ns = median_of(us) * 1e3;
    times.min_ns = summary.min * 1e3;
    times.mean_ns = summary.mean * 1e3;
    times.p90_ns = summary.p90 * 1e3;
    times.stddev_ns = summary.stddev * 1e3;
    store.insert_kernel(id, {shape, times});
  }
  transaction.commit();
}

}  // namespace headroom::llama_cpp
