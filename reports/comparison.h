// Two records of runs compared: same or not, what changed, by how much, and whether it got worse.
//
// Law: what cannot be compared is never a pass. Sides are comparable where their questions are the
// same: model, requests, service levels, time limit, seeds; deployment, policies, prices and
// devices may differ, for that is what one compares. Equal digests of scenario, costs and decisions
// mean the same bytes, and nothing else is looked at.
// Statistics: runs are paired by seed. A change is real where the 95 % interval of the paired
// differences (Student's t) leaves out zero; with the usual gates and without a gate, the intervals
// of all such metrics together (Holm). From one seed a change is exact for that load and has no
// interval.
// Cost: metrics squared times seeds, and seeds squared.
// Not here: reading files (reports/run_record.h), output (reports/comparison_text.h, ...).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "reports/gate.h"
#include "reports/run_record.h"
#include "reports/student_interval.h"

namespace headroom {

enum class ChangeWord : std::uint8_t {
  worse,    ///< its gate fails
  missing,  ///< the candidate has no such figure
  unclear,  ///< beyond its gate, or perhaps, and perhaps by chance
  noted,    ///< worse by more than 1 %, and no gate asks
  better,
  drift,  ///< changed, within its gate or without a direction
  same,
};
/// "WORSE", "missing", "unclear", "worse", "better", "drift", "same".
[[nodiscard]] const char* to_string(ChangeWord word);

struct MetricChange {
  std::string name, unit;
  Better better = Better::neither;
  double base = 0, candidate = 0;  ///< means over the paired seeds
  StudentInterval difference;      ///< candidate - base
  double share = 0;                ///< difference over |base|; infinite where only the base is 0
  double share_half = 0;           ///< half-width of it; 0 from one seed
  ChangeWord word = ChangeWord::same;
  std::string gate;  ///< that judged it; empty: none
};

/// An effective value that differs.
struct InputChange {
  std::string key;              ///< dotted, as with --set
  std::string base, candidate;  ///< empty: not there
  [[nodiscard]] char sign() const { return base.empty() ? '+' : candidate.empty() ? '-' : '~'; }
};

/// Service level met before and missed now, ran before and not now, or the other way round.
struct StatusFlip {
  std::string base, candidate;
  bool worse = true;
};

enum class Sameness : std::uint8_t { same, differs, unknown };
[[nodiscard]] const char* to_string(Sameness sameness);

/// Where the first difference of two runs' decisions lies, as their checkpoints tell.
struct DecisionWindow {
  std::uint64_t seed = 0;
  std::int64_t after_ns = 0;   ///< equal up to here
  std::int64_t before_ns = 0;  ///< different from here on; 0: only the ends tell
};

/// What one pair of runs was made from and came to; a digest that is not known is empty.
struct DigestPair {
  std::uint64_t seed = 0;
  const char* what = "";  ///< "scenario", "costs", "decisions", "requests"
  std::string base, candidate;
};

struct SetComparison {
  std::string name;
  std::string base_version, candidate_version;
  Sameness scenario = Sameness::unknown, costs = Sameness::unknown, decisions = Sameness::unknown,
           requests = Sameness::unknown;
  std::vector<std::uint64_t> seeds;  ///< paired
  std::vector<InputChange> inputs;
  std::vector<std::string> obstacles;  ///< why the two cannot be compared, a sentence each
  std::vector<StatusFlip> flips;
  std::vector<MetricChange> metrics;    ///< worst first
  std::vector<MetricChange> parts;      ///< of the mean latency, what moved most first
  std::vector<DecisionWindow> windows;  ///< of seeds whose decisions differ
  std::vector<DigestPair> digests;

  /// Same scenario, costs and decisions.
  [[nodiscard]] bool identical() const;
  /// Other decisions from the same scenario and costs: the program changed.
  [[nodiscard]] bool code_drift() const;
  [[nodiscard]] std::size_t count(ChangeWord word) const;
};

enum class Outcome : std::uint8_t { ok, worse, no_answer };

struct Comparison {
  std::string base, candidate;  ///< as the caller named them
  std::vector<SetComparison> sets;
  std::vector<std::string> only_base, only_candidate;  ///< names of scenarios
  std::vector<std::string> gates;                      ///< as written, of both sides and the caller
  bool usual_gates = false;                            ///< nobody gave any
  bool forced = false;
  Outcome outcome = Outcome::ok;

  [[nodiscard]] std::size_t count(ChangeWord word) const;
  [[nodiscard]] bool identical() const;
};

struct ComparisonOptions {
  std::vector<Gate> gates{};  ///< besides those of the scenarios
  enum class Force : std::uint8_t { no, yes } force = Force::no;  ///< compare all the same
  enum class Doubt : std::uint8_t { passes, fails } doubt = Doubt::passes;  ///< unclear and drift
};

/// Throws InputError for a gate of an unknown metric or a wrong unit.
[[nodiscard]] Comparison compare_records(const RecordFile& base, const RecordFile& candidate,
                                         const ComparisonOptions& options);

/// Where the decisions of paired runs part, a window for each pair that differs; empty where they
/// are the same, or a run does not say what it decided.
[[nodiscard]] std::vector<DecisionWindow> decision_windows(const RecordSet& base,
                                                           const RecordSet& candidate);

/// "compare: 2 worse, 1 better, 41 same, 0 missing".
[[nodiscard]] std::string comparison_line(const Comparison& comparison);
/// "(gate: ttft.p99 > +5%)"; empty where both sides are identical, for then no gate was asked.
[[nodiscard]] std::string gates_text(const Comparison& comparison);

/// "-33.8 %" and "[-36.1, -31.4]"; the latter empty from one seed.
[[nodiscard]] std::string change_text(const MetricChange& change);
[[nodiscard]] std::string change_interval_text(const MetricChange& change);

}  // namespace headroom
