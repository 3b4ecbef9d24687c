#include "profiles/calibrate_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "profiles/measure_plan.h"
#include "profiles/measure_stats.h"
#include "sim/check.h"

namespace headroom {
namespace {

/// Levels this near to the line are taken to lie on it. What a repetition of quiet measurements
/// differs by.
constexpr double kOnTheLine = 0.02;

/// Steps of one concurrency that differ by a third are that server's ways (which places of its
/// batch are taken), and their mean is what a request sees. Beyond it they are taken for disturbed.
constexpr double kStepsDiffer = 0.25;

[[noreturn]] void not_enough(const std::string& what) { throw InputError("", what); }

double middle(const std::vector<double>& values) { return quantile(values, 0.5); }

void fit_line_of_steps(const std::vector<StepObservation>& steps, std::uint64_t seed,
                       CalibratedServer& server) {
  std::vector<FitPoint> points;
  std::set<std::int64_t> levels;
  for (const StepObservation& step : steps) {
    levels.insert(step.decodes);
    points.push_back({{1, static_cast<double>(step.decodes), step.context}, step.step_s});
  }
  const bool one = levels.size() == 1;
  // At one level base and request cannot be told apart.
  if (one)
    for (FitPoint& point : points) point.x.erase(point.x.begin() + 1);
  const std::optional<Fit> fit = robust_fit(points, seed, kStepsDiffer);
  if (!fit)
    not_enough(
        "expected steps at several concurrencies and contexts, got too few to tell them apart; "
        "add --concurrency levels or --contexts");
  server.base = fit->coefficients.front();
  server.per_context = fit->coefficients.back();
  if (!one) server.per_decode = fit->coefficients[1];
  server.step_spread = fit->spread;
  if (one) server.notes.push_back("Only one concurrency was observed: nothing is known of others.");
}

/// Bases by level where the line misses one.
void fit_levels(const std::vector<StepObservation>& steps, std::uint64_t seed,
                CalibratedServer& server) {
  std::set<std::int64_t> levels;
  for (const StepObservation& step : steps) levels.insert(step.decodes);
  for (const std::int64_t level : levels) {
    std::vector<double> off;
    for (const StepObservation& step : steps)
      if (step.decodes == level)
        off.push_back(step.step_s / server.step_s(static_cast<double>(level), step.context) - 1);
    server.worst_level = std::max(server.worst_level, std::abs(middle(off)));
  }
  if (server.worst_level <= kOnTheLine || levels.size() < 3) return;
  std::vector<FitPoint> points;
  for (const StepObservation& step : steps) {
    FitPoint point{{}, step.step_s};
    for (const std::int64_t level : levels) point.x.push_back(level == step.decodes ? 1 : 0);
    point.x.push_back(step.context);
    points.push_back(std::move(point));
  }
  const std::optional<Fit> fit = robust_fit(points, seed, kStepsDiffer);
  if (!fit) return;  // each level at one context only: the line is all there is
  std::size_t at = 0;
  for (const std::int64_t level : levels) server.levels.push_back({level, fit->coefficients[at++]});
  server.per_context = fit->coefficients.back();
  server.step_spread = fit->spread;
}

/// Front end: a line through when requests entered, with a band over resampled requests.
void fit_ingest(const std::vector<LateObservation>& late, std::uint64_t seed,
                CalibratedServer& server) {
  std::vector<IntervalAt> intervals;
  for (const LateObservation& seen : late)
    intervals.push_back(
        {static_cast<double>(seen.tokens), std::max(0.0, seen.entered_low_s), seen.entered_high_s});
  const auto line = line_through(intervals);
  if (!line) return;
  constexpr int kResamples = 200;
  std::vector<double> constants, slopes;
  SplitMix random(seed);
  for (int i = 0; i < kResamples; ++i) {
    std::vector<IntervalAt> drawn;
    for (std::size_t k = 0; k < intervals.size(); ++k)
      drawn.push_back(intervals[random.next() % intervals.size()]);
    const auto again = line_through(drawn);
    constants.push_back(std::max(0.0, again->first - server.round_trip_s));
    slopes.push_back(again->second);
  }
  const double value = std::max(0.0, line->first - server.round_trip_s);
  server.ingest = {value, std::min(value, quantile(constants, 0.025)),
                   std::max(value, quantile(constants, 0.975))};
  server.ingest_per_token = {line->second, std::min(line->second, quantile(slopes, 0.025)),
                             std::max(line->second, quantile(slopes, 0.975))};
}

/// y = c0 + c1 L, + c2 L^2 where the points tell it from 0 for sure.
std::optional<Fit> fit_prompt_times(const std::vector<std::pair<double, double>>& times,
                                    std::uint64_t seed) {
  std::vector<FitPoint> line, square;
  std::set<double> lengths;
  for (const auto& [length, seconds] : times) {
    lengths.insert(length);
    line.push_back({{1, length}, seconds});
    square.push_back({{1, length, length * length}, seconds});
  }
  constexpr std::size_t kLengthsForSquare = 4;
  if (lengths.size() >= kLengthsForSquare) {
    std::optional<Fit> fit = robust_fit(square, seed);
    // A square that makes up less than this of the longest prompt is rounding.
    constexpr double kVisible = 1e-3;
    const auto longest = std::max_element(times.begin(), times.end());
    const double most = longest->first * longest->first;
    if (fit && fit->coefficients[2].low * most > kVisible * longest->second) return fit;
  }
  return robust_fit(line, seed);
}

FittedValue less(const FittedValue& value, const FittedValue& part) {
  return {std::max(0.0, value.value - part.value), std::max(0.0, value.low - part.high),
          std::max(0.0, value.high - part.low)};
}

void fit_prompts(const CalibrationObservations& seen, std::uint64_t seed,
                 CalibratedServer& server) {
  std::vector<std::pair<double, double>> alone;
  for (const PromptObservation& prompt : seen.prompts)
    alone.emplace_back(static_cast<double>(prompt.tokens), prompt.first_token_s);
  const std::optional<Fit> fit = fit_prompt_times(alone, seed);
  if (!fit)
    not_enough("expected prompts of several lengths to be answered, got too few; add --prompts");
  server.prompt_spread = fit->spread;
  if (fit->coefficients.size() > 2) server.per_square = fit->coefficients[2];
  // What is known best is how long both take together: the front end never takes more than that.
  const double both = std::max(0.0, fit->coefficients[0].value - server.round_trip_s);
  for (double* value : {&server.ingest.value, &server.ingest.low, &server.ingest.high})
    *value = std::min(*value, both);
  const double slope = fit->coefficients[1].value;
  for (double* value : {&server.ingest_per_token.value, &server.ingest_per_token.low,
                        &server.ingest_per_token.high})
    *value = std::min(*value, slope);
  FittedValue front = server.ingest;
  front.value += server.round_trip_s;
  front.low += server.round_trip_s;
  front.high += server.round_trip_s;
  server.alone = less(fit->coefficients[0], front);
  server.alone_per_token = less(fit->coefficients[1], server.ingest_per_token);
  server.beside = server.alone;
  server.beside_per_token = server.alone_per_token;
  std::vector<std::pair<double, double>> beside;
  for (const LateObservation& late : seen.late) {
    const auto tokens = static_cast<double>(late.tokens);
    const double stall = late.stall_s - server.per_square.value * tokens * tokens;
    if (stall > 0) beside.emplace_back(tokens, stall);
  }
  const std::optional<Fit> stalls = beside.empty() ? std::nullopt : fit_prompt_times(beside, seed);
  if (!stalls || stalls->coefficients.size() > 2) {
    server.notes.push_back(
        "Prompts that came while others decoded were not told apart from steps: they are taken to "
        "cost as much as alone.");
    return;
  }
  server.beside = stalls->coefficients[0];
  server.beside_per_token = stalls->coefficients[1];
}

void judge(const CalibrationObservations& seen, CalibratedServer& server) {
  std::vector<double> tails;
  for (const StepObservation& step : seen.steps) {
    tails.push_back(step.mean_s / step.step_s - 1);
    if (step.held_out)
      server.held_out.push_back({step.decodes, step.context, step.step_s,
                                 server.step_s(static_cast<double>(step.decodes), step.context)});
    server.most_decodes = std::max(server.most_decodes, step.decodes);
    server.most_context =
        std::max(server.most_context, static_cast<std::int64_t>(std::ceil(step.context)));
  }
  server.tail = middle(tails);
  for (const PromptObservation& prompt : seen.prompts)
    server.most_prompt = std::max(server.most_prompt, prompt.tokens);
  if (seen.most_together < seen.asked_together)
    server.notes.push_back(fmt::format(
        "The server ran at most {} of {} requests at a time: give its batch policy that limit.",
        seen.most_together, seen.asked_together));
  if (seen.tokens_a_piece > 1)
    server.notes.push_back(
        fmt::format("The server sends up to {:.2f} tokens at a time: steps are times of a piece "
                    "over its tokens.",
                    seen.tokens_a_piece));
  if (seen.late.empty())
    server.notes.push_back(
        "No late request showed when it was taken in: the front end's time is part of a prompt's.");
}

}  // namespace

double CalibratedServer::step_s(double decodes, double context) const {
  const double rest = per_context.value * context;
  if (levels.empty()) return base.value + per_decode.value * decodes + rest;
  if (decodes <= static_cast<double>(levels.front().decodes))
    return levels.front().base.value + rest;
  for (std::size_t i = 1; i < levels.size(); ++i) {
    const CalibratedLevel &from = levels[i - 1], &to = levels[i];
    if (decodes > static_cast<double>(to.decodes)) continue;
    const double share = (decodes - static_cast<double>(from.decodes)) /
                         static_cast<double>(to.decodes - from.decodes);
    return from.base.value + share * (to.base.value - from.base.value) + rest;
  }
  const double beyond = decodes - static_cast<double>(levels.back().decodes);
  return levels.back().base.value + per_decode.value * beyond + rest;
}

CalibratedServer fit_server(const CalibrationObservations& seen, std::uint64_t seed) {
  CalibratedServer server;
  std::vector<StepObservation> fitted;
  for (const StepObservation& step : seen.steps)
    if (!step.held_out) fitted.push_back(step);
  if (fitted.empty())
    not_enough(
        "expected requests that decode side by side for some steps, got none; the server may run "
        "fewer at a time than --concurrency says, or end answers early");
  server.round_trip_s = middle(seen.connects_s);
  fit_line_of_steps(fitted, seed, server);
  fit_levels(fitted, seed, server);
  fit_ingest(seen.late, seed, server);
  fit_prompts(seen, seed, server);
  judge(seen, server);
  return server;
}

}  // namespace headroom
