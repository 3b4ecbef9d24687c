// headroom compare and history, for sim/cli/option_table.h.
#include "sim/cli/commands.h"
#include "sim/cli/option_table_parts.h"

namespace headroom {

std::vector<CommandSpec> compare_specs() {
  CommandSpec compare{
      "compare",
      "BASE CANDIDATE...",
      2,
      64,
      "did it get worse; for people and for CI",
      {{"headroom compare base.json new.json --fail-on \"ttft.p99 > +5%\"",
        "two reports of headroom run --json"},
       {"headroom compare base.db#1-5 new.db --markdown - --junit junit.xml",
        "runs 1 to 5 of a database against the newest of another; for a pull request"}},
      {{"fail-on", "GATE", "what counts as worse, e.g. \"cost > 0\", \"attainment < 0.95\"", "",
        nullptr, OptionSpec::Times::many},
       {"strict", "", "what is unclear, and other decisions from the same inputs, fails too"},
       {"force", "", "compare even where the questions differ"},
       {"first-difference", "", "run both again and name their first different decision"},
       {"verbose", "", "every figure, changed or not"},
       {"json", "FILE", "write all of it as one JSON document (- for stdout)"},
       {"html", "FILE", "write it as one HTML page with charts, for offline (- for stdout)"},
       {"markdown", "FILE", "write it for a pull request (- for stdout)"},
       {"junit", "FILE", "write the gates as JUnit XML (- for stdout)"},
       {"sarif", "FILE", "write the findings as SARIF (- for stdout)"}},
      command_compare};
  CommandSpec history{
      "history",
      "DB",
      1,
      1,
      "a figure over the runs of a database, and where its level changed",
      {{"headroom history runs.db --metric ttft.p99", "a line of characters and the changes"},
       {"headroom run my.json --db runs.db --label \"$(git rev-parse --short HEAD)\"",
        "what adds a point"}},
      {{"metric", "NAME", "e.g. ttft.p99, cost, goodput; tpot when left out"},
       {"scenario", "NAME", "only of this one"},
       {"rows", "N", "newest points that are printed; 10 when left out"},
       {"json", "FILE", "write all points and changes as one JSON document (- for stdout)"},
       {"html", "FILE", "write it as one HTML page with charts, for offline (- for stdout)"}},
      command_history};
  return {compare, history};
}

}  // namespace headroom
