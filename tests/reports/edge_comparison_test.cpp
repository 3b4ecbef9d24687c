// Comparisons of edge policies: verdicts where they are due.
#include "reports/edge_comparison.h"

#include "tests/catch.h"

using namespace headroom;

TEST_CASE("a claim holds, is open or fails cell by cell") {
  EdgeComparison comparison;
  comparison.title = "t";
  comparison.seeds = 3;
  comparison.reference = "dems";
  const auto cell = [](const std::string& load, std::vector<double> edf) {
    ComparedCell made;
    made.load = load;
    made.cloud = "benign";
    made.drones = 2;
    made.policies.push_back({"dems", {0.9, 0.9, 0.9}, {100, 110, 120}, {1, 1, 1}, {0, 0, 0}});
    made.policies.push_back({"edge-edf", {0.5, 0.5, 0.5}, std::move(edf), {1, 1, 1}, {0, 0, 0}});
    return made;
  };
  comparison.cells.push_back(cell("light", {50, 60, 71}));     // above: holds
  comparison.cells.push_back(cell("medium", {90, 120, 120}));  // +10, -10, 0: open
  comparison.cells.push_back(cell("heavy", {150, 161, 170}));  // below: fails
  const std::string text = edge_comparison_text(comparison);
  CHECK(text.find("  dems > edge-edf, task utility                    1/1/1\n") !=
        std::string::npos);
  CHECK(text.find("DEMS 90.0 to 90.0 %") != std::string::npos);
  CHECK(text.find("\nHolds in some cells and fails in others: dems above edge-edf in task utility\n"
                  "(benign).\n") != std::string::npos);
  const std::string csv = edge_comparison_csv(comparison);
  CHECK(csv.find("light,2,benign,dems,3,0.9,0,110,") != std::string::npos);
}

TEST_CASE("claims of the same kind share a sentence; long names have a line of their own") {
  EdgeComparison comparison;
  comparison.title = "t";
  comparison.seeds = 2;
  ComparedCell cell;
  cell.load = kOwnLoad;
  cell.cloud = "variable";
  const std::string with = "tryage:price_weight=0.001";
  cell.policies.push_back({"dems", {1, 1}, {100, 100}, {1, 1}, {0, 0}, {0.5, 0.5}});
  cell.policies.push_back({"edge-edf", {1, 1}, {50, 51}, {1, 1}, {0, 0}, {0.5, 0.5}});
  cell.policies.push_back({"edge-sjf", {1, 1}, {60, 61}, {1, 1}, {0, 0}, {0.5, 0.5}});
  cell.policies.push_back({"dem", {1, 1}, {120, 121}, {1, 1}, {0, 0}, {0.5, 0.5}});
  cell.policies.push_back({with, {1, 1}, {100, 100}, {1, 1}, {0, 0}, {0.25, 0.25}});
  comparison.cells.push_back(cell);
  const std::string text = edge_comparison_text(comparison);
  CHECK(text.find("\nHolds wherever it can be told: dems above edge-edf, edge-sjf in task utility\n"
                  "(variable).\nFails wherever it can be told: dems above dem in task utility "
                  "(variable).\n") != std::string::npos);
  CHECK(text.find("  " + with + "\n" + std::string(24, ' ') + "100.0 ±0.0") != std::string::npos);
  CHECK(text.find("0.250 ±0.000") != std::string::npos);
  CHECK(text.find("Published headlines") == std::string::npos);  // not about tasks of one's own
}
