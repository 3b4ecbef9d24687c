// Which experiments a calibration makes, in which order, and how much they ask of the server.
//
// Law: experiments and their order are a function of the settings alone; what is asked of the
// server is known before the first request. Levels and lengths come again in every round, in an
// order of its own, so that a server that gets slower does not look like one whose requests do.
// Answers of concurrent requests differ in length, as users' do: which places of its batch are
// taken then changes from wave to wave, and with it, in some servers, the time of a step.
// Cost: none to speak of.
// Not here: sending them (profiles/calibrate_http.h), late requests' exact moments
// (profiles/calibrate_session.h).
#pragma once

#include <cstdint>
#include <vector>

#include "profiles/calibrate_experiment.h"

namespace headroom {

struct CalibrationSettings {
  std::vector<std::int64_t> levels{1, 2, 4, 8};           ///< concurrent requests
  std::vector<std::int64_t> held_out{3, 6};               ///< measured to check the fit
  std::vector<std::int64_t> prompts{32, 128, 512, 1024};  ///< tokens of lone prompts
  std::vector<std::int64_t> contexts{32, 512};            ///< prompts of concurrent requests
  std::int64_t tokens = 24;                               ///< of one answer, at least
  int rounds = 3;                                         ///< of everything
  int late = 8;                                           ///< late requests of each of two lengths
  std::uint64_t seed = 1;                                 ///< of the order and of the prompts
};

/// In each round, what costs the server least: lone prompts and waves of the shortest context.
/// Waves of longer contexts come once.
constexpr int kRepeats = 3;
/// Lone and concurrent requests, round after round.
[[nodiscard]] std::vector<Experiment> calibration_rounds(const CalibrationSettings& settings);

/// A request of `prompt` tokens into the decoding of another one: sent `delay_s` after that one's
/// token number `kTokensBeforeLate`. The first decodes for `steps` steps after that.
constexpr std::size_t kTokensBeforeLate = 8;
[[nodiscard]] Experiment late_experiment(std::int64_t prompt, double delay_s, std::int64_t steps);
/// Lengths of late requests: the shortest and the longest lone prompt.
[[nodiscard]] std::vector<std::int64_t> late_prompts(const CalibrationSettings& settings);

/// What a calibration asks of the server.
struct CalibrationLoad {
  std::int64_t requests = 0;
  std::int64_t most_together = 0;
  std::int64_t prompt_tokens = 0;
  std::int64_t output_tokens = 0;  ///< about: those of late requests depend on the server
};
[[nodiscard]] CalibrationLoad load_of(const CalibrationSettings& settings);

}  // namespace headroom
