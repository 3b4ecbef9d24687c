#include "models/architecture.h"

#include <string>

#include "sim/check.h"
#include "tests/catch.h"

using namespace headroom;

namespace {

Architecture model(const std::string& name) { return find_model(name, "test"); }

std::int64_t total(const std::string& name) { return count_parameters(model(name)).total(); }

}  // namespace

TEST_CASE("KV bytes per token are those of the papers") {
  // vLLM paper section 3: 800 KB a token for OPT-13B = 2 x 5120 x 40 x 2. DistServe: 4.5 MiB for
  // OPT-175B.
  CHECK(kv_bytes_per_token(model("opt-13b"), DataType::fp16) == Bytes(819'200));
  CHECK(kv_bytes_per_token(model("opt-66b"), DataType::fp16) == Bytes(2'359'296));
  CHECK(kv_bytes_per_token(model("opt-175b"), DataType::fp16) == Bytes(4'718'592));
  // Grouped-query attention: 2 x 80 layers x 8 heads x 128 x 2 bytes.
  CHECK(kv_bytes_per_token(model("llama-2-70b"), DataType::bf16) == Bytes(327'680));
  CHECK(kv_bytes_per_token(model("llama-2-70b"), DataType::fp8) == Bytes(163'840));
}

TEST_CASE("Latent attention keeps one vector a token, whatever the heads") {
  // DeepSeek-V3 report, section 2.1: 512 + 64 numbers a layer; 61 layers, 2 bytes.
  CHECK(kv_bytes_per_token(model("deepseek-v3"), DataType::bf16) == Bytes(61 * 576 * 2));
  CHECK(kv_bytes_per_token(model("kimi-k2"), DataType::fp8) == Bytes(61 * 576));
}

TEST_CASE("Micro-scaled experts leave the rest of their checkpoint as it is") {
  const Architecture oss = model("gpt-oss-120b");
  const Precision fast = make_precision(oss, "mxfp4_fp8", "auto", "t");
  CHECK(fast.linear == DataType::bf16);
  CHECK(fast.experts == DataType::mxfp4_fp8);
  CHECK(compute_type(fast.experts, fast.activations) == DataType::fp8_static);
}

TEST_CASE("Parameter counts are the checkpoints' own, tensor by tensor") {
  // Element counts that Hugging Face shows for the safetensors files of these models.
  CHECK(total("llama-3.1-8b") == 8'030'261'248);
  CHECK(total("llama-3.1-70b") == 70'553'706'496);
  CHECK(total("llama-2-7b") == 6'738'415'616);
  CHECK(total("mistral-7b") == 7'241'732'096);
  CHECK(total("mixtral-8x7b") == 46'702'792'704);
  CHECK(total("qwen2.5-7b") == 7'615'616'512);
  CHECK(total("qwen3-8b") == 8'190'735'360);
  CHECK(total("qwen3-0.6b") == 596'049'920);
  // OPT-125M by hand: (50272 + 2050) x 768 + 12 x (4 x 768^2 + 8 x 768^2 + 4 x 768 + 3072 + 768 + 4
  // x 768)
  // + 2 x 768 = 40,183,296 + 12 x 7,087,872 + 1,536.
  CHECK(total("opt-125m") == 125'239'296);
}

TEST_CASE("Bundled models have the sizes of their names") {
  struct Row {
    const char* name;
    double billions;  // as published in paper or card
    double within;    // share
  };
  for (const Row& row : {
           Row{"llama-3.1-405b", 405.9, 0.001},
           Row{"llama-3.2-1b", 1.24, 0.005},
           Row{"llama-3.2-3b", 3.21, 0.005},
           Row{"qwen3-32b", 32.8, 0.002},
           Row{"qwen3-14b", 14.8, 0.003},
           Row{"qwen3-30b-a3b", 30.5, 0.002},
           Row{"qwen3-235b-a22b", 235.1, 0.001},
           Row{"mixtral-8x22b", 140.6, 0.001},
           Row{"qwen2.5-72b", 72.7, 0.001},
           Row{"qwen2.5-14b", 14.8, 0.003},
           Row{"qwen2.5-32b", 32.8, 0.002},
           Row{"qwen2-57b-a14b", 57.4, 0.002},
           Row{"qwen1.5-moe-a2.7b", 14.3, 0.002},
           Row{"yi-34b", 34.4, 0.002},
           Row{"yi-6b", 6.06, 0.002},
           Row{"deepseek-llm-67b", 67.4, 0.002},
           Row{"deepseek-v3", 671.0, 0.001},  // without the prediction layer
           Row{"kimi-k2", 1026.4, 0.002},     // published as 1.04 T with rounding
           Row{"minimax-m2.5", 228.7, 0.001},
           Row{"llama-4-scout", 107.8, 0.001},
           Row{"gpt-oss-120b", 116.83, 0.001},
           Row{"gpt-oss-20b", 20.91, 0.001},
           Row{"opt-13b", 12.85, 0.002},
           Row{"opt-66b", 65.7, 0.002},
           Row{"opt-175b", 174.6, 0.002},
           Row{"mistral-small-24b", 23.6, 0.002},
           Row{"mistral-large-123b", 122.6, 0.001},
           Row{"mistral-nemo-12b", 12.25, 0.001},
           Row{"llama-65b", 65.3, 0.001},
           Row{"tinyllama-1.1b", 1.10, 0.002},
       }) {
    INFO(row.name);
    CHECK(static_cast<double>(total(row.name)) * 1e-9 == Approx(row.billions).epsilon(row.within));
  }
}

TEST_CASE("Active parameters of a mixture are what one token meets") {
  // Cards: Qwen3-30B-A3B 3.3 B, gpt-oss-120b 5.1 B, Mixtral-8x7B 12.9 B active; theirs include
  // embedding and LM head (gpt-oss counts the LM head only).
  const auto active = [](const std::string& name) {
    const Architecture m = model(name);
    return static_cast<double>(active_matmul_parameters(m)) * 1e-9;
  };
  const auto table = [](const std::string& name) {
    const Architecture m = model(name);
    return static_cast<double>(m.vocab * m.hidden) * 1e-9;
  };
  CHECK(active("qwen3-30b-a3b") + 2 * table("qwen3-30b-a3b") == Approx(3.3).epsilon(0.02));
  CHECK(active("mixtral-8x7b") + 2 * table("mixtral-8x7b") == Approx(12.9).epsilon(0.005));
  CHECK(active("gpt-oss-120b") + table("gpt-oss-120b") == Approx(5.1).epsilon(0.01));
  // DeepSeek-V3 report: 37 B; Kimi-K2 report: 32.6 B; both without the token table's rows.
  CHECK(active("deepseek-v3") + table("deepseek-v3") == Approx(37).epsilon(0.02));
  CHECK(active("kimi-k2") + table("kimi-k2") == Approx(32.6).epsilon(0.03));
}

TEST_CASE("Weights take their format's bits, embeddings those of the activations") {
  const Architecture llama = model("llama-3.1-8b");
  const Precision bf16 = make_precision(llama, "bf16", "auto", "s.json: /model");
  CHECK(weight_bytes(llama, bf16) == Bytes(2 * 8'030'261'248));
  const Precision fp8 = make_precision(llama, "fp8", "fp8", "s.json: /model");
  CHECK(fp8.activations == DataType::bf16);
  CHECK(fp8.kv_cache == DataType::fp8);
  // 6,979,321,856 matrix weights in the layers at 1 byte; 2 x 128256 x 4096 + 65 x 4096 others
  // at 2.
  CHECK(weight_bytes(llama, fp8) == Bytes(6'979'321'856 + 2 * (1'050'673'152 + 266'240)));
  // gpt-oss-120b is published as 60.8 GiB: experts in 4.25 bits, everything else bf16.
  const Architecture oss = model("gpt-oss-120b");
  const Precision native = make_precision(oss, "native", "auto", "s.json: /model");
  CHECK(weight_bytes(oss, native).as_double() / (1 << 30) == Approx(60.8).epsilon(0.005));
}

TEST_CASE("Group scales are part of a quantised weight's size") {
  CHECK(storage_bytes(DataType::int4, 128) == Bytes(67));  // 64 + 2 + 0.5, rounded up
  CHECK(storage_bytes(DataType::mxfp4, 32) == Bytes(17));  // 16 + 1
  CHECK(storage_bytes(DataType::fp32, 3) == Bytes(12));
  CHECK(compute_type(DataType::int4, DataType::fp16) == DataType::fp16);
  CHECK(compute_type(DataType::fp8, DataType::bf16) == DataType::fp8);
}

TEST_CASE("Attention work clips the layers that have a window") {
  // Mistral 7B: 32 layers x 4 x 4096 wide x min(context, 4096).
  CHECK(attention_flops(model("mistral-7b"), Tokens(10'000)).value() == 32.0 * 4 * 4096 * 4096);
  // gpt-oss-20b: 12 layers see 1000 keys, 12 see 128; 64 heads of 64.
  CHECK(attention_flops(model("gpt-oss-20b"), Tokens(1'000)).value() ==
        4.0 * 4096 * (12 * 1000 + 12 * 128));
}

TEST_CASE("A model is found under the names people use") {
  CHECK(model("meta-llama/Meta-Llama-3.1-8B-Instruct").name == "llama-3.1-8b");
  CHECK(model("Llama-2-7b-chat-hf").name == "llama-2-7b");
  CHECK(model("mistralai/Mixtral-8x7B-Instruct-v0.1").name == "mixtral-8x7b");
  CHECK(model("facebook/opt-13b").name == "opt-13b");
  CHECK(model("Qwen/Qwen3-30B-A3B").name == "qwen3-30b-a3b");
}

TEST_CASE("An unknown model names the nearest one") {
  try {
    (void)find_model("lama-3.1-8b", "s.json: /model/name");
    FAIL("found a model that does not exist");
  } catch (const InputError& error) {
    const std::string line = error.what();
    CHECK(line.find("s.json: /model/name: expected") == 0);
    CHECK(line.find("llama-3.1-8b") != std::string::npos);
  }
}

TEST_CASE("Formats that do not exist are refused with their place") {
  const Architecture llama = model("llama-3.1-8b");
  CHECK_THROWS_AS(make_precision(llama, "fp7", "auto", "s.json: /model"), InputError);
  CHECK_THROWS_AS(make_precision(llama, "bf16", "int4", "s.json: /model"), InputError);
}
