// Records of runs as comparisons read them, made by hand.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "reports/run_record.h"

namespace headroom::fixture {

/// One figure: its values, a seed each from 1 on.
struct Figure {
  std::string name;
  Better better;
  std::vector<double> values;
};

/// One scenario called "s" with these figures; digests say that `version` made it.
inline RecordFile record_of(const std::string& version, const std::vector<Figure>& figures) {
  RecordSet set;
  set.name = "s";
  set.tool_version = "0.1.0";
  set.inputs = {{"/model/name", "m"}, {"/deployment/0/batch", version}, {"/workload/rate", "8 /s"}};
  for (std::size_t seed = 1; seed <= figures.front().values.size(); ++seed) {
    RunRecord run;
    run.seed = seed;
    run.verdict = "met";
    run.scenario_digest = "scenario " + version;
    run.cost_digest = "costs";
    run.decision_digest = "decisions " + version;
    run.workload_digest = "requests " + std::to_string(seed);
    for (const Figure& figure : figures) {
      run.metrics.push_back({figure.name, "ms", figure.values[seed - 1], figure.better});
    }
    set.runs.push_back(std::move(run));
  }
  return {version + ".json", {std::move(set)}};
}

}  // namespace headroom::fixture
