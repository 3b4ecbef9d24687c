// Public traces with block hashes: a replica whose KV holds everything finds what a prefix cache
// without bounds would find, which `headroom trace info` counts from the rows alone.
#include <filesystem>
#include <string>

#include "sim/cli/assemble.h"
#include "sim/scenario_reader.h"
#include "tests/catch.h"
#include "tests/paths.h"
#include "traces/trace_info.h"
#include "traces/trace_reader.h"

using namespace headroom;

namespace {

const std::string kTraces = std::string(HEADROOM_SOURCE_DIR) + "/../shared/traces/";

constexpr const char* kBase = R"({
  "name": "prefix reuse", "seed": 1, "model": "llama-3.1-8b",
  "cluster": {"nodes": [{"name": "n", "count": 1, "device": "h100-sxm", "devices_per_node": 1}]},
  "deployment": [{"name": "r", "replicas": 1, "engine": "vllm", "kv_blocks": 100000000}],
  "workload": {"trace": "-", "rate_scale": 0.01}
})";

PrefixTotals replay(const std::string& trace, const std::string& batch) {
  ScenarioText text{"prefix_reuse.json", kBase, {}};
  const auto set = [&text](const char* key, const std::string& value) {
    text.overrides.push_back({key, value, ValueSource::command_line, "test", OverrideForm::guess});
  };
  set("workload.trace", trace);
  set("deployment.batch", batch);
  const RunResult result = run_scenario(read_scenario(text).scenario);
  REQUIRE(result.metrics.total_rejected() == 0);
  REQUIRE(result.metrics.live_at_end == 0);
  return result.metrics.replicas[0].prefixes;
}

}  // namespace

TEST_CASE(
    "hits on public traces are those of a cache without bounds, to a hundredth of a percent") {
  // Arrivals a hundred times apart: each prompt is computed before the next comes. What is left
  // between the two figures: hashes of a prompt's end cover whole KV blocks only, and one block is
  // computed again where a whole prompt was found.
  for (const char* name :
       {"mooncake-fast25/conversation_trace.jsonl.zst", "mooncake-fast25/mooncake_trace_1000.jsonl",
        "claude-code-weka/samples/trace_0291.json"}) {
    const std::string file = kTraces + name;
    if (!std::filesystem::exists(file)) {
      WARN("skipped: " << file << " is not there");
      continue;
    }
    INFO(name);
    const auto reader = open_trace(file, "auto");
    const TraceInfo info = trace_info(*reader, name);
    REQUIRE(info.prefix);
    const PrefixTotals found = replay(file, "vllm-v1");
    CHECK(found.asked == Tokens(info.prompt.sum));
    CHECK(found.hit.as_double() / found.asked.as_double() ==
          Approx(info.prefix->hit_share_tokens).margin(1e-4));
    CHECK(found.evicted == Blocks(0));
  }
}
