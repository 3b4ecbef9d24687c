#include "sim/scenario_reader.h"

#include <memory>
#include <string>
#include <vector>

#include "sim/check.h"
#include "sim/policy.h"
#include "sim/registry.h"
#include "tests/catch.h"
#include "tests/paths.h"

using namespace headroom;

namespace {

template <class Policy>
void register_once(const char* name, std::vector<ParameterSpec> parameters) {
  auto& registry = PolicyRegistry<Policy>::instance();
  if (registry.find(name) != nullptr) return;
  registry.add({name, "for this test", std::move(parameters),
                [](const Parameters&) { return std::unique_ptr<Policy>(); }});
}

/// The names that scenarios default to; this program links no policies.
void register_policies() {
  ParameterSpec seqs{"max_num_seqs", ParameterSpec::Kind::integer, 1, 65536, "256", {}, "requests"};
  register_once<BatchPolicy>("vllm-v1", {seqs});
  register_once<BatchPolicy>("reader-toy", {});
  register_once<RoutingPolicy>("round-robin", {});
  register_once<RoutingPolicy>("least-outstanding", {});
  register_once<AdmissionPolicy>("accept", {});
}

const char* const kMinimal = R"({
  // comments are fine
  "model": "llama-3.1-8b",
  "cluster": {"nodes": [{"device": "h100-sxm"}]},
  "deployment": [{"replicas": 2}], /* here too */
  "workload": {"rate": "8 /s", "requests": 100, "prompt": 1000, "output": 200}
})";

LoadedScenario load(const std::string& text, std::vector<ScenarioOverride> overrides = {}) {
  register_policies();
  return read_scenario({"s.json", text, std::move(overrides)});
}

std::string error_of(const std::string& text, std::vector<ScenarioOverride> overrides = {}) {
  try {
    static_cast<void>(load(text, std::move(overrides)));
  } catch (const InputError& error) {
    return error.what();
  }
  return "(accepted)";
}

/// kMinimal with one piece replaced.
std::string changed(const std::string& from, const std::string& to) {
  std::string text = kMinimal;
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

ScenarioOverride set(const std::string& path, const std::string& value) {
  return {path, value, ValueSource::command_line, "--set " + path, OverrideForm::guess};
}

}  // namespace

TEST_CASE("a minimal scenario takes every other value from the table's defaults") {
  const Scenario s = load(kMinimal).scenario;
  CHECK(s.model.name == "llama-3.1-8b");
  CHECK(s.model.weights == "bf16");
  CHECK(s.nodes.at(0).devices_per_node == 8);
  CHECK(s.deployment.at(0).replicas == 2);
  CHECK(s.deployment.at(0).batch.name == "vllm-v1");
  CHECK(s.deployment.at(0).swap_space == Bytes(std::int64_t{4} << 30));
  CHECK(s.workload.rate.value() == 8);
  CHECK(s.workload.prompt.kind == DistributionSpec::Kind::constant);
  CHECK(s.workload.prompt.mean == 1000);
  CHECK_FALSE(s.slo.ttft.has_value());
  CHECK(s.seed == 1);
}

TEST_CASE("quantities are read with their units") {
  const Scenario s = load(changed(R"("deployment")", R"("slo": {"ttft": "200 ms"},
    "price": {"device_hour": "2.5 USD/h", "source": "a bill"}, "time_limit": "1.5 h",
    "deployment")"))
                         .scenario;
  CHECK(s.slo.ttft == 200 * kMillisecond);
  CHECK(s.price.device_hour->value() == 2.5);
  CHECK(s.time_limit == kSecond * 5400);
}

TEST_CASE("the digest ignores layout, order, comments and who set a value, and nothing else") {
  const std::string base = load(kMinimal).scenario.digest;
  CHECK(base.size() == 16);
  CHECK(load(changed("// comments are fine", "")).scenario.digest == base);
  CHECK(load(changed(R"("model": "llama-3.1-8b")", R"("model": {"name": "llama-3.1-8b"})"))
            .scenario.digest == base);
  CHECK(load(changed(R"("rate": "8 /s", "requests": 100)", R"("requests": 100, "rate": "8/s")"))
            .scenario.digest == base);
  CHECK(load(kMinimal, {set("seed", "1")}).scenario.digest == base);
  CHECK(load(kMinimal, {set("seed", "2")}).scenario.digest != base);
  CHECK(load(changed("1000", "1001")).scenario.digest != base);
}

TEST_CASE("an unknown key is answered with the nearest known one") {
  CHECK(error_of(changed(R"("replicas")", R"("replcas")")) ==
        R"(s.json: /deployment/0/replcas: expected a known key, got "replcas"; )"
        R"(did you mean "replicas"?)");
}

TEST_CASE("at least 95 of 100 one-letter typos of keys name the right key") {
  // Every key of the schema that a minimal scenario can hold at top level or in workload, each
  // damaged in four ways.
  const std::vector<std::string> keys = {"trace",    "format",   "rate_scale",      "limit",
                                         "arrivals", "requests", "prompt",          "output",
                                         "sessions", "clients",  "shared_prefixes", "window_start"};
  int tried = 0;
  int right = 0;
  for (const std::string& key : keys) {
    for (std::size_t i = 0; i < key.size(); ++i) {
      std::vector<std::string> typos = {key, key, key};
      typos[0].erase(i, 1);
      typos[1][i] = 'x';
      typos[2].insert(i, 1, 'q');
      for (const std::string& typo : typos) {
        if (typo == key) continue;
        ++tried;
        const std::string text =
            changed(R"("workload": {)", R"("workload": {")" + typo + R"(": 1, )");
        const std::string said = error_of(text);
        right += said.find("did you mean \"" + key + "\"?") != std::string::npos ? 1 : 0;
      }
    }
  }
  CHECK(tried > 200);
  CHECK(right >= tried * 95 / 100);
}

TEST_CASE("wrong type, unit and bounds say what was expected and found") {
  CHECK(error_of(changed(R"("8 /s")", "8")) ==
        R"(s.json: /workload/rate: expected a quantity with its unit such as "8 /s", got 8; )"
        R"(write the unit, in quotes)");
  CHECK(error_of(changed(R"("replicas": 2)", R"("replicas": 0)")) ==
        "s.json: /deployment/0/replicas: expected an integer from 1 to 65535, got 0; independent "
        "copies of the model");
  CHECK(error_of(changed(R"("8 /s")", R"("8 ms")")).find("s.json: /workload/rate: expected") == 0);
  CHECK(error_of(changed("1000", "1e18")).find("/workload/prompt: expected a number from 0 to") !=
        std::string::npos);
  CHECK(error_of("[]") ==
        "s.json: /: expected an object {...}, got a list; start from a bundled scenario");
  CHECK(error_of(changed(R"("model": "llama-3.1-8b",)", ""))
            .find(R"(s.json: /: expected the key "model")") == 0);
}

TEST_CASE("syntax errors name line and column") {
  // The second comma of line 3 is at column 28: 2 spaces, "model": "llama-3.1-8b" is 23 long, a
  // comma.
  const std::string said = error_of(changed(R"("llama-3.1-8b",)", R"("llama-3.1-8b",,)"));
  CHECK(said.find("s.json:3:27: expected") == 0);
  CHECK(error_of("").find("s.json:1:1: expected") == 0);
  CHECK(error_of("{\"a\": NaN}").find("s.json:1:") == 0);
  CHECK(error_of("{\"a\": 1, \"a\": 2}") ==
        R"(s.json: /: expected each key once, got "a" twice; remove one of them)");
  CHECK(error_of(std::string(100, '[')).find("levels of nesting") != std::string::npos);
}

TEST_CASE("overrides reach objects, lists by index, name, star, and policies written as a name") {
  const Scenario s =
      load(kMinimal, {set("deployment.0.replicas", "3"), set("deployment.batch.max_num_seqs", "7"),
                      set("slo.ttft", "1 s"), set("model.weights", "fp8")})
          .scenario;
  CHECK(s.deployment.at(0).replicas == 3);
  CHECK(s.deployment.at(0).batch.parameters.at("max_num_seqs") == "7");
  CHECK(s.slo.ttft == kSecond);
  CHECK(s.model.name == "llama-3.1-8b");
  CHECK(s.model.weights == "fp8");
  CHECK(load(kMinimal, {set("deployment.*.replicas", "5")}).scenario.deployment.at(0).replicas ==
        5);
}

TEST_CASE(
    "an override with null takes a key out, and a trace from outside replaces the generator") {
  CHECK(error_of(kMinimal, {set("workload.requests", "null")})
            .find("s.json: /workload/requests: expected a number of requests, got none") == 0);
  CHECK(load(kMinimal, {set("workload.rate", "null"), set("workload.clients", "4")})
            .scenario.workload.clients == 4);
  const Scenario s = load(kMinimal, {set("workload.trace", "t.csv")}).scenario;
  CHECK(s.workload.trace == "t.csv");
  CHECK(s.workload.requests == 0);
  CHECK_FALSE(s.workload.rate_given);
}

TEST_CASE("an override's mistake names the flag") {
  CHECK(error_of(kMinimal, {set("deployment.0.replicas", "-1")})
            .find("--set deployment.0.replicas: /deployment/0/replicas: expected an integer") == 0);
  CHECK(error_of(kMinimal, {set("deployment.7.replicas", "1")})
            .find("--set deployment.7.replicas: expected the name or the index") == 0);
  CHECK(error_of(kMinimal, {set("a..b", "1")}).find("--set a..b: expected a dotted path") == 0);
  CHECK(error_of(kMinimal, {set("sed", "1")}).find("did you mean \"seed\"?") != std::string::npos);
}

TEST_CASE("policy parameters are checked against the policy's own table") {
  const auto with_batch = [](const std::string& batch) {
    return changed(R"("replicas": 2)", R"("replicas": 2, "batch": )" + batch);
  };
  CHECK(load(with_batch(R"({"policy": "vllm-v1", "max_num_seqs": 64})"))
            .scenario.deployment.at(0)
            .batch.parameters.at("max_num_seqs") == "64");
  CHECK(error_of(with_batch(R"({"policy": "vllm-v1", "max_num_seq": 64})"))
            .find("did you mean \"max_num_seqs\"?") != std::string::npos);
  CHECK(error_of(with_batch(R"("vllm-v2")")).find("did you mean \"vllm-v1\"?") !=
        std::string::npos);
  CHECK(error_of(with_batch(R"({"policy": "vllm-v1", "max_num_seqs": 0})"))
            .find("s.json: /deployment/0/batch/max_num_seqs: parameter 'max_num_seqs': expected") ==
        0);
}

TEST_CASE("a value that the run would ignore is refused") {
  CHECK(error_of(changed(R"("rate")", R"("trace": "t.csv", "rate")"))
            .find("s.json: /workload/requests: expected nothing here beside a trace") == 0);
  CHECK(error_of(changed(R"("rate")", R"("arrival_cv": 2, "rate")"))
            .find("unless arrivals are gamma or weibull") != std::string::npos);
  CHECK(error_of(changed("1000", R"({"mean": 1000, "cv": 1})"))
            .find("s.json: /workload/prompt/cv: expected nothing here for the law constant") == 0);
}

TEST_CASE("every effective value is explained with its source") {
  const std::vector<ExplainedValue> values = load(kMinimal, {set("seed", "9")}).values;
  const auto source_of = [&](const std::string& pointer) {
    for (const ExplainedValue& value : values) {
      if (value.pointer == pointer) return std::string(to_string(value.source)) + "=" + value.value;
    }
    return std::string("(absent)");
  };
  CHECK(source_of("/seed") == "command line=9");
  CHECK(source_of("/deployment/0/replicas") == "scenario=2");
  CHECK(source_of("/deployment/0/tensor_parallel") == "built-in=1");
}

TEST_CASE("the schema describes every key that the reader accepts") {
  register_policies();
  const JsonNode schema = parse_json(scenario_schema(), "schema");
  const JsonNode* properties = schema.find("properties");
  REQUIRE(properties != nullptr);
  for (const char* key : {"model", "cluster", "deployment", "workload", "slo", "seed", "routing"}) {
    CHECK(properties->find(key) != nullptr);
  }
  const JsonNode* group = properties->find("deployment")->find("items")->find("properties");
  REQUIRE(group != nullptr);
  CHECK(group->find("replicas")->find("maximum")->text == "65535");
  CHECK(schema.find("required")->children.size() == 4);
}

TEST_CASE("files that cannot be read are bad input") {
  CHECK_THROWS_AS(read_text_file("no/such/file.json"), InputError);
  CHECK_THROWS_AS(read_text_file(HEADROOM_SOURCE_DIR), InputError);
}
