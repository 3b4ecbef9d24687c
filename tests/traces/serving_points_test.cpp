#include "traces/serving_points.h"

#include <string>

#include "sim/check.h"
#include "tests/catch.h"

using namespace headroom;

namespace {

MeasuredFile read(const std::string& text) {
  return read_measured(memory_bytes(text, "p.csv"), "p.csv");
}

std::string fault(const std::string& text) {
  try {
    static_cast<void>(read(text));
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

const std::string kHead =
    "id,model,device,engine,prompt_tokens,output_tokens,concurrency,ttft_ms,tpot_ms\n";
const std::string kRow = "a,llama-3.1-8b,h100-sxm,vllm,1024,128,8,50,7.5\n";
const std::string kSampleHead =
    "id,silicon_data_source,backend,backend_version,model_path,system,precision,mode,isl,osl,"
    "gemm_quant_mode,moe_quant_mode,batch_size,tp_size,pp_size,attention_dp_size,moe_ep_size,"
    "prefill_num_workers,decode_batch_size,decode_num_workers,decode_attention_dp_size,"
    "silicon_ttft_ms,silicon_tpot_ms\n";

bool holds(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a file of our own columns becomes points, empty fields their defaults") {
  const MeasuredFile file = read(kHead + kRow);
  CHECK(file.format == "headroom-points");
  REQUIRE(file.points.size() == 1);
  const ServingPoint& point = file.points[0];
  CHECK(point.where == "p.csv:2");
  CHECK(point.prompt == 1024);
  CHECK(point.concurrency == 8);
  CHECK(point.tensor == 1);
  CHECK(*point.tpot_ms == Approx(7.5));
  CHECK(point.unusable.empty());
}

TEST_CASE("the serving sample's stated concurrency goes before batch times attention groups") {
  const MeasuredFile file =
      read(kSampleHead +
           "a,x; silicon_concurrency=24; "
           "y,vllm,0.1,m,h100_sxm,fp8,agg,1024,128,fp8,,8,4,1,4,4,,,,,60,9\n"
           "b,x,vllm,0.1,m,h100_sxm,fp8,agg,1024,128,fp8,,8,4,1,4,4,,,,,60,9\n");
  REQUIRE(file.points.size() == 2);
  CHECK(file.points[0].concurrency == 24);
  CHECK(file.points[1].concurrency == 32);  // 8 a group, 4 groups
}

TEST_CASE("a row whose run cannot be told is kept with why") {
  const MeasuredFile file = read(kSampleHead +
                                 "a,x,trtllm,1,m,gb200,fp8,disagg,1024,128,fp8,,,,,,,,,,,60,9\n"
                                 "b,x,trtllm,1,m,gb200,fp8,agg,1024,128,fp8,,8,0,1,1,1,,,,,60,9\n");
  REQUIRE(file.points.size() == 2);
  CHECK(holds(file.points[0].unusable, "worker counts"));
  CHECK(holds(file.points[1].unusable, "parallel dimension of 0"));
}

TEST_CASE("equal runs under other names share a configuration") {
  MeasuredFile file = read(kHead + kRow + "b,llama-3.1-8b,h100-sxm,vllm,1024,128,8,51,7.4\n" +
                           "c,llama-3.1-8b,h100-sxm,vllm,1024,128,16,51,7.4\n");
  CHECK(file.points[0].configuration() == file.points[1].configuration());
  CHECK(file.points[0].configuration() != file.points[2].configuration());
}

TEST_CASE("forward passes and stages of runs are read with their units") {
  const MeasuredFile passes =
      read("wall_time_s,prefill_tokens,prefill_kv_tokens,prefill_requests\n0.0547,110,259,1\n");
  REQUIRE(passes.passes.size() == 1);
  CHECK(passes.passes[0].seconds == Approx(0.0547));
  CHECK(passes.passes[0].cached == 259);
  const MeasuredFile runs = read(
      "run_id,device,model,precision,tensor_parallel,max_num_batched_tokens,workload,stage_index,"
      "metric,measured_ms\n1,H100,m,FP8,2,2048,general,-1,e2e_mean,5270\n"
      "1,H100,m,FP8,2,2048,general,-1,e2e_p90,5836\n2,H100,m,FP8,2,2048,general,0,ttft_mean,27\n");
  REQUIRE(runs.runs.size() == 2);
  REQUIRE(runs.runs[0].measured.size() == 1);
  const RunFigures& figures = runs.runs[0].measured[0].figures;
  CHECK(*figures[static_cast<std::size_t>(RunMetric::e2e_mean)] == Approx(5270));
  CHECK(*figures[static_cast<std::size_t>(RunMetric::e2e_p90)] == Approx(5836));
  CHECK_FALSE(figures[static_cast<std::size_t>(RunMetric::ttft_mean)].has_value());
}

TEST_CASE("bad files of points are one line with place and remedy") {
  CHECK(holds(fault(""), "p.csv: expected a CSV file"));
  CHECK(holds(fault("\n"), "empty first line"));
  CHECK(holds(fault("a,b\n1,2\n"), "p.csv:1:1: expected measured points by the columns"));
  CHECK(holds(fault(kHead + "a,m,d,vllm,1024,128\n"), "p.csv:2:20: expected 9 columns"));
  CHECK(holds(fault(kHead + "a,m,d,vllm,-5,128,8,50,7\n"), "p.csv:2:12: "));
  CHECK(holds(fault(kHead + "a,m,d,vllm,1024,128,8,nan,7\n"), "p.csv:2:23: "));
  CHECK(holds(fault(kHead + "a,m,d,vllm,1024,128,8,0,7\n"), "above 0 ms"));
  CHECK(holds(fault(kHead + ",m,d,vllm,1024,128,8,50,7\n"), "column id to be filled"));
  CHECK(holds(fault("id,model,device,engine,prompt_tokens,output_tokens,concurrency,tpt_ms\n"),
              "\"tpt_ms\"; did you mean"));
  CHECK(holds(fault("model,model\n"), "each column once"));
  CHECK(holds(fault(kHead + "\"a,m\n"), "closed quote"));
}
