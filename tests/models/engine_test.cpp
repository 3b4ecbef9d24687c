#include "models/engine.h"

#include <set>

#include "models/engine_calibration.h"
#include "sim/check.h"
#include "tests/catch.h"

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

TEST_CASE("an engine runs the kernels of the library it names, or of the engine it is based on") {
  CHECK(library_of(find_engine("vllm", "")) == "vLLM");
  CHECK(library_of(find_engine("sglang", "")) == "SGLang");
  CHECK(library_of(find_engine("tensorrt-llm", "")) == "TensorRT-LLM");
  CHECK(library_of(find_engine("tensorrt-llm@b200-sxm", "")) == "TensorRT-LLM");
  const auto based_on = [](const char* text) {
    return library_of(parse_engine_json(text, "e.json"));
  };
  CHECK(based_on(R"({"base": "sglang", "name": "mine"})") == "SGLang");
  CHECK(based_on(R"({"base": "tensorrt-llm"})") == "TensorRT-LLM");
  CHECK(based_on(R"({"base": "distserve"})") == "vLLM");
}

// The A100 has no row: vLLM's is of another generation. GB200's row would be its own generation's,
// the B200's. Kernel scales are a device's own.
TEST_CASE("an engine without a calibration row takes the host constants of the nearest device") {
  const EngineDescription own = find_engine("vllm@b200-sxm", "");
  const EngineDescription near = find_engine("vllm@gb200", "");
  CHECK(near.layer_floor == own.layer_floor);
  CHECK(near.host_per_iteration == own.host_per_iteration);
  CHECK(near.ingest_per_request == own.ingest_per_request);
  CHECK(near.eager_scale == own.eager_scale);
  CHECK(near.kernel_scale == find_engine("vllm", "").kernel_scale);
  CHECK(near.host_evidence == Evidence::extrapolated);
  CHECK(own.host_evidence == Evidence::interpolated);
  CHECK(near.source.find("the nearest to gb200") != std::string::npos);
  CHECK(find_engine("vllm@a100-80g-sxm", "").source.find("nearest") != std::string::npos);
  CHECK(find_engine("ideal@h100-sxm", "").source.find("not calibrated") != std::string::npos);
}

TEST_CASE("constants of experts are those of the longest version that fits, on their device only") {
  const auto with = [](const char* engine, const char* version, const char* device) {
    return calibrated(find_engine(engine, ""), version, device);
  };
  CHECK(with("vllm", "0.16.0", "h200-sxm").block_fp8_experts_scale == 1.46);
  CHECK_FALSE(with("vllm", "0.16.0", "h200-sxm").reads_all_experts);
  CHECK(with("vllm", "0.12.0", "h200-sxm").reads_all_experts);
  CHECK(with("vllm", "0.18.0", "h200-sxm").block_fp8_experts_scale == 1);
  CHECK(with("vllm", "0.16.0", "h100-sxm").block_fp8_experts_scale == 1);
  CHECK(with("tensorrt-llm", "1.2.0rc6.post2", "b200-sxm").block_fp8_experts_scale == 0.68);
  // Every version of TensorRT-LLM on H200.
  CHECK(with("tensorrt-llm", "9", "h200-sxm").mxfp4_experts_scale == 0.85);
  CHECK(with("tensorrt-llm", "9", "h200-sxm").source.find("experts fitted to 12 points") !=
        std::string::npos);
}
