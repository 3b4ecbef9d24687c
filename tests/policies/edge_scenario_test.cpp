// Scenarios of edge sites: what they may say, and the line that a bad one gets.
#include "sim/check.h"
#include "sim/edge_presets.h"
#include "sim/edge_scenario_reader.h"
#include "tests/catch.h"

using namespace headroom;

namespace {

EdgeScenario read(const std::string& edge) {
  return read_edge_scenario({"s.json", "{\"edge\": {" + edge + "}}", {}}).scenario;
}

std::string fault(const std::string& edge) {
  try {
    static_cast<void>(read(edge));
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

const std::string kTask =
    R"({"name": "A", "benefit": 5, "edge_time": "10 ms", "cloud_time": "20 ms", "deadline": "1 s"})";

}  // namespace

TEST_CASE("an empty edge is six models, three drones, DEMS on a benign cloud") {
  const EdgeScenario s = read("");
  CHECK(s.types.size() == 6);
  CHECK(s.fleet.drones == 3);
  CHECK(s.policy.name == "dems");
  CHECK(s.cloud.time_factor.most == 1);
  CHECK(s.busy_power == Watts(10));
  CHECK(s.call_price.value() == Approx(0.2e-6));
}

TEST_CASE("a quality is a preset whose parts can be replaced") {
  const EdgeScenario s = read(R"("cloud": {"quality": "degraded", "time_factor": 0.5})");
  CHECK(s.cloud.phases.size() == 2);
  CHECK(s.cloud.phases[0].slowdown == 1.45);
  CHECK(s.cloud.time_factor.kind == DistributionSpec::Kind::constant);
  CHECK(s.cloud.time_factor.mean == 0.5);
  CHECK(read(R"("cloud": "variable")").cloud.cold_start == kSecond);
  CHECK(read(R"("cloud": {"phases": [{"at": "5 s", "slowdown": 3}]})").cloud.phases.size() == 1);
}

TEST_CASE("a scenario is known by its key edge, and its digest by its values alone") {
  CHECK(is_edge_scenario({"s", R"({"edge": {}})", {}}));
  CHECK(!is_edge_scenario({"s", R"({"model": "x"})", {}}));
  CHECK(!is_edge_scenario({"s", "not JSON", {}}));
  CHECK(read(R"("load": "heavy", "policy": "dems")").digest == read("").digest);
  CHECK(read(R"("load": "light")").digest != read("").digest);
}

TEST_CASE("tasks of one's own replace the published table") {
  const EdgeScenario s = read("\"tasks\": [" + kTask + "]");
  REQUIRE(s.types.size() == 1);
  CHECK(s.types[0].edge_utility() == 5);
  CHECK(s.types[0].deadline == kSecond);
  CHECK(s.load.empty());
}

TEST_CASE("a task's models stand behind the tasks, and policies that do not choose use the first") {
  const EdgeScenario s = read(R"("tasks": [
    {"name": "A", "benefit": 5, "deadline": "1 s", "models": [
      {"name": "small", "edge_time": "1 ms", "cloud_time": "2 ms", "edge_price": 1, "loss": 0.5},
      {"name": "large", "edge_time": "9 ms", "cloud_time": "8 ms", "loss": 0.2, "size": "2 GiB"}]},
    {"name": "B", "benefit": 5, "edge_time": "4 ms", "cloud_time": "3 ms", "deadline": "2 s"}])");
  REQUIRE(s.types.size() == 4);
  CHECK(s.types[0].first_model == 2);
  CHECK(s.types[0].models == 2);
  CHECK(s.types[0].edge_time == kMillisecond);
  CHECK(s.types[0].edge_utility() == 4);
  CHECK(s.types[1].models == 0);
  CHECK(s.types[3].name == "A/large");
  CHECK(s.types[3].model_of == std::optional<std::uint16_t>(0));
  CHECK(s.types[3].deadline == kSecond);
  CHECK(s.types[3].loss == 0.2);
}

TEST_CASE("a bad scenario of edge sites is one line with its place") {
  const auto begins = [](const std::string& edge, const std::string& start) {
    const std::string line = fault(edge);
    INFO(line);
    CHECK(line.starts_with(start));
    CHECK(line.find('\n') == std::string::npos);
  };
  begins(R"("fleet": {"drones": 0})", "s.json: /edge/fleet/drones: expected an integer from 1 to");
  begins(R"("fleet": {"sites": 0})", "s.json: /edge/fleet/sites: expected an integer from 1 to");
  begins(R"("tasks": [])", "s.json: /edge/tasks: expected a list of 1 to 64 objects");
  begins(R"("policy": "demss")", "s.json: /edge/policy: expected a known policy (cloud-only, ");
  begins(R"("policy": {"policy": "gems", "share": 2})", "s.json: /edge/policy/share: ");
  begins(R"("load": "hevy")", "s.json: /edge/load: expected one of light, medium, heavy");
  begins(R"("load": "light", "tasks": [)" + kTask + "]",
         "s.json: /edge/load: expected either load or tasks, got both");
  begins("\"tasks\": [" + kTask + ", " + kTask + "]",
         "s.json: /edge/tasks/1/name: expected a name of its own, got \"A\" again");
  begins(R"("tasks": [{"name": "A", "benefit": -5}])",
         "s.json: /edge/tasks/0/benefit: expected a number");
  begins(R"("tasks": [{"name": "A", "benefit": 5, "edge_price": 6, "edge_time": "10 ms",
            "cloud_time": "20 ms", "deadline": "1 s"}])",
         "s.json: /edge/tasks/0/edge_price: expected at most the benefit 5, got 6");
  begins(R"("tasks": [{"name": "A", "benefit": 5, "edge_time": "0 ms"}])",
         "s.json: /edge/tasks/0/edge_time: expected a duration of at least 1 ns");
  begins(R"("fleet": {}, "trace": "t.csv")",
         "s.json: /edge/fleet: expected either fleet or trace, got both");
  begins(R"("cloud": {"quality": "worst"})", "s.json: /edge/cloud/quality: expected one of benign");
  begins(R"("cloud": {"time_factor": {"kind": "uniform", "least": 2, "most": 1}})",
         "s.json: /edge/cloud/time_factor: expected \"most\" above \"least\"");
  begins(R"("cloud": {"time_factor": {"kind": "lognormal"}})",
         "s.json: /edge/cloud/time_factor: expected a mean above 0");
  begins(R"("cloud": {"phases": [{"at": "9 s", "slowdown": 2}, {"at": "8 s", "slowdown": 1}]})",
         "s.json: /edge/cloud/phases/1/at: expected a time after the phase before");
  begins(R"("cloud": {"uplink": "8 Mbit/s", "network": "n.csv"})",
         "s.json: /edge/cloud/uplink: expected either uplink or network, got both");
  begins(R"("fleet": {"sites": 1000000, "drones": 100000})",
         "s.json: /edge/fleet: expected at most");
  const std::string models =
      R"("benefit": 5, "deadline": "1 s", "models": [{"name": "m", "edge_time": "1 ms",
         "cloud_time": "2 ms", "loss": 0.5}])";
  begins(R"("tasks": [{"name": "A", "edge_time": "10 ms", )" + models + "}]",
         "s.json: /edge/tasks/0/edge_time: expected either edge_time or models, got both");
  begins(R"("tasks": [{"name": "A", "cloud_time": "10 ms", )" + models + "}]",
         "s.json: /edge/tasks/0/cloud_time: expected either cloud_time or models, got both");
  begins(R"("tasks": [{"name": "A", "latencies": "l.csv", )" + models + "}]",
         "s.json: /edge/tasks/0/latencies: expected either latencies or models, got both");
  begins(R"("tasks": [{"name": "A", "benefit": 5, "deadline": "1 s", "models": []}])",
         "s.json: /edge/tasks/0/models: expected a list of 1 to 64 objects");
  begins(R"("losses": {"spread": {"kind": "gamma", "mean": 0}})",
         "s.json: /edge/losses/spread: expected a mean above 0");
  begins(R"("drone": 3)", "s.json: /edge/drone: expected a known key");
}

TEST_CASE("published tables keep their order, worth and demand") {
  const std::vector<EdgeLoad>& loads = edge_loads();
  REQUIRE(loads.size() == 3);
  CHECK(loads[0].types.size() == 2);
  CHECK(loads[1].types.size() == 4);
  CHECK(loads[2].types.size() == 6);
  // Utilities at the edge and in the cloud, HV to DEO.
  const std::vector<double> at_edge{124, 99, 74, 38, 171, 244};
  const std::vector<double> in_cloud{100, 74, 60, -3, 23, 40};
  for (std::size_t i = 0; i < 6; ++i) {
    CHECK(loads[2].types[i].edge_utility() == at_edge[i]);
    CHECK(loads[2].types[i].cloud_utility() == in_cloud[i]);
  }
  CHECK(loads[0].types[1].deadline == kMillisecond * 750);  // MD in LIGHT
  CHECK(loads[2].types[1].extension == kMillisecond * 75);  // DEV may be extended
  CHECK(loads[2].types[0].extension == Duration(0));        // HV may not
}

TEST_CASE("the schema of edge scenarios comes from the same table") {
  const std::string schema = edge_scenario_schema();
  for (const char* key :
       {"\"edge\"", "\"policy\"", "\"drones\"", "\"cold_start\"", "\"faithful\""}) {
    CHECK(schema.find(key) != std::string::npos);
  }
}
