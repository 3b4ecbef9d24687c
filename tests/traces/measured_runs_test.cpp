#include "traces/measured_runs.h"

#include <string>

#include "sim/check.h"
#include "tests/catch.h"
#include "traces/serving_points.h"

using namespace headroom;

namespace {

const std::string kHead =
    "run_id,device,model,precision,tensor_parallel,max_num_batched_tokens,workload,stage_index,"
    "metric,measured_ms\n";

std::vector<MeasuredRun> table(const std::string& rows) {
  return read_measured(memory_bytes(kHead + rows, "r.csv"), "r.csv").runs;
}

double figure(const MeasuredRun& run, RunMetric metric) {
  return run.measured.at(0).figures.at(static_cast<std::size_t>(metric)).value_or(-1);
}

template <class Call>
std::string fault(const Call& call) {
  try {
    static_cast<void>(call());
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

const std::string kMeta =
    "{\"model\": \"meta-llama/Llama-3.1-8B\", \"vllm_version\": \"0.19.0\", "
    "\"engine_kwargs\": {\"tensor_parallel_size\": 1, \"data_parallel_size\": 2, "
    "\"enable_expert_parallel\": true, \"max_num_seqs\": 256, \"dtype\": \"bfloat16\", "
    "\"max_model_len\": null}, \"kv_cache\": {\"num_gpu_blocks\": 2588}, "
    "\"hardware\": {\"device_name\": \"NVIDIA GeForce RTX 4090\"}}";
// Two clocks, 1000 s apart; the second request is handed over 0.1 s late.
const std::string kLog =
    "{\"input_toks\": 10, \"output_toks\": 3, \"arrival_time\": 5000.0, \"queued_ts\": 4000.0, "
    "\"first_token_ts\": 4000.5, \"last_token_ts\": 4001.5}\n"
    "{\"input_toks\": 20, \"output_toks\": 1, \"arrival_time\": 5001.0, \"queued_ts\": 4001.1, "
    "\"first_token_ts\": 4001.2, \"last_token_ts\": 4001.2}\n";

}  // namespace

TEST_CASE("a run's workload follows from its name, Llama-2-7B's general load being the fast one") {
  const auto runs = table(
      "1,H100,Qwen/Qwen2.5-7B,FP16,1,2048,general,-1,e2e_mean,1500\n"
      "2,H100,meta-llama/Llama-2-7b-hf,FP16,1,2048,general,-1,e2e_mean,1500\n"
      "3,H100,m,FP16,1,2048,poetry,-1,e2e_mean,1500\n");
  REQUIRE(runs.size() == 3);
  CHECK(runs[0].shared + runs[0].question == 547);
  CHECK(runs[0].stages[1].rate == Approx(6));
  CHECK(runs[1].stages[1].rate == Approx(20));
  CHECK(runs[2].unusable.find("poetry") != std::string::npos);
}

TEST_CASE("one log under several names is doubtful under all but the general one") {
  const auto runs = table(
      "7,H100,m,FP16,1,2048,codegen,-1,e2e_mean,1500\n"
      "7,H100,m,FP16,1,2048,general,-1,e2e_mean,1500\n"
      "7,H100,m,FP16,1,2048,roleplay,-1,e2e_mean,1501\n");
  REQUIRE(runs.size() == 3);
  CHECK_FALSE(runs[0].doubt.empty());
  CHECK(runs[0].question == 447);  // that of "general"
  CHECK(runs[1].doubt.empty());
  CHECK(runs[2].doubt.empty());
}

TEST_CASE("a request log's two clocks are joined by the shortest way into the queue") {
  const MeasuredRun run = request_log_of(kLog, kMeta, "requests.jsonl");
  CHECK(run.device == "rtx-4090");
  CHECK(run.precision == "bf16");
  CHECK(*run.kv_blocks == 2588);
  CHECK(*run.max_sequences == 256);
  CHECK_FALSE(run.max_model_len.has_value());
  CHECK(run.expert == 2);
  REQUIRE(run.requests.size() == 2);
  CHECK(run.requests[1].offset == kSecond);
  // TTFT 0.5 s and 1.2 - 1.0 = 0.2 s; one request has intervals: 1 s over 2.
  CHECK(figure(run, RunMetric::ttft_mean) == Approx(350));
  CHECK(figure(run, RunMetric::itl_mean) == Approx(500));
  CHECK(figure(run, RunMetric::e2e_mean) == Approx((1500 + 200) / 2.0));
  CHECK(figure(run, RunMetric::output_rate) == Approx(4 / 1.5));
}

TEST_CASE("a TraceV2 header and its rows become a run without warm-up and failed requests") {
  const std::string header =
      "trace_version: 3\nmode: real\nwarm_up_requests: 1\nserver:\n  type: vllm\n"
      "  model: Qwen/Qwen3-8B\n  tensor_parallel: 2\n  max_num_seqs: 64\n";
  const std::string rows =
      "request_id,input_tokens,output_tokens,server_input_tokens,arrival_time_us,send_time_us,"
      "first_chunk_time_us,last_chunk_time_us,status\n"
      "0,5,5,0,0,0,900,1000,ok\n"
      "1,100,11,105,1000000,1001000,1051000,1151000,ok\n"
      "2,100,11,105,2000000,2000000,0,0,error\n";
  const MeasuredRun run = trace_v2_of(header, rows, "t.yaml");
  CHECK(run.model == "Qwen/Qwen3-8B");
  CHECK(run.tensor == 2);
  CHECK(*run.max_sequences == 64);
  CHECK(run.doubt.find("1 of 3") != std::string::npos);
  REQUIRE(run.requests.size() == 1);
  CHECK(run.requests[0].prompt == 105);                    // what the server counted
  CHECK(figure(run, RunMetric::ttft_mean) == Approx(50));  // from sending, 1,051 - 1,001 ms
  CHECK(figure(run, RunMetric::itl_mean) == Approx(10));   // 100 ms over 10 intervals
  CHECK(
      trace_v2_of("trace_version: 2\nmode: replayed\n", rows, "t.yaml").unusable.find("replayed") !=
      std::string::npos);
}

TEST_CASE("bad logs are one line with place and remedy") {
  const auto log = [](const std::string& lines, const std::string& meta) {
    return fault([&] { return request_log_of(lines, meta, "r.jsonl"); });
  };
  CHECK(log("", kMeta).find("r.jsonl: expected one request a line") == 0);
  CHECK(log(kLog, "{}").find("expected the key model") != std::string::npos);
  CHECK(log(kLog, "{").find("meta.json") != std::string::npos);
  CHECK(log("{\"arrival_time\": 1}\n", kMeta).find("r.jsonl:1:1") == 0);
  CHECK(log(kLog.substr(0, 60), kMeta).find("r.jsonl:1:1") == 0);
  const auto trace = [](const std::string& header, const std::string& rows) {
    return fault([&] { return trace_v2_of(header, rows, "t.yaml"); });
  };
  CHECK(trace("server\n", "a\n").find("t.yaml:1:1: expected \"key: value\"") == 0);
  CHECK(trace("mode: real\n", "a\n").find("trace_version") != std::string::npos);
  CHECK(trace("trace_version: 2\nwarm_up_requests: -1\n", "a\n").find("t.yaml:2:") == 0);
  CHECK(trace("trace_version: 2\n", "a\n").find("requests that ended well") != std::string::npos);
}
