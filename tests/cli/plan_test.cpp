#include <regex>
#include <string>
#include <vector>

#include "tests/catch.h"
#include "tests/cli/program.h"

using namespace headroom::cli_test;

namespace {

/// A load that one H100 does not hold and a few do.
std::string loaded_scenario() {
  return R"({
  "model": "llama-3.1-8b",
  "cluster": {"nodes": [{"device": "h100-sxm", "devices_per_node": 8}]},
  "deployment": [{"replicas": 1}],
  "routing": "least-outstanding",
  "workload": {"rate": "40 /s", "requests": 1500, "prompt": 1000, "output": 150},
  "slo": {"ttft": "1 s", "tpot": "30 ms", "attainment": 0.95}
})";
}

/// A number that stands after `key` in the JSON answer; of the winner, which stands first.
double number_after(const std::string& json, const std::string& key) {
  std::smatch match;
  REQUIRE(std::regex_search(json, match, std::regex("\"" + key + "\": ([0-9.e+-]+)")));
  return std::stod(match[1]);
}

double cost_of(const Folder& folder, const std::string& options) {
  const Outcome plan = folder.headroom("plan s.json --devices h100-sxm,l40s --json - " + options);
  INFO(plan.err);
  REQUIRE(plan.code == 0);
  // The limits come first in the document.
  return number_after(plan.out.substr(plan.out.find("\"ranked\"")), "usd_per_hour");
}

}  // namespace

TEST_CASE("a plan holds, a replica less does not, and every run of it can be repeated") {
  const Folder folder;
  folder.write("s.json", loaded_scenario());
  const Outcome plan = folder.headroom("plan s.json --devices h100-sxm --tensor 1 --json -");
  REQUIRE(plan.code == 0);
  const auto replicas = static_cast<int>(number_after(plan.out, "replicas"));
  REQUIRE(replicas > 1);
  // Exhaustive search over the family: the least replicas that hold, by headroom run.
  int least = 0;
  for (int r = 1; least == 0 && r <= 8; ++r) {
    const Outcome run =
        folder.headroom("run s.json --quiet --set deployment.replicas=" + std::to_string(r));
    if (run.code == 0) least = r;
  }
  CHECK(replicas == least);
  CHECK(folder.files() == std::set<std::string>{"s.json"});
}

TEST_CASE("a plan does not depend on threads, and simulates less than all candidates") {
  const Folder folder;
  folder.write("s.json", loaded_scenario());
  const std::string call =
      "plan s.json --devices h100-sxm,h200-sxm,l40s --set deployment.batch=vllm-v1,sarathi --jobs ";
  const Outcome one = folder.headroom(call + "1");
  const Outcome four = folder.headroom(call + "4");
  REQUIRE(one.code == 0);
  CHECK(one.out == four.out);
  // 24 families of up to 64 GPUs: 64 + 32 + 16 + 8 replicas each of six; whole runs of all.
  const double all = 6.0 * (64 + 32 + 16 + 8) * 1500;
  std::smatch match;
  REQUIRE(std::regex_search(one.out, match, std::regex("simulations, ([0-9]+) requests")));
  CHECK(std::stod(match[1]) < all / 3);
}

TEST_CASE("more load never costs less, and relaxed service levels never cost more") {
  const Folder folder;
  folder.write("s.json", loaded_scenario());
  const double base = cost_of(folder, "");
  CHECK(cost_of(folder, "--rate '80 /s'") > base);
  CHECK(cost_of(folder, "--rate '60 /s'") >= base);
  CHECK(cost_of(folder, "--set slo.tpot='60 ms'") <= base);
  CHECK(cost_of(folder, "--set slo.attainment=0.5") <= base);
}

TEST_CASE("what cannot be held is answered, with why and what comes nearest") {
  const Folder folder;
  folder.write("s.json", loaded_scenario());
  const Outcome plan =
      folder.headroom("plan s.json --devices h100-sxm --most-gpus 8 --set slo.tpot='1 ms'");
  CHECK(plan.code == 1);
  CHECK(plan.out.find("No deployment of at most 8 GPUs holds the service levels.\nNearest: "
                      "h100-sxm tp ") == 0);
  CHECK(plan.out.find("requests held all limits") != std::string::npos);
  const Outcome money =
      folder.headroom("plan s.json --devices h100-sxm --most-usd '1 USD/h' --json -");
  CHECK(money.code == 1);
  CHECK(money.out.find("one replica is beyond the limits") != std::string::npos);
}

TEST_CASE("what is no question for a plan is one clear line") {
  const Folder folder;
  folder.write("s.json", loaded_scenario());
  const std::vector<std::pair<std::string, std::string>> cases{
      {"plan s.json --devices h1000", "--devices: expected"},
      {"plan s.json --tensor 3x", "--tensor: expected"},
      {"plan s.json --tensor 64", "--tensor: expected a degree that fits into a node"},
      {"plan s.json --most-gpus 0", "--most-gpus: expected"},
      {"plan s.json --most-usd 5", "--most-usd: expected"},
      {"plan s.json --set slo=null", "s.json: /slo: expected service levels to plan for"},
      {"plan s.json --set price.device_hour='2 USD/h'", "s.json: /price/device_hour: expected"},
      {"plan s.json --set nothing.here=1", "expected a known key"},
      {"plan s.json --json /nowhere/p.json", "/nowhere/p.json: "},
      {"plan nothing.json", "nothing.json: expected a scenario file"},
      {"plan drones", "drones: expected a scenario of a serving system"},
  };
  for (const auto& [call, message] : cases) {
    const Outcome outcome = folder.headroom(call);
    INFO(call << "\n" << outcome.err);
    CHECK(outcome.code == 2);
    CHECK(outcome.error_lines() == 1);
    CHECK(outcome.err.find(message) != std::string::npos);
  }
  CHECK(folder.files() == std::set<std::string>{"s.json"});
}
