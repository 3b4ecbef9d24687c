// A comparison as text: for a terminal, for a pull request, for machines.
//
// Law: every output says the verdict first and names what could not be compared; all are made from
// one `Comparison`. No console line is wider than 80 columns; names of any kind neither break a
// table nor a document.
#pragma once

#include <string>
#include <vector>

#include "reports/comparison.h"

namespace headroom {

constexpr int kComparisonSchemaVersion = 1;

enum class Detail : std::uint8_t { changes, everything };

[[nodiscard]] std::string comparison_console(const Comparison& comparison, Detail detail);

/// For a comment on a pull request: at most 60,000 bytes, rows cut and counted beyond.
[[nodiscard]] std::string comparison_markdown(const std::vector<Comparison>& comparisons);

[[nodiscard]] std::string comparison_json(const std::vector<Comparison>& comparisons);

/// JUnit: a suite a scenario, a case a gated metric; what cannot be compared is an error, never
/// skipped.
[[nodiscard]] std::string comparison_junit(const std::vector<Comparison>& comparisons);

/// SARIF 2.1.0: a result for each regression and each obstacle, at the candidate's file.
[[nodiscard]] std::string comparison_sarif(const std::vector<Comparison>& comparisons);

/// "same scenario, other costs, other decisions, same requests; seeds 1, 2, 3".
[[nodiscard]] std::string sameness_sentence(const SetComparison& set);
/// "Mean latency +12.1 ms: queued +10.2, decode +1.9."; empty where nothing moved.
[[nodiscard]] std::string attribution_sentence(const SetComparison& set);
/// "deployment.0.batch.policy: vllm-v1 -> static".
[[nodiscard]] std::string input_line(const InputChange& change);
/// "latency.ttft.p99 was 612 ms, is 701 ms (+14.5 %, 95 % interval [..]); gate: ttft.p99 > +5%".
[[nodiscard]] std::string failure_sentence(const MetricChange& change);
/// "identical", "no worse", "WORSE", "no answer".
[[nodiscard]] const char* verdict_of(const Comparison& comparison);
/// Where decisions part, as far as checkpoints tell; empty where none differ.
[[nodiscard]] std::string window_sentence(const SetComparison& set);

}  // namespace headroom
