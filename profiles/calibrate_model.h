// From observations to a server's costs: steps, prompts, front end, each with its band.
//
// A step of n decodes with S tokens of context together takes a + b n + c S, or, where levels of n
// lie off that line, a base of each level (linear between them) + c S. A prompt of L tokens takes
// p0 + p1 L + p2 L^2 alone, and stretches a step with decodes by q0 + q1 L + p2 L^2. A request
// reaches the scheduler x0 + x1 L after it was sent. Law: pure; what the observations do not tell
// is said (`CalibratedServer::notes`), never assumed. Cost: under a second. Not here: asking the
// server (profiles/calibrate_session.h), what is written down (profiles/calibrate_files.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "profiles/calibrate_fit.h"
#include "profiles/calibrate_observe.h"

namespace headroom {

struct CalibrationObservations {
  std::vector<StepObservation> steps{};
  std::vector<PromptObservation> prompts{};
  std::vector<LateObservation> late{};
  std::vector<double> connects_s{};
  std::int64_t most_together = 0;  ///< of any experiment
  std::int64_t asked_together = 0;
  std::int64_t requests = 0;  ///< served
  double tokens_a_piece = 1;  ///< the most of any answer
};

/// One concurrency: base time of a step without context.
struct CalibratedLevel {
  std::int64_t decodes = 0;
  FittedValue base{};  ///< seconds
};

/// A concurrency and context that took no part in the fit.
struct HeldOutStep {
  std::int64_t decodes = 0;
  double context = 0;
  double measured_s = 0, predicted_s = 0;
};

struct CalibratedServer {
  FittedValue base{}, per_decode{}, per_context{};  ///< seconds; of all levels together
  std::vector<CalibratedLevel> levels{};            ///< empty: the line holds
  double worst_level = 0;  ///< largest relative distance of a level's middle from the line
  double step_spread = 0;  ///< of one observation about the fit, relative
  FittedValue alone{}, alone_per_token{};
  FittedValue beside{}, beside_per_token{};
  FittedValue per_square{};
  double prompt_spread = 0;
  FittedValue ingest{}, ingest_per_token{};  ///< without the network
  double round_trip_s = 0;
  double tail = 0;  ///< mean step over middle step, less 1: what the middle does not see
  std::vector<HeldOutStep> held_out{};
  std::int64_t most_decodes = 0, most_context = 0, most_prompt = 0;  ///< observed
  std::vector<std::string> notes{};  ///< what to know about it, a sentence each
  [[nodiscard]] double step_s(double decodes, double context) const;
};

/// Throws InputError (of no place) when the observations do not suffice, saying what is missing.
[[nodiscard]] CalibratedServer fit_server(const CalibrationObservations& seen, std::uint64_t seed);

}  // namespace headroom
