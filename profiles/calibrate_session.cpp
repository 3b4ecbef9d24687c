#include "profiles/calibrate_session.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "profiles/measure_stats.h"

namespace headroom {
namespace {

class Session {
 public:
  Session(CompletionServer& server, const CalibrationSettings& settings,
          const std::function<void(const CalibrationProgress&)>& progress)
      : server_(server), settings_(settings), progress_(progress) {}

  /// False when stopped.
  [[nodiscard]] bool run();
  [[nodiscard]] CalibrationObservations take() { return std::move(seen_); }

 private:
  [[nodiscard]] std::optional<std::vector<ServedRequest>> serve(const Experiment& experiment);
  [[nodiscard]] bool serve_late(std::int64_t prompt);
  [[nodiscard]] double next_delay(std::int64_t prompt) const;
  [[nodiscard]] std::int64_t steps_for(std::int64_t prompt) const;
  /// A step of the request that late ones join, as far as seen; 0: not yet.
  [[nodiscard]] double one_step() const;

  CompletionServer& server_;
  const CalibrationSettings& settings_;
  const std::function<void(const CalibrationProgress&)>& progress_;
  CalibrationObservations seen_{};
  CalibrationProgress at_{};
  std::map<std::int64_t, std::vector<double>> first_token_s_{};  ///< by asked prompt length
  /// Late requests so far of one asked prompt length.
  struct Entered {
    std::vector<double> ends_s{};  ///< of the intervals in which the server took requests in
    double last_s = 0;  ///< from the joined request's token to the end of the last of them
  };
  std::map<std::int64_t, Entered> entered_{};
};

std::optional<std::vector<ServedRequest>> Session::serve(const Experiment& experiment) {
  if (progress_) progress_(at_);
  std::optional<std::vector<ServedRequest>> served = server_.serve(experiment);
  ++at_.done;
  if (!served) return served;
  for (const ServedRequest& request : *served) {
    seen_.connects_s.push_back(request.connect_s);
    seen_.tokens_a_piece = std::max(seen_.tokens_a_piece, headroom::tokens_a_piece(request));
    ++seen_.requests;
  }
  if (experiment.kind == ExperimentKind::wave) {
    seen_.most_together = std::max(seen_.most_together, headroom::most_together(*served));
    seen_.asked_together =
        std::max(seen_.asked_together, static_cast<std::int64_t>(experiment.requests.size()));
  }
  return served;
}

double Session::one_step() const {
  std::vector<double> steps;
  for (const LateObservation& late : seen_.late) steps.push_back(late.step_s);
  // Those of waves have longer contexts: only until there are others.
  if (steps.empty())
    for (const StepObservation& step : seen_.steps)
      if (step.decodes == 1) steps.push_back(step.step_s);
  return quantile(steps, 0.5);
}

/// Steps that a request decodes while a late one arrives, is taken in and answered, and a few more.
std::int64_t Session::steps_for(std::int64_t prompt) const {
  constexpr std::int64_t kMore = 8;
  constexpr double kMargin = 1.5;
  constexpr std::int64_t kMost = 512;
  const double step = one_step();
  const auto found = first_token_s_.find(prompt);
  if (!(step > 0) || found == first_token_s_.end()) return settings_.tokens;
  const double waits = kMargin * quantile(found->second, 0.5) / step;
  return std::min(kMost, kMore + static_cast<std::int64_t>(std::ceil(waits)));
}

/// So that the end of a step falls into the middle of the times at which the server may have taken
/// such requests in: then it says in which half. Where ends of steps fall is known from the last
/// such request; counted from the request that it joined, steps that grow would add up to more than
/// what is looked for.
double Session::next_delay(std::int64_t prompt) const {
  const double step = one_step();
  const auto found = entered_.find(prompt);
  if (found == entered_.end() || !(step > 0)) return step / 2;
  const Entered& entered = found->second;
  std::vector<double> ends = entered.ends_s;
  std::sort(ends.begin(), ends.end());
  const std::size_t half = ends.size() / 2;
  const double target = (ends[half - 1] + ends[half]) / 2;
  const double phase = std::fmod(entered.last_s - target, step);
  return phase < 0 ? phase + step : phase;
}

bool Session::serve_late(std::int64_t prompt) {
  const double delay = next_delay(prompt);
  const Experiment experiment = late_experiment(prompt, delay, steps_for(prompt));
  const auto served = serve(experiment);
  if (!served) return false;
  if (const auto late = observe_late(*served)) {
    seen_.late.push_back(*late);
    Entered& entered = entered_[prompt];
    entered.ends_s.push_back(std::max(0.0, late->entered_low_s));
    entered.ends_s.push_back(late->entered_high_s);
    entered.last_s = delay + late->entered_high_s;
  }
  return true;
}

bool Session::run() {
  const std::vector<Experiment> rounds = calibration_rounds(settings_);
  const std::vector<std::int64_t> prompts = late_prompts(settings_);
  at_.all = static_cast<std::int64_t>(rounds.size()) +
            static_cast<std::int64_t>(prompts.size()) * settings_.late;
  for (const Experiment& experiment : rounds) {
    const auto served = serve(experiment);
    if (!served) return false;
    if (experiment.kind == ExperimentKind::wave) {
      if (const auto steps = observe_steps(experiment, *served)) seen_.steps.push_back(*steps);
      continue;
    }
    if (const auto prompt = observe_prompt(*served)) {
      seen_.prompts.push_back(*prompt);
      first_token_s_[experiment.requests.front().prompt_tokens].push_back(prompt->first_token_s);
    }
  }
  for (int i = 0; i < settings_.late; ++i)
    for (const std::int64_t prompt : prompts)
      if (!serve_late(prompt)) return false;
  return true;
}

}  // namespace

bool probe_server(CompletionServer& server, const CalibrationSettings& settings) {
  constexpr std::int64_t kTokens = 8;
  for (const std::int64_t prompt :
       {settings.prompts.front(),
        *std::max_element(settings.prompts.begin(), settings.prompts.end())}) {
    Experiment experiment;
    experiment.requests.push_back({prompt, kTokens});
    const auto served = server.serve(experiment);
    if (!served) return false;
    if (served->front().token_s.size() < 2)
      throw ServerFailure("expected " + std::to_string(kTokens) + " tokens as asked for, got " +
                          std::to_string(served->front().token_s.size()) +
                          "; the server ends answers early: ask it not to with --fields");
  }
  return true;
}

std::optional<CalibrationObservations> observe_server(
    CompletionServer& server, const CalibrationSettings& settings,
    const std::function<void(const CalibrationProgress&)>& progress) {
  Session session(server, settings, progress);
  if (!session.run()) return std::nullopt;
  return session.take();
}

}  // namespace headroom
