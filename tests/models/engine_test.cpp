#include "models/engine.h"

#include <catch2/catch.hpp>
#include <set>

#include "sim/check.h"

using namespace headroom;

TEST_CASE("every bundled engine has a name of its own, sane figures and a source") {
  std::string before;
  for (const EngineDescription& engine : bundled_engines()) {
    CAPTURE(engine.name);
    CHECK(before < engine.name);
    before = engine.name;
    CHECK(engine.block_tokens.value() >= 1);
    CHECK(engine.gpu_memory_utilisation > 0);
    CHECK(engine.gpu_memory_utilisation <= 1);
    CHECK(engine.host_per_iteration >= Duration(0));
    CHECK(engine.layer_floor >= Duration(0));
    CHECK(!engine.source.empty());
    CHECK(find_engine(engine.name, "").name == engine.name);
  }
}

TEST_CASE("the vllm engine has the defaults vLLM documents") {
  const EngineDescription engine = find_engine("vllm", "");
  CHECK(engine.block_tokens == Tokens(16));
  CHECK(engine.gpu_memory_utilisation == 0.9);
}

TEST_CASE("an unknown engine is refused with the nearest name") {
  CHECK_THROWS_WITH(find_engine("vlm", "s.json: /deployment/0/engine"),
                    Catch::StartsWith("s.json: /deployment/0/engine: ") &&
                        Catch::Contains("did you mean 'vllm'?"));
  CHECK_THROWS_AS(find_engine("no/such/engine.json", ""), InputError);
}

TEST_CASE("an engine file starts from its base and changes what it names") {
  const EngineDescription engine = parse_engine_json(
      R"({"base": "vllm", "name": "mine", "block_tokens": 32, "layer_floor": "1.5 ms",
          "capture": "decode-only", "reserved_memory": "3 GiB"})",
      "mine.json");
  CHECK(engine.name == "mine");
  CHECK(engine.block_tokens == Tokens(32));
  CHECK(engine.layer_floor == Duration(1'500'000));
  CHECK(engine.capture == GraphCapture::decode_only);
  CHECK(engine.reserved_memory == Bytes(std::int64_t{3} << 30));
  CHECK(engine.host_per_iteration == find_engine("vllm", "").host_per_iteration);
}

TEST_CASE("a wrong engine file is refused with file and JSON pointer") {
  const auto refuse = [](const char* text, const std::string& place) {
    CAPTURE(text);
    CHECK_THROWS_WITH(parse_engine_json(text, "e.json"), Catch::Contains(place));
    CHECK_THROWS_AS(parse_engine_json(text, "e.json"), InputError);
  };
  refuse(R"({"block_token": 16})", "e.json: /block_token");
  refuse(R"({"block_tokens": 0})", "e.json: /block_tokens");
  refuse(R"({"gpu_memory_utilisation": 1.2})", "e.json: /gpu_memory_utilisation");
  refuse(R"({"layer_floor": "1 mm"})", "e.json: /layer_floor");
  refuse(R"({"host_per_iteration": 3})", "e.json: /host_per_iteration");
  refuse(R"({"capture": "all"})", "e.json: /capture");
  refuse(R"({"base": "vlm"})", "e.json: /base");
  refuse(R"([1])", "e.json");
  refuse("{", "e.json");
}
