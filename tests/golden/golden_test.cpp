// Whole runs, scenario to report, held by digest: same binary, same input, same bytes.
//
// A digest alone proves nothing about being right; it proves that nothing moved. Each scenario is
// therefore also run a second time and on the plain path, and CTest runs this program again with
// the CPU's FMA and AVX2 hidden from the C library (golden_no_fma). When a change is meant to move
// results, run the program with HEADROOM_PRINT_DIGESTS=1 and put the printed rows here, saying in
// the commit what moved and why.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "reports/json_report.h"
#include "reports/summary.h"
#include "sim/cli/assemble.h"
#include "sim/scenario_reader.h"
#include "tests/catch.h"

using namespace headroom;

namespace {

struct Golden {
  const char* name;
  std::vector<std::string> set;  ///< path=value on top of the base scenario
  const char* decisions;         ///< digest of all decisions and their times
  const char* report;            ///< FNV-1a of the JSON report
};

const char* const kBase = R"({
  "name": "golden", "seed": 7, "model": "llama-3.1-8b",
  "cluster": {"nodes": [{"name": "n", "count": 1, "device": "h100-sxm", "devices_per_node": 8}]},
  "deployment": [{"name": "r", "replicas": 2, "engine": "vllm", "batch": "vllm-v1"}],
  "routing": "least-outstanding",
  "workload": {"arrivals": "gamma", "rate": "20 /s", "arrival_cv": 2, "requests": 1500,
    "prompt": {"kind": "lognormal", "mean": 900, "cv": 1.1, "least": 1, "most": 6000},
    "output": {"kind": "lognormal", "mean": 180, "cv": 0.9, "least": 1, "most": 1200}},
  "slo": {"ttft": "500 ms", "tpot": "40 ms"}
})";

const std::vector<Golden>& goldens() {
  // Small KV pools make the schedulers admit, block, preempt and swap.
  static const std::vector<Golden> kGoldens{
      {"vllm-v1", {}, "f7ba677853fb6a0b", "9de7348e92abb870"},
      {"vllm-v1 short of KV",
       {"deployment.kv_blocks=2600", "routing=power-of-two"},
       "c4b411cab0d5183d",
       "cffe28d1e59f1fbf"},
      {"vllm-v0 swapping",
       {"deployment.kv_blocks=2600",
        R"(deployment.batch={"policy": "vllm-v0", "preemption": "swap"})", "routing=random"},
       "1c5ab2d8b5095826",
       "bc6e5b7d0332b6b0"},
      {"sarathi",
       {"deployment.batch=sarathi", "deployment.kv_blocks=4000"},
       "50c17b12666f074c",
       "37131718996ec1eb"},
      {"orca",
       {"deployment.batch=orca", "deployment.kv_blocks=9000"},
       "bd84d6d4415366d1",
       "6f4edc0bf4163e69"},
      {"static",
       {"deployment.batch=static", "workload.rate=5 /s"},
       "bb284baa866b6a45",
       "d1d331c05209d1d5"},
      {"tensor and pipeline parallel 70B",
       {"model=llama-3.1-70b", "deployment.replicas=1", "deployment.tensor_parallel=2",
        "deployment.pipeline_parallel=2", "workload.rate=3 /s", "workload.requests=400"},
       "01174efd8a163293",
       "262fe275696ba38b"},
  };
  return kGoldens;
}

Scenario scenario_of(const Golden& golden) {
  ScenarioText text{"golden.json", kBase, {}};
  for (const std::string& change : golden.set) {
    const std::size_t equals = change.find('=');
    text.overrides.push_back({change.substr(0, equals), change.substr(equals + 1),
                              ValueSource::command_line, "test", OverrideForm::guess});
  }
  return read_scenario(text).scenario;
}

std::string hex(std::uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

std::string fnv1a(const std::string& bytes) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return hex(hash);
}

struct Run {
  std::string decisions;
  std::string report;
};

Run run(const Golden& golden, RunCompression compression) {
  RunOptions options;
  options.compression = compression;
  const RunResult result = run_scenario(scenario_of(golden), options);
  REQUIRE(result.does_not_fit.empty());
  REQUIRE(result.metrics.finished > 0);
  return {hex(result.metrics.decision_digest),
          json_report(summarise(result.metrics, result.context))};
}

}  // namespace

TEST_CASE("the golden scenarios give the recorded bytes") {
  const bool print = std::getenv("HEADROOM_PRINT_DIGESTS") != nullptr;
  for (const Golden& golden : goldens()) {
    INFO(golden.name);
    const Run got = run(golden, RunCompression::on);
    if (print) {
      std::printf("%s: \"%s\", \"%s\"\n", golden.name, got.decisions.c_str(),
                  fnv1a(got.report).c_str());
    }
    CHECK(got.decisions == golden.decisions);
    CHECK(fnv1a(got.report) == golden.report);
  }
}

TEST_CASE("a second run and the plain path give the same report, byte for byte") {
  for (const Golden& golden : goldens()) {
    INFO(golden.name);
    const Run first = run(golden, RunCompression::on);
    CHECK(run(golden, RunCompression::on).report == first.report);
    CHECK(run(golden, RunCompression::off).report == first.report);
  }
}
