#include "tests/validation/llama_cpp/store_calls.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
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

const std::array<std::string, 5> kKinds{"prefill", "silent", "side", "decode", "behind"};

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
  const bool read(words >> line.kind >> line.rows >> line.context >> line.us);
  if (!read || std::find(kKinds.begin(), kKinds.end(), line.kind) == kKinds.end())
    throw InputError(place, fmt::format("expected kind,rows,context,us of kind {}, got {}; measure "
                                        "again",
                                        fmt::join(kKinds, ", "), quoted(text)));
  return line;
}

/// Median; of an even number the mean of the middle two, because values are few.
double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

/// A call that took so much longer lost the processor, whatever it computed. It counts as this much
/// longer: such stalls befall the first call behind a long prompt more than others. Microseconds.
constexpr double kStall = 10'000;

/// Stored times are positive: a microsecond, of a token a nanosecond.
constexpr double kLeast = 1, kLeastEach = 0.001;

/// How much longer a call behind a prompt of so many tokens took.
struct BehindPrompt {
  std::int64_t tokens = 0;
  double us = 0;
};

/// A value for each time that a point was measured, microseconds.
using Values = std::map<KernelShape, std::vector<double>>;

/// Collects calls of a chain, which follow each other, into one value at their middle context.
class Points {
 public:
  explicit Points(const Architecture& model) : model_(model) {}
  void add(const Line& line) {
    if (!chain_.empty() && (line.kind != "decode" || line.rows != rows_ ||
                            line.context != first_ + std::ssize(chain_)))
      end_chain();
    if (line.kind == "prefill")
      values_[prefill_step_shape(model_, line.rows, line.context)].push_back(line.us);
    if (line.kind == "behind") behind_.push_back(line);
    if (line.kind == "silent")
      silent_[prefill_step_shape(model_, line.rows, line.context)].push_back(line.us);
    if (line.kind == "side") sides_[line.rows].push_back(line.us);
    if (line.kind != "decode") return;
    if (chain_.empty()) {
      first_ = line.context;
      rows_ = line.rows;
    }
    chain_.push_back(line.us);
  }
  /// `csv`: where the calls came from, for messages.
  [[nodiscard]] const Values& end(const std::string& csv) {
    if (!chain_.empty()) end_chain();
    take_sides(csv);
    take_outputs(csv);
    take_remainders(csv);
    take_switches();
    return values_;
  }

 private:
  void end_chain() {
    const std::int64_t middle = first_ + std::ssize(chain_) / 2;
    const double usual = median_of(chain_);
    values_[decode_step_shape(model_, rows_, middle)].push_back(usual);
    for (const Line& line : behind_)
      longer_.push_back({line.context, std::clamp(line.us - usual, -kStall, kStall)});
    behind_.clear();
    chain_.clear();
  }

  /// What calls behind prompts take longer rises with the prompt: a line of least squares through
  /// all of them, for most take little longer and some very much.
  void take_switches() {
    const auto count = static_cast<double>(longer_.size());
    double tokens = 0, us = 0, square = 0, product = 0;
    for (const BehindPrompt& call : longer_) {
      tokens += static_cast<double>(call.tokens) / count;
      us += call.us / count;
    }
    std::set<std::int64_t> lengths;
    for (const BehindPrompt& call : longer_) {
      const double off = static_cast<double>(call.tokens) - tokens;
      square += off * off;
      product += off * (call.us - us);
      lengths.insert(call.tokens);
    }
    const double slope = square > 0 ? product / square : 0;
    for (const std::int64_t length : lengths)
      values_[switch_step_shape(model_, length)] = {
          std::max(us + slope * (static_cast<double>(length) - tokens), kLeast)};
  }

  /// Median of a chunk by itself and with output. Throws where it was not measured so.
  [[nodiscard]] double usual(const KernelShape& chunk, const std::string& csv) const {
    const auto found = values_.find(chunk);
    if (found == values_.end())
      throw InputError(csv,
                       fmt::format("expected chunks of {} behind {} alone and with output, for "
                                   "others were measured, got none; measure again",
                                   chunk.chunk, chunk.cached));
    return median_of(found->second);
  }
  /// Chunks side by side become what they took less than twice one.
  void take_sides(const std::string& csv) {
    for (const auto& [tokens, us] : sides_)
      values_[side_step_shape(model_, tokens)] = {
          std::max(2 * usual(prefill_step_shape(model_, tokens, 0), csv) - median_of(us), kLeast)};
  }
  /// Chunks without output become what that would have taken.
  void take_outputs(const std::string& csv) {
    std::map<std::int64_t, std::vector<double>> outputs;  // by cached
    for (const auto& [chunk, us] : silent_)
      outputs[chunk.cached].push_back(usual(chunk, csv) - median_of(us));
    for (const auto& [cached, us] : outputs)
      values_[output_step_shape(model_, cached)] = {std::max(median_of(us), kLeast)};
  }

  /// Chunks that are not whole tiles become what they took longer, a token, than the line between
  /// their neighbours that are: the median, for a slow moment of either is more than a remainder.
  void take_remainders(const std::string& csv) {
    std::map<std::int64_t, std::map<std::int64_t, double>> whole;  // by cached, by chunk
    std::map<std::int64_t, std::vector<double>> longer;            // by tokens beyond whole tiles
    Values parts;
    for (auto point = values_.begin(); point != values_.end();) {
      const auto here = point++;
      const KernelShape& shape = here->first;
      if (shape.variant != kPrefillStep) continue;
      if (shape.chunk < kRowTile || shape.chunk % kRowTile == 0)
        whole[shape.cached][shape.chunk] = median_of(here->second);
      else
        parts.insert(values_.extract(here));
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
      for (const double one : us)
        longer[shape.chunk % kRowTile].push_back(
            (one - std::lerp(below->second, above->second, share)) /
            static_cast<double>(shape.chunk));
    }
    for (const auto& [rest, us] : longer)
      values_[remainder_step_shape(model_, kRowTile, rest)] = {std::max(median_of(us), kLeastEach)};
  }

  const Architecture& model_;
  Values values_{};
  std::vector<double> chain_{};
  std::vector<Line> behind_{};
  std::int64_t first_ = 0, rows_ = 0;
  std::vector<BehindPrompt> longer_{};
  Values silent_{};
  std::map<std::int64_t, std::vector<double>> sides_{};  ///< by tokens of each of two
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
      "whole calls, processor time of one thread; stddev is that between repeats, of differences "
      "(remainders, switches, chunks side by side, outputs) 0";
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
