#include "profiles/calibrate_observe.h"

#include <algorithm>
#include <limits>

#include "profiles/calibrate_fit.h"
#include "profiles/measure_stats.h"

namespace headroom {
namespace {

/// A window of fewer steps shows nothing.
constexpr std::size_t kLeastGaps = 4;

/// Tokens of one stream inside a window: [first, last].
struct Part {
  std::size_t first = 0, last = 0;
  [[nodiscard]] std::size_t gaps() const { return last > first ? last - first : 0; }
};

std::optional<Part> part_between(const std::vector<double>& times, double begin, double end) {
  const auto from = std::lower_bound(times.begin(), times.end(), begin);
  const auto to = std::upper_bound(times.begin(), times.end(), end);
  if (to - from < 2) return std::nullopt;
  return Part{static_cast<std::size_t>(from - times.begin()),
              static_cast<std::size_t>(to - times.begin()) - 1};
}

/// Gaps of a part, each over half of its steps and divided by their number: a client that wakes up
/// late sees tokens in bunches, which moves such a gap by its lateness over this number.
void add_gaps(const std::vector<double>& times, const Part& part, std::vector<double>& gaps) {
  const std::size_t lag = std::max<std::size_t>(part.gaps() / 2, 1);
  for (std::size_t i = part.first; i + lag <= part.last; ++i)
    gaps.push_back((times[i + lag] - times[i]) / static_cast<double>(lag));
}

}  // namespace

double tokens_a_piece(const ServedRequest& served) {
  const auto pieces = static_cast<double>(served.token_s.size());
  const auto tokens = static_cast<double>(served.completion_tokens);
  // One more than pieces: a last token without text (end of sequence).
  return pieces > 0 && tokens > pieces + 1 ? tokens / pieces : 1;
}

std::int64_t most_together(const std::vector<ServedRequest>& served) {
  std::vector<std::pair<double, int>> edges;
  for (const ServedRequest& request : served) {
    if (request.token_s.empty()) continue;
    edges.emplace_back(request.token_s.front(), 1);
    edges.emplace_back(request.token_s.back(), -1);
  }
  std::sort(edges.begin(), edges.end());
  std::int64_t now = 0, most = 0;
  for (const auto& [time, change] : edges) {
    now += change;
    most = std::max(most, now);
  }
  return most;
}

std::optional<StepObservation> observe_steps(const Experiment& experiment,
                                             const std::vector<ServedRequest>& served) {
  double begin = 0, end = std::numeric_limits<double>::infinity();
  for (const ServedRequest& request : served) {
    if (request.token_s.empty()) return std::nullopt;
    begin = std::max(begin, request.token_s.front());
    end = std::min(end, request.token_s.back());
  }
  StepObservation seen;
  seen.decodes = static_cast<std::int64_t>(served.size());
  seen.held_out = experiment.held_out;
  std::vector<double> gaps;
  double sum = 0;
  for (const ServedRequest& request : served) {
    const std::optional<Part> part = part_between(request.token_s, begin, end);
    if (!part || part->gaps() < kLeastGaps) return std::nullopt;
    const double each = tokens_a_piece(request);
    std::vector<double> own;
    add_gaps(request.token_s, *part, own);
    for (const double gap : own) gaps.push_back(gap / each);
    sum += (request.token_s[part->last] - request.token_s[part->first]) / each;
    seen.steps += static_cast<std::int64_t>(part->gaps());
    // The step that makes token k (the prompt makes token 0) reads prompt + k tokens.
    seen.context += static_cast<double>(request.prompt_tokens) +
                    each * static_cast<double>(part->first + part->last + 1) / 2;
  }
  seen.step_s = middle_mean(gaps);
  seen.mean_s = sum / static_cast<double>(seen.steps);
  if (!(seen.step_s > 0)) return std::nullopt;
  return seen;
}

std::optional<PromptObservation> observe_prompt(const std::vector<ServedRequest>& served) {
  if (served.empty() || served.front().token_s.empty()) return std::nullopt;
  const ServedRequest& request = served.front();
  const double first = request.token_s.front() - request.sent_s;
  if (!(first > 0)) return std::nullopt;
  return PromptObservation{request.prompt_tokens, first};
}

std::optional<LateObservation> observe_late(const std::vector<ServedRequest>& served) {
  if (served.size() < 2 || served[1].token_s.empty()) return std::nullopt;
  const std::vector<double>& times = served[0].token_s;
  const ServedRequest& late = served[1];
  const double first = late.token_s.front();
  // The last token before the request went out.
  const auto before = static_cast<std::size_t>(
      std::upper_bound(times.begin(), times.end(), late.sent_s) - times.begin());
  if (before < 1) return std::nullopt;
  const std::size_t start = before - 1;
  LateObservation seen;
  seen.tokens = late.prompt_tokens;
  const auto after =
      static_cast<std::size_t>(std::lower_bound(times.begin(), times.end(), first) - times.begin());
  std::vector<double> quiet;
  add_gaps(times, {0, start}, quiet);
  if (after + 1 < times.size()) add_gaps(times, {after + 1, times.size() - 1}, quiet);
  if (quiet.size() < kLeastGaps) return std::nullopt;
  seen.step_s = middle_mean(quiet);
  // The step that made the late request's first token made one here as well, or, in engines that
  // run prompts alone, the step after it did.
  const auto stretched = static_cast<std::size_t>(
      std::lower_bound(times.begin(), times.end(), first - seen.step_s / 2) - times.begin());
  if (stretched >= times.size() || stretched <= start) return std::nullopt;
  const auto steps = static_cast<double>(stretched - start);
  seen.stall_s = times[stretched] - times[start] - steps * seen.step_s;
  // It entered before the first gap that is much longer than a step: by half the longest excess.
  double longest = 0;
  for (std::size_t i = start + 1; i <= stretched; ++i)
    longest = std::max(longest, times[i] - times[i - 1] - seen.step_s);
  if (!(longest > seen.step_s / 2)) return std::nullopt;
  std::size_t entered = start;
  while (times[entered + 1] - times[entered] - seen.step_s < longest / 2) ++entered;
  seen.entered_high_s = times[entered] - late.sent_s;
  seen.entered_low_s = entered > 0 ? times[entered - 1] - late.sent_s : 0;
  if (!(seen.entered_high_s > 0)) return std::nullopt;
  return seen;
}

}  // namespace headroom
