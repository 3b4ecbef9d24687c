// From times of tokens to observations: what one experiment says about steps, prompts and queues.
//
// Law: pure. An experiment that does not show what it was made for (too few tokens, streams that
// never ran together) gives no observation, never a guess.
// Cost: a sort of its tokens.
// Not here: fitting them (profiles/calibrate_model.h).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "profiles/calibrate_experiment.h"

namespace headroom {

/// Steps of a constant number of decodes, none of them with a prompt.
struct StepObservation {
  std::int64_t decodes = 0;
  double context = 0;  ///< all decodes together, each one's new token included; mean over the steps
  double step_s = 0;   ///< mean of the middle half
  double mean_s = 0;   ///< mean of all
  std::int64_t steps = 0;  ///< gaps seen
  bool held_out = false;
};

/// A prompt alone in the server.
struct PromptObservation {
  std::int64_t tokens = 0;
  double first_token_s = 0;  ///< from sent to first token
};

/// A prompt that came while one request was decoding.
struct LateObservation {
  std::int64_t tokens = 0;
  double stall_s = 0;  ///< by how much it stretched the decoding
  double step_s = 0;   ///< an undisturbed step
  /// It entered the batch at the end of a step; it was not ready at the end of the step before.
  /// Both from when it was sent.
  double entered_low_s = 0, entered_high_s = 0;
};

/// From a wave: nothing where its requests never all decoded at once for four steps.
[[nodiscard]] std::optional<StepObservation> observe_steps(
    const Experiment& experiment, const std::vector<ServedRequest>& served);
[[nodiscard]] std::optional<PromptObservation> observe_prompt(
    const std::vector<ServedRequest>& served);
/// From a late request (the second of two): nothing where the stall cannot be told from a step.
[[nodiscard]] std::optional<LateObservation> observe_late(const std::vector<ServedRequest>& served);

/// The most requests that were between their first and last token at one time.
[[nodiscard]] std::int64_t most_together(const std::vector<ServedRequest>& served);

/// Tokens a piece of the stream: 1 unless the server says that it sent more tokens than pieces.
[[nodiscard]] double tokens_a_piece(const ServedRequest& served);

}  // namespace headroom
