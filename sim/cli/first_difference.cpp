#include "sim/cli/first_difference.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "reports/comparison.h"
#include "reports/number_text.h"
#include "sim/check.h"
#include "sim/cli/assemble.h"
#include "sim/scenario_reader.h"

namespace headroom {
namespace {

/// Milestones from an instant on.
class Log final : public MilestoneSink {
 public:
  explicit Log(Instant from) : from_(from) {}
  void on_milestone(const MilestoneSeen& seen) override {
    ++all_;
    if (seen.when < from_) return;
    if (seen_.empty()) before_ = all_ - 1;
    seen_.push_back(seen);
  }
  [[nodiscard]] const std::vector<MilestoneSeen>& seen() const { return seen_; }
  [[nodiscard]] std::uint64_t before() const { return seen_.empty() ? all_ : before_; }

 private:
  Instant from_;
  std::vector<MilestoneSeen> seen_;
  std::uint64_t all_ = 0;
  std::uint64_t before_ = 0;  ///< milestones before the first kept one
};

struct Side {
  const RecordSet* set;
  const RunRecord* run;
  const char* name;
};

std::string place_of(const Side& side) {
  return fmt::format("the {}'s {}, seed {}", side.name, side.set->name, side.run->seed);
}

/// Runs one side again; says why where this program decides otherwise than the record.
std::string run_again(const Side& side, const DecisionWindow& window, Log& log) {
  if (side.set->document.empty()) {
    throw InputError(place_of(side),
                     "expected a record with its scenario, got one without; write it with headroom "
                     "run --json of this version");
  }
  ScenarioText text{place_of(side), side.set->document, {}};
  text.overrides.push_back({"seed", std::to_string(side.run->seed), ValueSource::command_line,
                            "the record", OverrideForm::guess});
  Scenario scenario = read_scenario(text).scenario;
  if (window.before_ns > 0) {
    const Duration end(window.before_ns);
    scenario.time_limit = scenario.time_limit ? std::min(*scenario.time_limit, end) : end;
  }
  RunOptions options;
  options.milestones = &log;
  const RunResult result = run_scenario(scenario, options);
  // All decisions up to the window's end, chained: right there, right everywhere before.
  std::string expected = side.run->decision_digest;
  if (window.before_ns > 0) {
    const auto at = static_cast<std::size_t>(window.before_ns / side.run->checkpoints.spacing_ns);
    expected = side.run->checkpoints.digests.at(at);
  }
  if (hex64(result.metrics.decision_digest) == expected) return {};
  return fmt::format(
      "this program does not decide as {} did (written by headroom {}); run it with "
      "that version, on the same traces and profiles",
      place_of(side), side.set->tool_version);
}

std::string line_of(const MilestoneSeen& seen) {
  const std::string where = seen.what == Milestone::rejected
                                ? std::string()
                                : fmt::format(" on replica {}", seen.replica.index());
  return fmt::format("{} s: request {} {}{}", exact_decimal(seen.when.ns(), 9),
                     seen.request.index(), to_string(seen.what), where);
}

std::string difference_of(const Log& base, const Log& candidate) {
  const auto& a = base.seen();
  const auto& b = candidate.seen();
  std::size_t i = 0;
  while (i < a.size() && i < b.size() && a[i] == b[i]) ++i;
  if (i == a.size() && i == b.size()) {
    return "  every milestone is the same: the records differ, the runs do not";
  }
  std::string text = fmt::format("  after {} equal milestones", base.before() + i);
  if (i > 0) text += fmt::format(", the last one:\n    {}", line_of(a[i - 1]));
  text += "\n  base:\n";
  for (std::size_t k = i; k < std::min(a.size(), i + 3); ++k) text += "    " + line_of(a[k]) + "\n";
  if (i == a.size()) text += "    nothing more\n";
  text += "  candidate:\n";
  for (std::size_t k = i; k < std::min(b.size(), i + 3); ++k) text += "    " + line_of(b[k]) + "\n";
  if (i == b.size()) text += "    nothing more\n";
  text.pop_back();
  return text;
}

const RunRecord* run_of(const RecordSet& set, std::uint64_t seed) {
  const auto it = std::find_if(set.runs.begin(), set.runs.end(),
                               [&](const RunRecord& run) { return run.seed == seed; });
  return it == set.runs.end() ? nullptr : &*it;
}

std::string of_sets(const RecordSet& base, const RecordSet& candidate) {
  const std::vector<DecisionWindow> windows = decision_windows(base, candidate);
  if (windows.empty()) return fmt::format("{}: the same decisions\n", base.name);
  const DecisionWindow& window = windows.front();
  const Side first{&base, run_of(base, window.seed), "base"};
  const Side second{&candidate, run_of(candidate, window.seed), "candidate"};
  if (second.run == nullptr) return fmt::format("{}: no seed in common\n", base.name);
  std::string text = fmt::format("{}, seed {}: first difference\n", base.name, window.seed);
  Log before{Instant() + Duration(window.after_ns)};
  Log now{Instant() + Duration(window.after_ns)};
  for (const std::string& why :
       {run_again(first, window, before), run_again(second, window, now)}) {
    if (!why.empty()) return text + "  unknown: " + why + "\n";
  }
  return text + difference_of(before, now) + "\n";
}

}  // namespace

std::string first_difference(const RecordFile& base, const RecordFile& candidate) {
  if (base.sets.size() == 1 && candidate.sets.size() == 1) {
    return of_sets(base.sets.front(), candidate.sets.front());
  }
  std::string text;
  for (const RecordSet& set : base.sets) {
    for (const RecordSet& other : candidate.sets) {
      if (other.name == set.name) text += of_sets(set, other);
    }
  }
  return text;
}

}  // namespace headroom
