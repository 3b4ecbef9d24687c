#include "models/calibrated_cost.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sim/check.h"
#include "sim/json_cursor.h"

namespace headroom {
namespace {

/// An hour: no step takes longer, and fixed-point sums stay far inside their type.
constexpr double kMostNs = 3.6e12;
constexpr std::int64_t kMostCount = std::int64_t{1} << 40;

std::int64_t fixed_from_ns(double ns) { return fixed_from_seconds(ns * 1e-9); }

class CalibratedCost final : public CostModel {
 public:
  CalibratedCost(const CalibratedSteps& steps, BytesPerSecond host_bandwidth)
      : base_(fixed_from_ns(steps.base_ns)),
        per_decode_(fixed_from_ns(steps.per_decode_ns)),
        per_context_(fixed_from_ns(steps.per_context_token_ns)),
        alone_(fixed_from_ns(steps.alone_ns)),
        alone_per_token_(fixed_from_ns(steps.alone_per_token_ns)),
        beside_(fixed_from_ns(steps.beside_ns)),
        beside_per_token_(fixed_from_ns(steps.beside_per_token_ns)),
        per_square_(fixed_from_ns(steps.per_token_squared_ns)),
        most_decodes_(steps.most_decodes),
        most_context_(steps.most_context),
        most_prompt_(steps.most_prompt),
        host_bytes_per_second_(host_bandwidth.value()) {
    for (const CalibratedSteps::Level& level : steps.levels)
      levels_.push_back({level.decodes, fixed_from_ns(level.base_ns)});
  }

  [[nodiscard]] IterationPrice price(const BatchShape& shape) const override {
    const Int128 total = decode(shape).sum() + prefill(shape).sum() + transfer(shape);
    return {Duration(static_cast<std::int64_t>(total >> kFixedBits)), Duration(0)};
  }

  [[nodiscard]] DecodeLine decode_line(std::int64_t decodes, std::int64_t padded,
                                       std::int64_t context) const override {
    DecodeLine line;
    line.base = base_of(decodes + padded) + kFixedOne / 2;
    line.slope = per_context_;
    // Lines end where the evidence changes, and where their sums would leave the type.
    const std::int64_t room = (std::int64_t{1} << 62) - line.base;
    const std::int64_t end = per_context_ > 0 ? room / per_context_ : kMostCount;
    line.last_context = context <= most_context_ ? std::min(most_context_, end) : end;
    return line;
  }

  void charge(const BatchShape& shape, CostLedger& ledger) const override {
    book(decode(shape), OperatorClass::decode_attention,
         evidence(shape.decodes + shape.padded_decodes, shape.decode_context), ledger);
    book(prefill(shape), OperatorClass::prefill_attention, evidence(shape), ledger);
    ledger.add(OperatorClass::host, Evidence::extrapolated, transfer(shape));
  }

  void charge_decodes(std::int64_t decodes, std::int64_t padded, std::int64_t context,
                      std::int64_t iterations, std::int64_t context_sum,
                      CostLedger& ledger) const override {
    const Int128 each = Int128{base_of(decodes + padded)} + kFixedOne / 2;
    book({each * iterations, Int128{per_context_} * context_sum}, OperatorClass::decode_attention,
         evidence(decodes + padded, context), ledger);
  }

 private:
  /// What grows with rows and tokens, and what with context.
  struct Parts {
    Int128 work = 0, attention = 0;
    [[nodiscard]] Int128 sum() const { return work + attention; }
  };
  struct Level {
    std::int64_t decodes = 0;
    std::int64_t base = 0;
  };

  [[nodiscard]] std::int64_t base_of(std::int64_t rows) const {
    if (levels_.empty()) return base_ + per_decode_ * rows;
    const auto above = std::find_if(levels_.begin(), levels_.end(),
                                    [rows](const Level& level) { return level.decodes >= rows; });
    if (above == levels_.end())
      return levels_.back().base + per_decode_ * (rows - levels_.back().decodes);
    if (above == levels_.begin()) return above->base;
    const Level& below = *(above - 1);
    const Int128 rise = Int128{above->base - below.base} * (rows - below.decodes);
    return below.base + static_cast<std::int64_t>(rise / (above->decodes - below.decodes));
  }

  [[nodiscard]] Evidence evidence(std::int64_t rows, std::int64_t context) const {
    return rows <= most_decodes_ && context <= most_context_ ? Evidence::interpolated
                                                             : Evidence::extrapolated;
  }
  [[nodiscard]] Evidence evidence(const BatchShape& shape) const {
    for (const PrefillChunk& chunk : shape.prefills)
      if (std::int64_t{chunk.cached} + chunk.tokens > most_prompt_) return Evidence::extrapolated;
    return Evidence::interpolated;
  }

  // Half a nanosecond more, so that the floor of a sum rounds to nearest.
  [[nodiscard]] Parts decode(const BatchShape& shape) const {
    if (shape.decodes == 0) return {};
    return {Int128{base_of(shape.decodes + shape.padded_decodes)} + kFixedOne / 2,
            Int128{per_context_} * shape.decode_context};
  }

  [[nodiscard]] Parts prefill(const BatchShape& shape) const {
    if (shape.prefills.empty()) return {};
    const auto [tokens, squares] = shape.prefill_sums();
    const bool alone = shape.decodes == 0;
    const Int128 work = alone ? Int128{alone_} + kFixedOne / 2 + Int128{alone_per_token_} * tokens
                              : Int128{beside_} + Int128{beside_per_token_} * tokens;
    return {work, Int128{per_square_} * squares};
  }

  [[nodiscard]] Int128 transfer(const BatchShape& shape) const {
    if (shape.host_transfer == Bytes(0)) return 0;
    return fixed_from_seconds(shape.host_transfer.as_double() / host_bytes_per_second_);
  }

  static void book(const Parts& parts, OperatorClass attention, Evidence evidence,
                   CostLedger& ledger) {
    ledger.add(OperatorClass::gemm, evidence, parts.work);
    ledger.add(attention, evidence, parts.attention);
  }

  std::int64_t base_, per_decode_, per_context_;
  std::int64_t alone_, alone_per_token_, beside_, beside_per_token_, per_square_;
  std::int64_t most_decodes_, most_context_, most_prompt_;
  double host_bytes_per_second_;
  std::vector<Level> levels_{};
};

/// Ends of a figure's 95 % band, which may be absent.
void read_band(JsonCursor& at, const char* low_name, const char* high_name, double value) {
  double low = value, high = value;
  at.number(low_name, low, 0, kMostNs, "lower end of its 95 % band");
  at.number(high_name, high, 0, kMostNs, "upper end");
  if (low > value || high < value)
    throw InputError(
        at.place(low_name),
        fmt::format("expected a band around {}, got {} to {}; mend it", value, low, high));
}

/// A figure with its band; a cost uses the figure.
void read_figure(JsonCursor& parent, const char* name, double& value, const char* meaning) {
  parent.required().object(name, "", meaning, [&](JsonCursor& at) {
    at.required().number("value", value, 0, kMostNs, "what is used");
    read_band(at, "low", "high", value);
  });
}

void read_steps(JsonCursor& at, CalibratedSteps& steps) {
  read_figure(at, "base_ns", steps.base_ns, "a step");
  read_figure(at, "per_decode_ns", steps.per_decode_ns, "a step, for each request");
  read_figure(at, "per_context_token_ns", steps.per_context_token_ns, "a step, for each token");
  const auto read_level = [&](JsonCursor& inner, std::size_t index) {
    CalibratedSteps::Level level;
    inner.required().count("decodes", level.decodes, 1, kMostCount, "requests");
    inner.required().number("base_ns", level.base_ns, 0, kMostNs, "a step without context");
    read_band(inner, "low_ns", "high_ns", level.base_ns);
    if (index > 0 && level.decodes <= steps.levels.back().decodes)
      throw InputError(inner.place("decodes"),
                       fmt::format("expected more than {}, got {}; sort the levels",
                                   steps.levels.back().decodes, level.decodes));
    steps.levels.push_back(level);
  };
  at.list("levels", 0, 1000, "bases where they do not lie on the line", read_level);
  double spread = 0;
  at.number("spread", spread, 0, 1e6, "of one observation, relative");
}

void read_prompts(JsonCursor& at, CalibratedSteps& steps) {
  read_figure(at, "alone_ns", steps.alone_ns, "prompts in a step without decodes");
  read_figure(at, "alone_per_token_ns", steps.alone_per_token_ns, "for each of their tokens");
  read_figure(at, "beside_ns", steps.beside_ns, "prompts in a step with decodes");
  read_figure(at, "beside_per_token_ns", steps.beside_per_token_ns, "for each of their tokens");
  read_figure(at, "per_token_squared_ns", steps.per_token_squared_ns, "attention");
  double spread = 0;
  at.number("spread", spread, 0, 1e6, "of one observation, relative");
}

void read_held_out(JsonCursor& at, CalibratedSteps& steps) {
  std::int64_t decodes = 1;
  double context = 0, measured = 0, predicted = 0;
  at.count("decodes", decodes, 1, kMostCount, "requests");
  at.number("context", context, 0, 1e12, "tokens of all of them");
  at.required().number("measured_ns", measured, 1e-3, kMostNs, "a step as measured");
  at.required().number("predicted_ns", predicted, 0, kMostNs, "as fitted on others");
  steps.held_out_error = std::max(steps.held_out_error, std::abs(predicted / measured - 1));
}

}  // namespace

CalibratedSteps parse_calibrated_json(std::string_view text, const std::string& file) {
  const JsonNode root = parse_json(text, file);
  JsonDocument document;
  document.file = file;
  JsonCursor at = JsonCursor::reading(document, root);
  CalibratedSteps steps;
  std::int64_t version = 0;
  std::string notes;
  double tail = 0;
  at.required().count("calibration", version, 1, 1, "version of this format");
  at.text("model", steps.model, "what the server calls its model");
  at.text("date", steps.date, "of the calibration");
  at.text("tool", steps.tool, "that made it");
  at.text("notes", notes, "what to know about it");
  at.count("requests", steps.requests, 0, kMostCount, "that it rests on");
  at.number("tail", tail, -1e6, 1e6, "mean step over middle step, less 1");
  at.required().object("step", "", "iterations of decodes",
                       [&](JsonCursor& inner) { read_steps(inner, steps); });
  at.required().object("prompt", "", "iterations with prompts",
                       [&](JsonCursor& inner) { read_prompts(inner, steps); });
  at.required().object("observed", "", "the largest that was seen", [&](JsonCursor& inner) {
    inner.count("decodes", steps.most_decodes, 0, kMostCount, "requests together");
    inner.count("context", steps.most_context, 0, kMostCount, "tokens of all of them");
    inner.count("prompt", steps.most_prompt, 0, kMostCount, "tokens of a prompt");
  });
  at.list("held_out", 0, 100'000, "steps that took no part in the fit",
          [&](JsonCursor& inner, std::size_t) { read_held_out(inner, steps); });
  at.finish();
  if (!(steps.base_ns > 0) && !(steps.per_decode_ns > 0) && steps.levels.empty())
    throw InputError(file + ": /step", "expected steps that take time, got none; calibrate again");
  return steps;
}

std::string describe(const CalibratedSteps& steps) {
  std::string line = "steps calibrated on a live server (";
  if (!steps.model.empty()) line += steps.model + ", ";
  line += fmt::format("{} requests", steps.requests);
  if (!steps.date.empty()) line += ", " + steps.date;
  if (steps.held_out_error >= 0)
    line += fmt::format("; held-out steps within {:.1f} %", steps.held_out_error * 100);
  return line + ")";
}

std::unique_ptr<CostModel> make_calibrated_cost(const CalibratedSteps& steps,
                                                BytesPerSecond host_bandwidth) {
  return std::make_unique<CalibratedCost>(steps, host_bandwidth);
}

}  // namespace headroom
