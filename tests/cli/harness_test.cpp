#include "sim/cli/validate_harness.h"
#include "sim/cli/validate_plan.h"
#include "tests/catch.h"

using namespace headroom;

namespace {

ServingPoint point(const char* engine, const char* version, const char* model, const char* device) {
  ServingPoint p;
  p.id = "p";
  p.where = "points.csv:2";
  p.source = "source_file=2026-04-06.csv";
  p.engine = engine;
  p.engine_version = version;
  p.model = model;
  p.device = device;
  p.precision = "fp8";
  p.prompt = p.output = 1024;
  p.concurrency = 64;
  p.tensor = 4;
  return p;
}

ReplicaGroupSpec planned(const ServingPoint& p) {
  const PlannedPoint plan = plan_point(p, {});
  REQUIRE(plan.why_not.empty());
  return plan.scenario.deployment.front();
}

}  // namespace

TEST_CASE("a measured point is run under the scheduler of its engine") {
  CHECK(planned(point("vllm", "0.15.1", "gpt-oss-120b", "b200_sxm")).batch.name == "vllm-v1");
  CHECK(planned(point("trtllm", "", "Llama-3.1-70B", "b200_sxm")).batch.name == "tensorrt-llm");
  CHECK(planned(point("sglang", "0.5.9", "DeepSeek-R1", "b200_sxm")).batch.name == "sglang");
}

TEST_CASE("Llama under TensorRT-LLM waits for company at 1,024 tokens on fewer than 8 GPUs only") {
  ServingPoint p = point("trtllm", "", "Llama-3.1-70B", "h200_sxm");
  CHECK(planned(p).batch.parameters.at("batch_wait_iterations") == "20");
  p.tensor = 8;
  CHECK(planned(p).batch.parameters.count("batch_wait_iterations") == 0);
  p.tensor = 4;
  p.output = 8192;
  CHECK(planned(p).batch.parameters.count("batch_wait_iterations") == 0);
}

TEST_CASE("DeepSeek under SGLang on B200 looks for requests every 10 or 30 steps, on H200 always") {
  ServingPoint p = point("sglang", "0.5.9", "DeepSeek-R1", "b200_sxm");
  p.precision = "fp4";
  CHECK(planned(p).batch.parameters.at("recv_interval") == "30");
  p.concurrency = 8;
  CHECK(planned(p).batch.parameters.at("recv_interval") == "10");
  p.device = "h200_sxm";
  CHECK(planned(p).batch.parameters.count("recv_interval") == 0);
}

TEST_CASE(
    "vLLM overlaps scheduling where its benchmark asks for it or its version does by default") {
  ServingPoint p = point("vllm", "0.12.0", "Qwen3-32B", "h100_sxm");
  CHECK(planned(p).scheduling == "overlapped");
  p.source = "a file of its own";
  CHECK(planned(p).scheduling == "engine");
  p.engine_version = "0.14.0";
  CHECK(planned(p).scheduling == "overlapped");
  p.engine_version = "1.0";
  CHECK(planned(p).scheduling == "overlapped");
}

TEST_CASE("settings of a measured point do not depend on what was measured") {
  ServingPoint p = point("trtllm", "", "DeepSeek-R1", "h200_sxm");
  const ReplicaGroupSpec before = planned(p);
  p.ttft_ms = 12345;
  p.tpot_ms = 99;
  const ReplicaGroupSpec after = planned(p);
  CHECK(before.batch.parameters == after.batch.parameters);
  CHECK(before.memory_utilisation == after.memory_utilisation);
  CHECK(before.scheduling == after.scheduling);
}
