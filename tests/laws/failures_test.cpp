// Failures as a scenario states them. What they do: failures_by_hand_test.cpp.
#include <string>

#include "sim/check.h"
#include "sim/scenario_reader.h"
#include "tests/catch.h"
#include "tests/paths.h"

using namespace headroom;

namespace {

/// The bundled scenario with attention devices, under `failures` of its decode group.
Scenario failing(const std::string& failures) {
  const std::string path =
      std::string(HEADROOM_SOURCE_DIR) + "/sim/cli/scenarios/three-systems.json";
  ScenarioText text{path, read_text_file(path), {}};
  text.overrides.push_back({"deployment.1.failures", "[" + failures + "]",
                            ValueSource::command_line, "test", OverrideForm::guess});
  return read_scenario(text).scenario;
}

}  // namespace

TEST_CASE("failures are read with their worker, replica and times") {
  const Scenario scenario =
      failing(R"({"at": "20 s", "downtime": "5 s", "worker": "attention"}, {"at": "30 s",)"
              R"( "downtime": "0 s"})");
  const std::vector<FailureSpec>& read = scenario.deployment[1].failures;
  REQUIRE(read.size() == 2);
  CHECK(read[0].worker == "attention");
  CHECK(read[0].at == kSecond * 20);
  CHECK(read[0].downtime == kSecond * 5);
  CHECK(read[1].worker == "model");
  CHECK(read[1].replica == 0);
}

TEST_CASE("failures that cannot be are refused with their place") {
  const auto refused = [](const std::string& failures) {
    try {
      static_cast<void>(failing(failures));
      return std::string("accepted");
    } catch (const InputError& error) {
      return std::string(error.what());
    }
  };
  CHECK(refused(R"({"at": "1 s", "downtime": "1 s", "replica": 7})")
            .find("/deployment/1/failures/0/replica: expected a replica of the group's 1") !=
        std::string::npos);
  CHECK(refused(R"({"at": "1 s"})").find("downtime") != std::string::npos);
}
