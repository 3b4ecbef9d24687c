// Timelines of serving systems: held to the trace-event format and to the run's own report.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/catch.h"
#include "tests/cli/program.h"

using namespace headroom::cli_test;
using nlohmann::json;

namespace {

struct Slice {
  double start, end;
  json args;
};

/// What a timeline holds, checked against the format on the way ("Trace Event Format", Google).
struct Timeline {
  std::map<std::pair<int, int>, std::vector<Slice>> slices;  ///< by process and thread
  std::map<int, std::string> processes;
  std::map<std::string, std::vector<std::string>> requests;  ///< phases, by id
  std::map<int, std::vector<json>> flows;
  std::size_t counters = 0;
  std::string counter_names;
};

Timeline checked(const std::string& text) {
  const json document = json::parse(text);
  CHECK(document.at("displayTimeUnit") == "ms");
  Timeline seen;
  std::map<std::pair<int, std::string>, std::vector<std::string>> open;
  std::set<std::string> names;
  std::size_t faults = 0;
  for (const json& event : document.at("traceEvents")) {
    const std::string phase = event.at("ph");
    const std::string name = event.at("name");
    const int process = event.at("pid");
    if (phase == "M") {
      if (name == "process_name") seen.processes[process] = event.at("args").at("name");
      continue;
    }
    const double at = event.at("ts");
    faults += at >= 0 ? 0U : 1U;
    if (phase == "X") {
      const double length = event.at("dur");
      faults += length >= 0 ? 0U : 1U;
      seen.slices[{process, event.at("tid")}].push_back(
          {at, at + length, event.value("args", json::object())});
    } else if (phase == "C") {
      ++seen.counters;
      names.insert(name);
      faults += event.at("args").at("value").is_number() ? 0U : 1U;
    } else if (phase == "b" || phase == "e") {
      CHECK(event.at("cat") == "request");
      const std::string id = event.at("id");
      auto& stack = open[{process, id}];
      if (phase == "b") {
        stack.push_back(name);
        seen.requests[id].push_back(name);
      } else {
        faults += !stack.empty() && stack.back() == name ? 0U : 1U;
        if (!stack.empty()) stack.pop_back();
      }
    } else {
      CHECK((phase == "s" || phase == "t" || phase == "f"));
      CHECK(event.at("cat") == "request");
      seen.flows[event.at("id")].push_back(event);
    }
  }
  for (const auto& [key, stack] : open) faults += stack.empty() ? 0U : 1U;
  CHECK(faults == 0);
  for (const std::string& name : names) seen.counter_names += name + ";";
  return seen;
}

/// Slices of one track that lie over one another; they come in order of their ends.
std::size_t overlaps(const Timeline& seen) {
  std::size_t count = 0;
  for (const auto& [place, slices] : seen.slices) {
    for (std::size_t i = 1; i < slices.size(); ++i) {
      count += slices[i].start + 1e-6 < slices[i - 1].end ? 1U : 0U;
    }
  }
  return count;
}

/// Flow steps outside every slice of their track.
std::size_t loose_steps(const Timeline& seen) {
  std::size_t loose = 0;
  for (const auto& [id, steps] : seen.flows) {
    for (const json& step : steps) {
      const double at = step.at("ts");
      const auto it = seen.slices.find({step.at("pid"), step.at("tid")});
      bool inside = false;
      if (it != seen.slices.end()) {
        for (const Slice& slice : it->second) {
          inside = inside || (slice.start <= at + 1e-6 && at <= slice.end + 1e-6);
        }
      }
      loose += inside ? 0U : 1U;
    }
  }
  return loose;
}

std::int64_t sum_of(const Timeline& seen, const char* what) {
  std::int64_t sum = 0;
  for (const auto& [place, slices] : seen.slices) {
    if (place.first == 1) continue;  // the cluster's own track
    for (const Slice& slice : slices) sum += slice.args.at(what).get<std::int64_t>();
  }
  return sum;
}

std::string pools() {
  return R"({
  "model": "llama-3.1-8b",
  "cluster": {"nodes": [{"device": "h100-sxm", "devices_per_node": 8}]},
  "deployment": [{"name": "p", "role": "prefill", "replicas": 1, "batch": "distserve"},
                 {"name": "d", "role": "decode", "replicas": 1, "batch": "distserve"}],
  "workload": {"rate": "8 /s", "requests": 40, "prompt": 500, "output": 20}
})";
}

}  // namespace

TEST_CASE("a short run is shown whole: every iteration of the report, every request") {
  const Folder folder;
  folder.write("s.json", replaced(small_scenario(), "\"requests\": 20", "\"requests\": 400"));
  REQUIRE(folder.headroom("run s.json --timeline t.json --json r.json").code == 0);
  const Timeline seen = checked(folder.read("t.json"));
  const json report = json::parse(folder.read("r.json"));
  CHECK(sum_of(seen, "iterations") == report.at("engine").at("iterations"));
  CHECK(sum_of(seen, "prefill_tokens") == report.at("engine").at("prefill_tokens_computed"));
  CHECK(seen.requests.size() == 400);
  for (const auto& [id, phases] : seen.requests) {
    CHECK(phases == std::vector<std::string>{"queued", "prefill", "decode"});
  }
  CHECK(seen.flows.size() == 400);
  CHECK(overlaps(seen) == 0);
  CHECK(loose_steps(seen) == 0);
  CHECK(seen.counter_names == "KV blocks;busy replicas;running requests;waiting requests;");
  CHECK(seen.processes.at(2) == "replicas 0");
  // The report is that of a run without it.
  REQUIRE(folder.headroom("run s.json --json plain.json").code == 0);
  CHECK(folder.read("plain.json") == folder.read("r.json"));
}

TEST_CASE("requests flow from prefill over their transfer to decode") {
  const Folder folder;
  folder.write("s.json", pools());
  REQUIRE(folder.headroom("run s.json --timeline t.json").code == 0);
  const Timeline seen = checked(folder.read("t.json"));
  CHECK(seen.processes.at(2) == "p 0 (prefill)");
  CHECK(seen.processes.at(3) == "d 0 (decode)");
  REQUIRE(seen.flows.size() == 40);
  for (const auto& [id, steps] : seen.flows) {
    CHECK(steps.front().at("ph") == "s");
    CHECK(steps.front().at("pid") == 2);
    CHECK(steps.back().at("ph") == "f");
    CHECK(steps.back().at("pid") == 3);
    CHECK(steps.back().at("bp") == "e");
    for (std::size_t i = 1; i < steps.size(); ++i)
      CHECK(steps[i].at("ts") >= steps[i - 1].at("ts"));
  }
  for (const auto& [id, phases] : seen.requests) {
    CHECK(std::count(phases.begin(), phases.end(), "transfer") == 1);
    CHECK(phases.front() == "queued");
    CHECK(phases.back() == "decode");
  }
  CHECK(overlaps(seen) == 0);
  CHECK(loose_steps(seen) == 0);
}

TEST_CASE("pipelined replicas have a track for each batch in flight") {
  const Folder folder;
  folder.write("s.json", replaced(replaced(small_scenario(), "{\"replicas\": 1}",
                                           "{\"replicas\": 1, \"pipeline_parallel\": 2}"),
                                  "\"8 /s\"", "\"80 /s\""));
  REQUIRE(folder.headroom("run s.json --timeline t.json").code <= 1);
  const Timeline seen = checked(folder.read("t.json"));
  CHECK(seen.slices.count({2, 2}) == 1);
  CHECK(overlaps(seen) == 0);
}

TEST_CASE("a named window is shown whole, and nothing outside it") {
  const Folder folder;
  folder.write("s.json", replaced(small_scenario(), "\"requests\": 20", "\"requests\": 400"));
  const Outcome run =
      folder.headroom("run s.json --timeline t.json --timeline-window '10 s..20 s'");
  CHECK(run.code == 0);
  CHECK(run.err.find("--timeline-window shows one of your choice") != std::string::npos);
  const Timeline seen = checked(folder.read("t.json"));
  for (const Slice& slice : seen.slices.at({2, 1})) {
    CHECK(slice.end >= 10e6 - 1);
    CHECK(slice.end <= 20e6 + 1);
  }
  // 8 requests a second for 10 s, Poisson: 80 +- 5 deviations.
  CHECK(seen.requests.size() > 35);
  CHECK(seen.requests.size() < 125);
  CHECK(folder.headroom("run s.json --timeline-window '1 s..2 s'").code == 2);
  CHECK(folder.headroom("run s.json --timeline t.json --timeline-window 'x..2 s'").code == 2);
}

TEST_CASE("19,366 requests of the Azure trace: windows over the whole run, under 20 MB") {
  const fs::path trace = fs::path(HEADROOM_SOURCE_DIR) /
                         "../shared/traces/azure-llm-2023/AzureLLMInferenceTrace_conv.csv";
  if (!fs::exists(trace)) {
    WARN("skipped: no Azure trace here");
    return;
  }
  const Folder folder;
  folder.write("s.json", replaced(small_scenario(), "\"replicas\": 1", "\"replicas\": 4"));
  const Outcome run = folder.headroom("run s.json --trace '" + trace.string() +
                                      "' --timeline t.json --json r.json");
  CHECK(run.code <= 1);
  CHECK(json::parse(folder.read("r.json")).at("requests").at("arrived") == 19366);
  const std::string text = folder.read("t.json");
  std::printf("timeline of 19,366 requests: %.1f MB\n", static_cast<double>(text.size()) / 1e6);
  CHECK(text.size() < 20'000'000);
  const Timeline seen = checked(text);
  CHECK(overlaps(seen) == 0);
  // Detail from the first minute to the last quarter of its hour.
  const std::vector<Slice>& windows = seen.slices.at({1, 1});
  CHECK(windows.size() >= 8);
  CHECK(windows.front().start < 60e6);
  CHECK(windows.back().end > 2700e6);
}
