#include "profiles/calibrate_plan.h"

#include <algorithm>
#include <utility>

#include "profiles/measure_plan.h"

namespace headroom {
namespace {

/// Enough to tell the first token from the last.
constexpr std::int64_t kLoneTokens = 2;
/// Prompts of a wave are computed one after the other while the first ones decode already: about
/// two steps each with the token budgets that servers have.
constexpr std::int64_t kStepsAPrompt = 2;

Experiment lone(std::int64_t prompt) {
  Experiment experiment;
  experiment.kind = ExperimentKind::lone;
  experiment.requests.push_back({prompt, kLoneTokens});
  return experiment;
}

/// Answers are up to half as long again as the shortest.
Experiment wave(std::int64_t level, std::int64_t prompt, std::int64_t tokens, SplitMix& random) {
  Experiment experiment;
  experiment.kind = ExperimentKind::wave;
  const auto choices = static_cast<std::uint64_t>(tokens / 2 + 1);
  for (std::int64_t i = 0; i < level; ++i) {
    const auto more = static_cast<std::int64_t>(random.next() % choices);
    experiment.requests.push_back({prompt, tokens + kStepsAPrompt * level + more});
  }
  return experiment;
}

}  // namespace

std::vector<Experiment> calibration_rounds(const CalibrationSettings& settings) {
  std::vector<Experiment> all;
  const std::int64_t shortest =
      *std::min_element(settings.contexts.begin(), settings.contexts.end());
  SplitMix random(settings.seed);
  for (int round = 0; round < settings.rounds; ++round) {
    std::vector<Experiment> of;
    for (int i = 0; i < kRepeats; ++i)
      for (const std::int64_t prompt : settings.prompts) of.push_back(lone(prompt));
    for (const std::int64_t context : settings.contexts)
      for (int i = 0; i < (context == shortest ? kRepeats : 1); ++i)
        for (const bool held_out : {false, true})
          for (const std::int64_t level : held_out ? settings.held_out : settings.levels) {
            of.push_back(wave(level, context, settings.tokens, random));
            of.back().held_out = held_out;
          }
    for (std::size_t i = of.size(); i > 1; --i) std::swap(of[i - 1], of[random.next() % i]);
    for (Experiment& experiment : of) all.push_back(std::move(experiment));
  }
  return all;
}

Experiment late_experiment(std::int64_t prompt, double delay_s, std::int64_t steps) {
  // Of the running request's own prompt: short, so that its steps are.
  constexpr std::int64_t kRunningPrompt = 16;
  Experiment experiment;
  experiment.kind = ExperimentKind::late;
  experiment.requests.push_back(
      {kRunningPrompt, static_cast<std::int64_t>(kTokensBeforeLate) + steps});
  PlannedRequest late{prompt, 1};
  late.after = 0;
  late.after_tokens = kTokensBeforeLate;
  late.delay_s = delay_s;
  experiment.requests.push_back(late);
  return experiment;
}

std::vector<std::int64_t> late_prompts(const CalibrationSettings& settings) {
  std::vector<std::int64_t> sorted = settings.prompts;
  std::sort(sorted.begin(), sorted.end());
  if (sorted.front() == sorted.back()) return {sorted.front()};
  return {sorted.front(), sorted.back()};
}

CalibrationLoad load_of(const CalibrationSettings& settings) {
  CalibrationLoad load;
  const auto add = [&load](const Experiment& experiment) {
    const auto requests = static_cast<std::int64_t>(experiment.requests.size());
    load.requests += requests;
    load.most_together = std::max(load.most_together, requests);
    for (const PlannedRequest& request : experiment.requests) {
      load.prompt_tokens += request.prompt_tokens;
      load.output_tokens += request.output_tokens;
    }
  };
  for (const Experiment& experiment : calibration_rounds(settings)) add(experiment);
  for (const std::int64_t prompt : late_prompts(settings))
    for (int i = 0; i < settings.late; ++i) add(late_experiment(prompt, 0, settings.tokens));
  // The first look at the server, and one at its longest prompt.
  add(lone(settings.prompts.front()));
  add(lone(*std::max_element(settings.prompts.begin(), settings.prompts.end())));
  return load;
}

}  // namespace headroom
