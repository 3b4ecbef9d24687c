// Published systems combined in one cluster: DistServe's pools, of which one computes prompts as
// NanoFlow does and the other decodes as Lamina does; and combinations that make no sense.
#include <string>
#include <vector>

#include "sim/check.h"
#include "sim/cli/assemble.h"
#include "sim/cli/placement_search.h"
#include "sim/scenario_reader.h"
#include "tests/catch.h"
#include "tests/paths.h"

using namespace headroom;

namespace {

Scenario combined(const std::vector<std::string>& changes) {
  const std::string path =
      std::string(HEADROOM_SOURCE_DIR) + "/sim/cli/scenarios/three-systems.json";
  ScenarioText text{path, read_text_file(path), {}};
  for (const std::string& change : changes) {
    const std::size_t equals = change.find('=');
    text.overrides.push_back({change.substr(0, equals), change.substr(equals + 1),
                              ValueSource::command_line, "test", OverrideForm::guess});
  }
  return read_scenario(text).scenario;
}

/// Why a combination is refused.
std::string refused(const std::vector<std::string>& changes) {
  try {
    const Assembly assembly = assemble(combined(changes));
    return "accepted";
  } catch (const InputError& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE(
    "NanoFlow prefill and Lamina decode serve one load, the same run by run or step by step") {
  const Scenario scenario = combined({"workload.requests=400"});
  CostCache costs;
  RunOptions options;
  options.costs = &costs;
  const RunResult run = run_scenario(scenario, options);
  CHECK(run.metrics.finished == 400);
  CHECK(run.metrics.transfers.landed > 0);
  options.compression = RunCompression::off;
  CHECK(run_scenario(scenario, options).metrics.decision_digest == run.metrics.decision_digest);
  // Reported: both systems, both kinds of devices, and all of them paid for.
  CHECK(run.context.cost_model.find("nanoflow") != std::string::npos);
  CHECK(run.context.cost_model.find("lamina") != std::string::npos);
  CHECK(run.context.device == "h100-sxm; h20");
  CHECK(run.context.gpus == 2 * 4 + 2 + 4);
  REQUIRE(run.context.gpu_hour_price);
  // 10 H100s at 3.00 and 4 H20s at 1.50 USD/h.
  CHECK(run.context.gpu_hour_price->value() * 14 == Approx(36));
}

TEST_CASE("each system keeps its own gain when combined") {
  CostCache costs;
  RunOptions options;
  options.costs = &costs;
  const auto ms = [&](const std::vector<std::string>& changes, bool tpot) {
    std::vector<std::string> all{"workload.requests=400", "workload.rate=20 /s"};
    all.insert(all.end(), changes.begin(), changes.end());
    const Metrics metrics = run_scenario(combined(all), options).metrics;
    double sum = 0;
    for (std::size_t i = 0; i < metrics.rows.size(); ++i)
      sum += static_cast<double>(tpot ? metrics.rows[i].tpot_ns() : metrics.rows[i].ttft_ns);
    return sum / static_cast<double>(metrics.rows.size()) * 1e-6;
  };
  CHECK(ms({}, false) <= ms({"deployment.0.execution=sequential"}, false) * (1 + 1e-9));
  CHECK(ms({}, true) < ms({"deployment.1.execution=sequential"}, true));
}

TEST_CASE("DistServe's search places NanoFlow prefill and Lamina decode") {
  SearchBounds bounds;
  bounds.most_per_device = 4;
  bounds.step = 2;
  SimulatedPlacement world(combined({"workload.requests=200"}), bounds);
  const PlacementUnit unit{UnitKind::paired, {4, 1}, {2, 1}, 1};
  CHECK(world.holds(unit, 1));
  CHECK_FALSE(world.holds(unit, 200));
  // Attention devices do not go with stages of a model.
  CHECK(world.goodput({UnitKind::paired, {4, 1}, {2, 2}, 1}) == 0);
}

TEST_CASE("combinations that make no sense are refused with the reason") {
  const auto says = [](const std::vector<std::string>& changes, const char* reason) {
    const std::string said = refused(changes);
    INFO(said);
    CHECK(said.find(reason) != std::string::npos);
    CHECK(said.find("three-systems.json: /deployment/") != std::string::npos);
  };
  says({"deployment.0.execution=lamina"}, "attention has no devices of its own");
  says({R"(deployment.0.attention={"devices": 2, "nodes": "attention"})",
        "deployment.0.execution=lamina"},
       "only computes prompts");
  says({"deployment.1.execution=nanoflow"}, "attention runs on devices of its own");
  says({"deployment.1.execution=tokenweave"}, "attention runs on devices of its own");
  says({"deployment.0.execution=tokenweave", "deployment.0.tensor_parallel=1",
        "model.name=llama-3.1-8b"},
       "one GPU has nothing to reduce");
  says({"deployment.1.attention.devices=3"}, "8 KV heads are not divisible by 3");
  says({"deployment.1.pipeline_parallel=2"}, "stages");
  says({"deployment.1.cost=linear:distserve", "model.name=opt-13b"}, "by operator on both kinds");
  CHECK(refused({"deployment.1.attention.devices=3",
                 "deployment.1.attention.partition=requests"}) == "accepted");
}
