// Plans as the library makes them, from the words of a call and a scenario of a test.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sim/cli/command_line.h"
#include "sim/cli/plan_search.h"
#include "tests/cli/program.h"

namespace headroom::cli_test {

/// A load that one H100 does not hold and a few do.
inline std::string loaded_scenario(const std::string& rate = "40 /s",
                                   const std::string& requests = "1500") {
  return R"({
  "model": "llama-3.1-8b",
  "cluster": {"nodes": [{"device": "h100-sxm", "devices_per_node": 8}]},
  "deployment": [{"replicas": 1}],
  "routing": "least-outstanding",
  "workload": {"rate": ")" +
         rate + R"(", "requests": )" + requests + R"(, "prompt": 1000, "output": 150},
  "slo": {"ttft": "1 s", "tpot": "30 ms", "attainment": 0.95}
})";
}

/// The space, judge and search of one call of `headroom plan`.
class PlanWorld {
 public:
  PlanWorld(const std::string& scenario, std::vector<std::string> words,
            PlanResults* results = nullptr, int jobs = 2) {
    folder_.write("s.json", scenario);
    words.insert(words.begin(), (folder_.path() / "s.json").string());
    const Invocation call = parse_invocation(*find_command("plan"), words);
    space = plan_space(call);
    judge = std::make_unique<PlanJudge>(space, results, nullptr);
    search = std::make_unique<PlanSearch>(space, *judge, jobs);
  }

  PlanSpace space;
  std::unique_ptr<PlanJudge> judge;
  std::unique_ptr<PlanSearch> search;

 private:
  Folder folder_;
};

}  // namespace headroom::cli_test
