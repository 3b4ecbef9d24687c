// A condition under which a comparison fails, as people write it: "ttft.p99 > +5%".
//
// A number with a sign is a change from the base, in per cent of it or in the metric's unit; one
// without is the candidate's own figure, in its unit or (of a share) in per cent. A bare 0 is a
// change, for no figure is below it: "cost > 0" fails on any rise.
// Law: a text is a gate or one InputError with a remedy.
// Not here: judging (reports/comparison.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace headroom {

struct Gate {
  enum class Of : std::uint8_t {
    value,   ///< the candidate's figure, in the metric's unit
    change,  ///< candidate - base, in the metric's unit
    share,   ///< the same over |base|
  };
  std::string text;     ///< as written
  std::string metric;   ///< full name, e.g. "latency.ttft.p99"
  bool above = true;    ///< fails above the limit, else below it
  bool at_too = false;  ///< fails at the limit as well
  Of of = Of::value;
  double limit = 0;
  std::string unit;  ///< as written after the number; empty: the metric's (times: always)

  /// Whether a figure or change of the gate's kind fails.
  [[nodiscard]] bool fails(double amount) const {
    return above ? amount > limit || (at_too && amount == limit)
                 : amount < limit || (at_too && amount == limit);
  }
};

/// Reads METRIC > NUMBER, < NUMBER, >= or <=. `where` names the text in errors. Throws InputError.
[[nodiscard]] Gate parse_gate(const std::string& text, const std::string& where);

/// "ttft.p99" to "latency.ttft.p99", "cost" to "cost.usd_per_million_output_tokens", ...; other
/// names as they are.
[[nodiscard]] std::string full_metric_name(const std::string& name);

/// The words that it knows for one figure each: "cost", "attainment", ...
[[nodiscard]] std::vector<std::string> short_metric_names();

/// What is judged where nobody says otherwise: 1 % of the figures planners look at first.
[[nodiscard]] const std::vector<Gate>& usual_gates();

}  // namespace headroom
