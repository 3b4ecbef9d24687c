// What a comparison's parts are called, in every output.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "reports/comparison.h"
#include "reports/number_text.h"

namespace headroom {

const char* to_string(ChangeWord word) {
  switch (word) {
    case ChangeWord::worse:
      return "WORSE";
    case ChangeWord::missing:
      return "missing";
    case ChangeWord::unclear:
      return "unclear";
    case ChangeWord::noted:
      return "worse";
    case ChangeWord::better:
      return "better";
    case ChangeWord::drift:
      return "drift";
    case ChangeWord::same:
      return "same";
  }
  return "same";
}

const char* to_string(Sameness sameness) {
  switch (sameness) {
    case Sameness::same:
      return "same";
    case Sameness::differs:
      return "differs";
    case Sameness::unknown:
      return "unknown";
  }
  return "unknown";
}

bool SetComparison::identical() const {
  return scenario == Sameness::same && costs == Sameness::same && decisions == Sameness::same &&
         obstacles.empty();
}

bool SetComparison::code_drift() const {
  return scenario == Sameness::same && costs == Sameness::same && decisions == Sameness::differs;
}

std::size_t SetComparison::count(ChangeWord word) const {
  return static_cast<std::size_t>(
      std::count_if(metrics.begin(), metrics.end(),
                    [&](const MetricChange& change) { return change.word == word; }));
}

std::size_t Comparison::count(ChangeWord word) const {
  std::size_t sum = 0;
  for (const SetComparison& set : sets) sum += set.count(word);
  return sum;
}

bool Comparison::identical() const {
  return !sets.empty() && only_base.empty() && only_candidate.empty() &&
         std::all_of(sets.begin(), sets.end(),
                     [](const SetComparison& set) { return set.identical(); });
}

std::string comparison_line(const Comparison& comparison) {
  std::size_t flips = 0;
  std::size_t apart = comparison.only_base.size();
  for (const SetComparison& set : comparison.sets) {
    for (const StatusFlip& flip : set.flips) flips += flip.worse ? 1U : 0U;
    apart += set.obstacles.empty() ? 0U : 1U;
  }
  std::string line = "compare: ";
  if (comparison.identical()) return line + "same decisions, nothing changed";
  const auto part = [&](std::size_t count, const char* what) {
    line += fmt::format("{}{} {}", line.back() == ' ' ? "" : ", ", count, what);
  };
  if (flips > 0) part(flips, "lost");
  if (apart > 0) part(apart, comparison.forced ? "not comparable (forced)" : "not comparable");
  part(comparison.count(ChangeWord::worse), "worse");
  part(comparison.count(ChangeWord::better), "better");
  part(comparison.count(ChangeWord::unclear), "unclear");
  part(comparison.count(ChangeWord::same), "same");
  part(comparison.count(ChangeWord::missing), "missing");
  return line;
}

std::string gates_text(const Comparison& comparison) {
  if (comparison.identical()) return {};
  std::string gates;
  for (std::size_t i = 0; i < comparison.gates.size() && i < 4; ++i) {
    gates += (i == 0 ? "" : "; ") + comparison.gates[i];
  }
  if (comparison.usual_gates) gates = "1 % of the usual figures";
  if (!comparison.usual_gates && comparison.gates.size() > 4) gates += "; ...";
  return "(gate: " + gates + ")";
}

std::string change_text(const MetricChange& change) {
  if (change.word == ChangeWord::missing) return "-";
  if (change.difference.mean == 0) return "0 %";
  if (std::isinf(change.share)) return change.share > 0 ? "from 0" : "below 0";
  const std::string digits = significant(std::abs(change.share) * 100, 3);
  return (change.share < 0 ? "-" : "+") + digits + " %";
}

std::string change_interval_text(const MetricChange& change) {
  if (change.difference.count < 2 || !(std::abs(change.base) > 0)) return {};
  const auto end = [](double share) {
    return (share < 0 ? "-" : "+") + significant(std::abs(share) * 100, 3);
  };
  return fmt::format("[{}, {}]", end(change.share - change.share_half),
                     end(change.share + change.share_half));
}

}  // namespace headroom
