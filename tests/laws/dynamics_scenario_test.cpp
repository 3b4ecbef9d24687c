// "dynamics" as a scenario states it: who scales together, and what is refused with its place.
#include <string>

#include "sim/check.h"
#include "sim/scaling_units.h"
#include "sim/scenario_reader.h"
#include "tests/catch.h"
#include "tests/paths.h"

using namespace headroom;

namespace {

/// The bundled scenario with pools, in `prefill` + `decode` replicas and under `dynamics`.
Scenario dynamic(const std::string& dynamics, const std::string& failures = "[]") {
  const std::string path =
      std::string(HEADROOM_SOURCE_DIR) + "/sim/cli/scenarios/three-systems.json";
  ScenarioText text{path, read_text_file(path), {}};
  const auto set = [&](const char* key, const std::string& value) {
    text.overrides.push_back({key, value, ValueSource::command_line, "test", OverrideForm::guess});
  };
  set("deployment.0.replicas", "3");
  set("deployment.1.replicas", "2");
  set("dynamics", dynamics);
  if (failures != "[]") set("deployment.1.failures", failures);
  return read_scenario(text).scenario;
}

std::string refusal(const std::string& dynamics, const std::string& failures = "[]") {
  try {
    static_cast<void>(dynamic(dynamics, failures));
    return "accepted";
  } catch (const InputError& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("replicas scale by role, and by themselves where their group is named") {
  const Scenario by_role = dynamic(R"({"least": 2})");
  const auto units = scaling_units(by_role);
  REQUIRE(units.size() == 2);
  CHECK(units[0].groups == std::vector<std::size_t>{0});
  CHECK(units[0].replicas == 3);
  CHECK(units[1].replicas == 2);
  CHECK(units[1].least == 2);

  const std::string name = by_role.deployment[1].name;
  const Scenario apart = dynamic(R"({"least": 3, "groups": [{"group": ")" + name +
                                 R"(", "least": 1, "scaling": {"policy": "hpa", "target": 8}}]})");
  const auto own = scaling_units(apart);
  REQUIRE(own.size() == 2);
  CHECK(own[0].least == 3);
  CHECK(own[0].scaling->name == "floor");
  CHECK(own[1].least == 1);
  CHECK(own[1].scaling->name == "hpa");
  CHECK(own[1].pointer == "/dynamics/groups/0");
}

TEST_CASE("values of dynamics that cannot be are refused with their place") {
  CHECK(refusal(R"({"least": 3})").find("/dynamics/least: expected at most 2 with 2 replicas") !=
        std::string::npos);
  CHECK(refusal(R"({"groups": [{"group": "nobody"}]})")
            .find("/dynamics/groups/0/group: expected the name of one group") != std::string::npos);
  CHECK(refusal(R"({"outages": [{"at": "1 s", "replica": 5, "down": "1 s"}]})")
            .find("/dynamics/outages/0/replica: expected at most 4") != std::string::npos);
}

TEST_CASE("a worker cannot fail while its whole replica does") {
  // Replica 4 is the second of group 1.
  const std::string worker = R"([{"at": "20 s", "downtime": "5 s", "replica": 1}])";
  const auto outage = [](const std::string& at, int replica) {
    return R"({"outages": [{"at": ")" + at + R"(", "down": "1 s", "replica": )" +
           std::to_string(replica) + "}]}";
  };
  CHECK(refusal(outage("22 s", 4), worker)
            .find("/dynamics/outages/0: expected a replica whose workers are up then, got one with "
                  "a failure of its own (/deployment/1/failures/0)") != std::string::npos);
  CHECK(refusal(outage("22 s", 3), worker) == "accepted");
  CHECK(refusal(outage("26 s", 4), worker) == "accepted");
}
