#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <vector>

#include "sim/scenario_reader.h"
#include "tests/catch.h"
#include "tests/cli/plan_world.h"
#include "tests/cli/program.h"

using namespace headroom::cli_test;

namespace {

/// A number that stands after `key` in the JSON answer; of the winner, which stands first.
double number_after(const std::string& json, const std::string& key) {
  std::smatch match;
  REQUIRE(std::regex_search(json, match, std::regex("\"" + key + "\": ([0-9.e+-]+)")));
  return std::stod(match[1]);
}

double cost_of(const Folder& folder, const std::string& options) {
  const Outcome plan = folder.headroom(
      "plan s.json --devices h100-sxm,l40s --pools joint --keep 1 --json - " + options);
  INFO(plan.err);
  REQUIRE(plan.code == 0);
  // The limits come first in the document.
  return number_after(plan.out.substr(plan.out.find("\"ranked\"")), "usd_per_hour");
}

bool says(const Outcome& outcome, const std::string& text) {
  return outcome.out.find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("a plan holds, a replica less does not, and every run of it can be repeated") {
  const Folder folder;
  folder.write("s.json", loaded_scenario());
  const Outcome plan =
      folder.headroom("plan s.json --devices h100-sxm --tensor 1 --pools joint --json -");
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

TEST_CASE("a plan does not depend on threads") {
  const Folder folder;
  folder.write("s.json", loaded_scenario());
  const std::string call =
      "plan s.json --devices h100-sxm,l40s --tensor 1,2 --set deployment.batch=vllm-v1,sarathi "
      "--jobs ";
  const Outcome one = folder.headroom(call + "1");
  const Outcome four = folder.headroom(call + "4");
  REQUIRE(one.code == 0);
  CHECK(one.out == four.out);
  CHECK(says(one, "h100-sxm tp 1 > h100-sxm tp 1"));
}

TEST_CASE("more load never costs less, and relaxed service levels never cost more") {
  const Folder folder;
  folder.write("s.json", loaded_scenario());
  const double base = cost_of(folder, "");
  CHECK(cost_of(folder, "--rate '80 /s'") > base);
  CHECK(cost_of(folder, "--rate '60 /s'") >= base);
  CHECK(cost_of(folder, "--set slo.tpot='60 ms'") <= base);
  CHECK(cost_of(folder, "--set slo.attainment=0.5") <= base);
  CHECK(cost_of(folder, "--slo 'ttft p99 10 s'") <= cost_of(folder, "--slo 'ttft p99 300 ms'"));
}

TEST_CASE("what cannot be held is answered, with why and what comes nearest") {
  const Folder folder;
  folder.write("s.json", loaded_scenario());
  const Outcome plan = folder.headroom(
      "plan s.json --devices h100-sxm --most-gpus 8 --set slo=null --slo 'tpot p99 1 ms'");
  CHECK(plan.code == 1);
  CHECK(std::regex_search(
      plan.out, std::regex("^No deployment of at most 8 GPUs holds TPOT p99 1.000 ms: the decode "
                           "step\\salone\\stakes\\s[0-9.]+\\sms\\sat\\stp\\s8\\son\\sh100-sxm")));
  CHECK(says(plan, "\nNearest: "));
  const Outcome money =
      folder.headroom("plan s.json --devices h100-sxm --most-usd '1 USD/h' --json -");
  CHECK(money.code == 1);
  CHECK(says(money, "one replica is beyond the limits"));
}

TEST_CASE("the answer says how far it carries") {
  const Folder folder;
  folder.write("s.json", loaded_scenario());
  const Outcome plan = folder.headroom("plan s.json --tensor 1,2 --keep 4 --html p.html");
  REQUIRE(plan.code == 0);
  CHECK(folder.read("p.html").find("h100-sxm tp 1") != std::string::npos);
  for (const char* part :
       {"Plan: ", "headroom  ", "perfect system",
        "load x 2: ", "costs 1.9 % higher: ", "validation of vllm on h100-sxm", "costs the same",
        "Holds, best first", "Lost, and why", "more than those that hold"}) {
    INFO(part);
    CHECK(says(plan, part));
  }
}

TEST_CASE("a service level of a request class is held by that class alone") {
  const Folder folder;
  folder.write("s.json", replaced(loaded_scenario(),
                                  R"({"rate": "40 /s", "requests": 1500, )"
                                  R"("prompt": 1000, "output": 150})",
                                  R"({"trace": "t.jsonl"})"));
  std::string trace;
  for (int i = 0; i < 200; ++i) {
    trace += "{\"arrival_s\": " + std::to_string(i * 0.2) +
             ", \"prompt_tokens\": " + (i % 2 == 0 ? "200" : "8000") +
             ", \"output_tokens\": 20, \"class\": " + std::to_string(i % 2) + "}\n";
  }
  folder.write("t.jsonl", trace);
  const std::string call =
      "plan s.json --devices h100-sxm --tensor 1 --pools joint --most-gpus 8 --set slo=null ";
  // A prompt of 8,000 tokens takes longer than 100 ms by itself, one of 200 does not.
  CHECK(folder.headroom(call + "--slo 'ttft p90 100 ms class 0'").code == 0);
  const Outcome long_prompts = folder.headroom(call + "--slo 'ttft p90 100 ms class 1'");
  CHECK(long_prompts.code == 1);
  CHECK(says(long_prompts, "TTFT p90 100.0 ms, class 1"));
  CHECK(
      folder.headroom(call + "--slo 'ttft p90 3 s class 1' --slo 'ttft p90 300 ms class 0'").code ==
      0);
}

TEST_CASE("limits on nodes, power and money are kept") {
  const Folder folder;
  folder.write("s.json", loaded_scenario());
  const std::string call = "plan s.json --devices h100-sxm --tensor 1 --keep 1 --json - ";
  const Outcome free = folder.headroom(call);
  REQUIRE(free.code == 0);
  const double usd = number_after(free.out.substr(free.out.find("\"ranked\"")), "usd_per_hour");
  const std::string less = "--most-usd '" + std::to_string(usd - 0.1) + " USD/h'";
  CHECK(folder.headroom(call + less).code == 1);
  CHECK(folder.headroom(call + "--most-power '500 W'").code == 1);
  CHECK(folder.headroom(call + "--most-nodes 1").code == 0);
}

TEST_CASE("a difference is a page, too") {
  const Folder folder;
  folder.write("s.json", replaced(loaded_scenario(), "\"replicas\": 1", "\"replicas\": 2"));
  const Outcome grown =
      folder.headroom("plan s.json --from-now --load 3 --html p.html --json p.json");
  CHECK(grown.code == 0);
  const std::string page = headroom::read_text_file((folder.path() / "p.html").string());
  const auto json =
      nlohmann::json::parse(headroom::read_text_file((folder.path() / "p.json").string()));
  for (const auto& change : json.at("from_now").at("changes")) {
    INFO(change.dump());
    CHECK(page.find(change.at("before").get<std::string>()) != std::string::npos);
    CHECK(page.find(change.at("after").get<std::string>()) != std::string::npos);
  }
  CHECK(page.find("After load x 3, the deployment of now does not hold; this one does: ") !=
        std::string::npos);
  const Outcome tight =
      folder.headroom("plan s.json --from-now --slo 'tpot p99 1 ms' --html tight.html");
  CHECK(tight.code == 1);
  CHECK(headroom::read_text_file((folder.path() / "tight.html").string())
            .find("no number of replicas holds the service levels: the decode step alone takes") !=
        std::string::npos);
}

TEST_CASE("a change of a running deployment is answered as a difference") {
  const Folder folder;
  folder.write("s.json", replaced(loaded_scenario(), "\"replicas\": 1", "\"replicas\": 2"));
  const Outcome grown = folder.headroom("plan s.json --from-now --load 3");
  CHECK(grown.code == 0);
  CHECK(std::regex_search(grown.out, std::regex("  ~ replicas +2 → [3-9]")));
  CHECK(std::regex_search(grown.out, std::regex("  \\+ [0-9.]+ USD/h +6.00 → ")));
  CHECK(std::regex_search(grown.out, std::regex("    p99 TTFT +[0-9.]+ m?s → [0-9.]+ m?s")));
  CHECK(says(grown, "The deployment of now does not hold; this one does."));
  const Outcome less = folder.headroom("plan s.json --from-now --load 0.1");
  CHECK(less.code == 0);
  CHECK(std::regex_search(less.out, std::regex("  - 3.00 USD/h")));
  const Outcome device = folder.headroom("plan s.json --from-now --replace h100-sxm=h200-sxm");
  CHECK(device.code == 0);
  CHECK(std::regex_search(device.out, std::regex("  ~ device +h100-sxm → h200-sxm")));
  const Outcome node = folder.headroom("plan s.json --from-now --fail-nodes 1");
  CHECK(node.code == 0);
  CHECK(std::regex_search(node.out, std::regex("p99 TTFT +no answer → ")));
  const Outcome tight = folder.headroom("plan s.json --from-now --slo 'tpot p99 1 ms'");
  CHECK(tight.code == 1);
  CHECK(says(tight, "the decode step alone takes "));
}

TEST_CASE("a device file's own price counts, under its base's name and under its own") {
  const Folder folder;
  folder.write("s.json", loaded_scenario());
  folder.write("base.json", R"({"base": "h200-sxm", "price": "20 USD/h"})");
  folder.write("own.json", R"({"base": "h200-sxm", "name": "mine", "price": "20 USD/h"})");
  for (const std::string file : {"base", "own"}) {
    const Outcome plan = folder.headroom("plan s.json --devices h100-sxm," + file +
                                         ".json --tensor 1 --pools joint --json -");
    INFO(plan.err);
    REQUIRE(plan.code == 0);
    const auto json = nlohmann::json::parse(plan.out);
    const auto& winner = json.at("ranked").at(0);
    const auto& other = json.at("ranked").at(1);
    CHECK(winner.at("name") == "h100-sxm tp 1");
    // All of a joint deployment's price is its device's: it must fall to the winner's.
    const auto& turn = json.at("headroom").at("price_turns").at(0);
    CHECK(turn.at("device") == (file == "base" ? "h200-sxm" : "mine"));
    CHECK(turn.at("price_change").get<double>() ==
          Approx(winner.at("usd_per_hour").get<double>() / other.at("usd_per_hour").get<double>() -
                 1));
  }
}

TEST_CASE("two pools that run on devices of one name keep nodes of their own") {
  const Folder folder;
  folder.write("dear.json", R"({"base": "h100-sxm", "price": "9 USD/h"})");
  const std::string nodes = R"([{"device": "h100-sxm", "devices_per_node": 8}])";
  folder.write("s.json", replaced(replaced(loaded_scenario("4 /s", "400"), nodes, R"([
    {"name": "a", "device": "h100-sxm", "devices_per_node": 8, "nic": "50 GB/s"},
    {"name": "b", "device": "dear.json", "devices_per_node": 8, "nic": "50 GB/s"}])"),
                                  R"([{"replicas": 1}])",
                                  R"([{"role": "prefill", "replicas": 1, "nodes": "a"},
    {"role": "decode", "replicas": 1, "nodes": "b"}])"));
  const Outcome plan = folder.headroom("plan s.json --from-now --load 1.1 --json -");
  INFO(plan.err);
  const auto now = nlohmann::json::parse(plan.out).at("from_now").at("now");
  CHECK(now.at("nodes") == 2);
  CHECK(now.at("usd_per_hour") == 12);
  // What the simulation was charged: USD/h over output tokens an hour.
  const auto& figures = now.at("figures");
  CHECK(figures.at("usd_per_million_output").get<double>() ==
        Approx(12e6 / 3600 / figures.at("output_tokens_per_s").get<double>()).epsilon(0.01));
}

TEST_CASE("what is no question for a plan is one clear line") {
  const Folder folder;
  folder.write("s.json", loaded_scenario());
  folder.write("cheap.json", R"({"base": "h100-sxm", "price": "1 USD/h"})");
  check_bad_calls(
      folder,
      {
          {"plan s.json --devices h1000", "--devices: expected"},
          {"plan s.json --devices h100-sxm,cheap.json", "got two named \"h100-sxm\""},
          {"plan s.json --devices h100,h100-sxm", "got two named \"h100-sxm\""},
          {"plan s.json --tensor 3x", "--tensor: expected"},
          {"plan s.json --tensor 64", "--tensor: expected a degree that fits into a node"},
          {"plan s.json --pools joined", "--pools: expected some of joint, apart, mixed"},
          {"plan s.json --nic 5", "--nic: expected"},
          {"plan s.json --most-gpus 0", "--most-gpus: expected"},
          {"plan s.json --most-nodes x", "--most-nodes: expected"},
          {"plan s.json --most-usd 5", "--most-usd: expected"},
          {"plan s.json --most-power 5", "--most-power: expected"},
          {"plan s.json --objective fun", "--objective: expected one of usd-per-hour"},
          {"plan s.json --slo 'ttft 99 2 s'", "--slo: expected METRIC pNN LIMIT"},
          {"plan s.json --slo 'ttft p99 2 sec'", "--slo: expected"},
          {"plan s.json --set slo=null", "s.json: /slo: expected service levels to plan for"},
          {"plan s.json --set price.device_hour='2 USD/h'", "s.json: /price/device_hour: expected"},
          {"plan s.json --set deployment.attention_data_parallel=2", "s.json: /deployment/0: "},
          {"plan s.json --set nothing.here=1", "expected a known key"},
          {"plan s.json --set nothing.here=1,2", "expected a known key"},
          {"plan s.json --set deployment.batch=vllm-v1,orcas", "did you mean \"orca\""},
          {"plan s.json --set a.b=1,1", "expected each value once"},
          {"plan s.json --json /nowhere/p.json", "/nowhere/p.json: "},
          {"plan s.json --cache /nowhere/c.db", "/nowhere/c.db: expected a cache of plans"},
          {"plan nothing.json --cache c.db", "nothing.json: expected a scenario file"},
          {"plan s.json --from-now --load x --cache c.db", "--load: expected"},
          {"plan s.json --cache s.json", "s.json: expected a cache of plans"},
          {"plan s.json --emit docker", "--emit: expected one of vllm, sglang"},
          {"plan s.json --emit sglang", "--emit: expected a target for the engine"},
          {"plan s.json --emit vllm --json -", "--emit-to: expected one document"},
          {"plan s.json --emit-to x", "--emit-to: expected --emit beside it"},
          {"plan s.json --load 2", "--load: expected --from-now beside it"},
          {"plan s.json --from-now", "--from-now: expected something that changes"},
          {"plan s.json --from-now --load x", "--load: expected"},
          {"plan s.json --from-now --set =5", "--set: expected KEY=VALUE"},
          {"plan s.json --from-now --load 2 --tensor 1", "--tensor: expected none beside"},
          {"plan s.json --from-now --replace l40s=a10", "--replace: expected a device of the"},
          {"plan nothing.json", "nothing.json: expected a scenario file"},
          {"plan drones", "drones: expected a scenario of a serving system"},
      });
  CHECK(folder.files() == std::set<std::string>{"cheap.json", "s.json"});
}
