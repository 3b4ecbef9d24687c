#include "tests/validation/papers.h"

#include <algorithm>
#include <iostream>

#include "reports/number_text.h"
#include "reports/text_layout.h"
#include "sim/scenario_reader.h"
#include "tests/catch.h"
#include "tests/paths.h"

namespace headroom::papers {
namespace {

bool hits(const Row& row) {
  return row.simulated >= row.accepted.least && row.simulated <= row.accepted.most;
}

std::string band_text(const Band& band) {
  if (band.least == band.most) return "exactly " + significant(band.least, 5);
  return significant(band.least) + " to " + significant(band.most);
}

struct Column {
  const char* head;
  std::size_t width;
};
const Column kColumns[] = {{"paper", 12},    {"figure", 38},    {"setting", 42}, {"published", 11},
                           {"accepted", 18}, {"simulated", 10}, {"verdict", 7}};

std::string line_of(const std::vector<std::string>& cells) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const bool figure = i == 3 || i == 5;
    line +=
        figure ? right_cell(cells[i], kColumns[i].width) : left_cell(cells[i], kColumns[i].width);
    line += "  ";
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

/// The rows of this program; printed when it ends.
class Ledger {
 public:
  ~Ledger() {
    if (!rows.empty()) std::cout << table(rows) << std::flush;
  }
  std::vector<Row> rows;
};

Ledger& ledger() {
  static Ledger all;
  return all;
}

}  // namespace

void published(const Row& row) {
  ledger().rows.push_back(row);
  INFO(row.paper << ", " << row.figure << ", " << row.setting << ": published " << row.published
                 << ", accepted " << band_text(row.accepted) << ", simulated " << row.simulated);
  if (row.known_miss.empty()) {
    CHECK(hits(row));
  } else {
    INFO("declared a miss, so its cause is to go when it hits: " << row.known_miss);
    CHECK(!hits(row));
  }
}

std::string table(const std::vector<Row>& rows) {
  std::vector<std::string> order;
  for (const Row& row : rows) {
    if (std::find(order.begin(), order.end(), row.paper) == order.end()) order.push_back(row.paper);
  }
  std::vector<std::string> heads;
  for (const Column& column : kColumns) heads.emplace_back(column.head);
  std::string text = "Published against simulated\n" + line_of(heads);
  std::size_t missed = 0;
  for (const std::string& paper : order) {
    for (const Row& row : rows) {
      if (row.paper != paper) continue;
      text += line_of({row.paper, row.figure, row.setting, row.published, band_text(row.accepted),
                       significant(row.simulated), hits(row) ? "hit" : "MISS"});
      if (!hits(row)) ++missed;
      if (row.known_miss.empty()) continue;
      for (const std::string& line : wrapped("cause: " + row.known_miss, 120))
        text += "              " + line + "\n";
    }
  }
  text += std::to_string(rows.size()) + " figures, " + std::to_string(rows.size() - missed) +
          " hit, " + std::to_string(missed) + " missed\n";
  return text;
}

Scenario scenario(const std::string& file, const std::vector<std::string>& changes) {
  const std::string path = std::string(HEADROOM_SOURCE_DIR) + "/tests/validation/papers/" + file;
  ScenarioText text{path, read_text_file(path), {}};
  for (const std::string& change : changes) {
    const std::size_t equals = change.find('=');
    text.overrides.push_back({change.substr(0, equals), change.substr(equals + 1),
                              ValueSource::command_line, "test", OverrideForm::guess});
  }
  return read_scenario(text).scenario;
}

RunResult run(const std::string& file, const std::vector<std::string>& changes,
              const RunOptions& options) {
  RunResult result = run_scenario(scenario(file, changes), options);
  REQUIRE(result.does_not_fit.empty());
  return result;
}

}  // namespace headroom::papers
