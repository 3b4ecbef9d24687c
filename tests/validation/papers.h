// The table "published against simulated": what papers report, and what simulating their setting
// gives here.
//
// Each test of tests/validation/papers/ says one row a figure with `published`. A row hits when the
// simulated figure lies in its accepted band. Laws: a row that misses fails its test, unless it
// says its cause (`known_miss`); a row that says a cause and hits fails too, so that the table
// stays true. The whole table goes to standard output at the program's end, so
// `ctest -L papers -V` or `build/release/tests/test_papers` shows it.
// Cost: tests only.
// Not here: how a figure is simulated.
#pragma once

#include <string>
#include <vector>

#include "sim/cli/assemble.h"

namespace headroom::papers {

/// What is accepted as the published figure, both ends included.
struct Band {
  double least = 0;
  double most = 0;
  [[nodiscard]] static Band around(double published, double share) {
    return {published * (1 - share), published * (1 + share)};
  }
  /// As percentage points, or any other absolute distance.
  [[nodiscard]] static Band within(double published, double distance) {
    return {published - distance, published + distance};
  }
  [[nodiscard]] static Band exact(double published) { return {published, published}; }
};

struct Row {
  std::string paper;      ///< system and, where it helps, year: "DistServe"
  std::string figure;     ///< what is compared, with its unit: "goodput over vLLM, x"
  std::string setting;    ///< "OPT-13B, ShareGPT, 250/100 ms"
  std::string published;  ///< as printed: "2.0", "1.18-1.26", "~10"
  Band accepted;
  double simulated = 0;
  std::string known_miss{};  ///< why it misses; empty: it is to hit
};

/// Adds a row and checks it (CHECK of the running test case).
void published(const Row& row);

/// Rows of one paper together, in order of the papers' first rows; the layout of the table.
[[nodiscard]] std::string table(const std::vector<Row>& rows);

/// A scenario beside the tests, tests/validation/papers/`file`, with `changes` ("a.b=value") laid
/// over it.
[[nodiscard]] Scenario scenario(const std::string& file, const std::vector<std::string>& changes);

/// That scenario run. Requires that its model fits.
[[nodiscard]] RunResult run(const std::string& file, const std::vector<std::string>& changes,
                            const RunOptions& options = {});

}  // namespace headroom::papers
