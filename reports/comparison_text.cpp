#include "reports/comparison_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "reports/number_text.h"
#include "reports/text_layout.h"

namespace headroom {
namespace {

constexpr std::size_t kColumns = 80;
constexpr std::size_t kMostRows = 25;

void paragraph(std::string& text, const std::string& sentence) {
  if (sentence.empty()) return;
  for (const std::string& line : wrapped(sentence, kColumns)) text += line + "\n";
}

/// Two columns in from the left, marked where it starts.
void item(std::string& text, const std::string& mark, const std::string& sentence) {
  std::string head = "  " + left_cell(mark, 8);
  for (const std::string& line : wrapped(sentence, kColumns - 10)) {
    text += head + line + "\n";
    head.assign(10, ' ');
  }
}

std::string label_of(const MetricChange& change) {
  std::string name = short_head(change.name);
  return change.unit.empty() || change.unit == "1" ? name : name + " " + change.unit;
}

void row(std::string& text, const std::array<std::string, 6>& cells) {
  std::string line = left_cell(cells[0], 8);
  const bool fits = display_width(cells[1]) < 25;
  if (!fits) text += line + printable(cells[1]) + "\n";
  line = fits ? line + left_cell(cells[1], 25) : std::string(33, ' ');
  line += right_cell(cells[2], 10) + right_cell(cells[3], 10) + right_cell(cells[4], 10) +
          right_cell(cells[5], 17);
  line.erase(line.find_last_not_of(' ') + 1);
  text += line + "\n";
}

bool shown(const MetricChange& change, Detail detail) {
  return detail == Detail::everything || change.word != ChangeWord::same;
}

void table(std::string& text, const SetComparison& set, Detail detail) {
  std::size_t rows = 0;
  for (const MetricChange& change : set.metrics) rows += shown(change, detail) ? 1U : 0U;
  if (rows == 0) return;
  const bool intervals = set.seeds.size() > 1;
  row(text, {"", "", "base", "candidate", "change", intervals ? "95 % interval" : ""});
  std::size_t printed = 0;
  for (const MetricChange& change : set.metrics) {
    if (!shown(change, detail)) continue;
    if (detail == Detail::changes && printed == kMostRows) break;
    ++printed;
    const bool missing = change.word == ChangeWord::missing;
    row(text, {to_string(change.word), label_of(change), significant(change.base),
               missing ? "-" : significant(change.candidate), change_text(change),
               change_interval_text(change)});
  }
  if (printed < rows) {
    text += fmt::format("... and {} changes more: --verbose or --json have them\n", rows - printed);
  }
}

void console_set(std::string& text, const SetComparison& set, Detail detail) {
  paragraph(text, fmt::format("{}: {}.", set.name, sameness_sentence(set)));
  if (set.identical()) return;
  for (const std::string& obstacle : set.obstacles) item(text, "APART", obstacle);
  for (const InputChange& change : set.inputs) {
    item(text, std::string(1, change.sign()), input_line(change));
  }
  for (const StatusFlip& flip : set.flips) {
    item(text, flip.worse ? "LOST" : "gained", flip.base + " -> " + flip.candidate);
  }
  table(text, set, detail);
  paragraph(text, attribution_sentence(set));
  paragraph(text, window_sentence(set));
}

std::string seeds_text(const SetComparison& set) {
  if (set.seeds.size() == 1) return fmt::format("seed {}, exact for this load", set.seeds[0]);
  return fmt::format("{} seeds, paired", set.seeds.size());
}

}  // namespace

std::string sameness_sentence(const SetComparison& set) {
  if (set.identical()) return "same decisions (same scenario, same costs), " + seeds_text(set);
  const auto word = [](Sameness sameness, const char* what) {
    const char* kind = sameness == Sameness::same      ? "same"
                       : sameness == Sameness::differs ? "other"
                                                       : "unknown";
    return fmt::format("{} {}", kind, what);
  };
  std::string text = fmt::format("{}, {}, {}, {}; {}", word(set.scenario, "scenario"),
                                 word(set.costs, "costs"), word(set.decisions, "decisions"),
                                 word(set.requests, "requests"), seeds_text(set));
  if (set.base_version != set.candidate_version) {
    text += fmt::format("; headroom {} against {}", set.base_version, set.candidate_version);
  }
  if (set.code_drift()) {
    text += "; the program decides otherwise from the same scenario and costs (drift)";
  }
  return text;
}

std::string attribution_sentence(const SetComparison& set) {
  double sum = 0;
  for (const MetricChange& part : set.parts) sum += part.difference.mean;
  std::string parts;
  for (std::size_t i = 0; i < set.parts.size() && i < 4; ++i) {
    const double ms = set.parts[i].difference.mean;
    parts += fmt::format("{}{} {}{}", i == 0 ? "" : ", ", set.parts[i].name.substr(5),
                         ms < 0 ? "-" : "+", significant(std::abs(ms), 3));
  }
  if (parts.empty()) return {};
  return fmt::format("Mean latency {}{} ms: {}.", sum < 0 ? "-" : "+",
                     significant(std::abs(sum), 3), parts);
}

std::string input_line(const InputChange& change) {
  if (change.base.empty()) return fmt::format("{}: {}", change.key, change.candidate);
  if (change.candidate.empty()) return fmt::format("{}: {}", change.key, change.base);
  return fmt::format("{}: {} -> {}", change.key, change.base, change.candidate);
}

std::string failure_sentence(const MetricChange& change) {
  const std::string unit =
      change.unit.empty() || change.unit == "1" ? std::string() : " " + change.unit;
  const std::string gate = change.gate.empty() ? std::string() : "; gate: " + change.gate;
  if (change.word == ChangeWord::missing) {
    return fmt::format("{} is missing{}", change.name, gate);
  }
  const std::string interval = change_interval_text(change);
  return fmt::format("{} was {}{}, is {}{} ({}{}){}", change.name, significant(change.base), unit,
                     significant(change.candidate), unit, change_text(change),
                     interval.empty() ? "" : ", 95 % interval " + interval, gate);
}

std::string window_sentence(const SetComparison& set) {
  if (set.windows.empty()) return {};
  const DecisionWindow& window = set.windows.front();
  const std::string after = exact_decimal(window.after_ns, 9);
  if (window.before_ns == 0) {
    return fmt::format("Decisions of seed {} part after {} s.", window.seed, after);
  }
  return fmt::format(
      "Decisions of seed {} part between {} and {} s; --first-difference finds "
      "the first.",
      window.seed, after, exact_decimal(window.before_ns, 9));
}

const char* verdict_of(const Comparison& comparison) {
  if (comparison.outcome == Outcome::worse) return "WORSE";
  if (comparison.outcome == Outcome::no_answer) return "no answer";
  return comparison.identical() ? "identical" : "no worse";
}

std::string comparison_console(const Comparison& comparison, Detail detail) {
  std::string text = fmt::format("{}: {} against {}\n", verdict_of(comparison),
                                 printable(comparison.candidate), printable(comparison.base));
  for (const SetComparison& set : comparison.sets) {
    text += "\n";
    console_set(text, set, detail);
  }
  for (const std::string& name : comparison.only_base) {
    item(text, "APART", name + " is missing from the candidate");
  }
  for (const std::string& name : comparison.only_candidate) {
    item(text, "+", name + " is new, with nothing to compare it with");
  }
  // The counts stay on a line of their own, for those who look for it.
  text += "\n" + comparison_line(comparison) + "\n";
  paragraph(text, gates_text(comparison));
  return text;
}

}  // namespace headroom
