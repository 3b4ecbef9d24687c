#include "models/config_json.h"

#include <filesystem>
#include <string>

#include "models/architecture.h"
#include "sim/check.h"
#include "tests/catch.h"
#include "tests/paths.h"

using namespace headroom;

namespace {

const std::string kShared = std::string(HEADROOM_SOURCE_DIR) + "/../shared/model_configs/";

bool shared_configs_missing() {
  if (std::filesystem::exists(kShared)) return false;
  WARN("skipped: no shared model configurations beside the source tree");
  return true;
}

const std::string kSmallLlama = R"({
  "architectures": ["LlamaForCausalLM"], "hidden_size": 64, "intermediate_size": 96,
  "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
  "vocab_size": 100, "max_position_embeddings": 128, "torch_dtype": "float16"})";

std::string with(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

std::string error_of(const std::string& text) {
  try {
    (void)parse_config_json(text, "c.json");
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

void check_same(const Architecture& a, const Architecture& b) {
  INFO(a.name << " and " << b.name);
  CHECK(a.family == b.family);
  CHECK(a.layers == b.layers);
  CHECK(a.heads == b.heads);
  CHECK(a.kv_heads == b.kv_heads);
  CHECK(a.head_dim == b.head_dim);
  CHECK(a.ffn_hidden == b.ffn_hidden);
  CHECK(a.experts == b.experts);
  CHECK(a.experts_per_token == b.experts_per_token);
  CHECK(a.expert_ffn_hidden == b.expert_ffn_hidden);
  CHECK(a.sliding_window == b.sliding_window);
  CHECK(a.windowed_layers == b.windowed_layers);
  CHECK(a.max_positions == b.max_positions);
  CHECK(a.q_latent == b.q_latent);
  CHECK(a.kv_latent == b.kv_latent);
  CHECK(a.rope_dim == b.rope_dim);
  CHECK(a.value_dim == b.value_dim);
  CHECK(a.dense_layers == b.dense_layers);
  CHECK(a.native == b.native);
  CHECK(a.native_experts == b.native_experts);
  CHECK(count_parameters(a).total() == count_parameters(b).total());
}

}  // namespace

TEST_CASE("A bundled model equals the published config.json it describes") {
  if (shared_configs_missing()) return;
  int compared = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kShared)) {
    const std::string stem = entry.path().stem().string();
    if (entry.path().extension() != ".json") continue;
    const std::string name = stem.substr(stem.find("--") + 2);
    check_same(find_model(name, "test"), read_config_json(entry.path().string()));
    ++compared;
  }
  CHECK(compared >= 13);
}

TEST_CASE("An unknown architecture is refused in one line that says what is supported") {
  const std::string line =
      error_of(with(kSmallLlama, "LlamaForCausalLM", "Qwen3_5MoeForConditionalGeneration"));
  CHECK(line.find("c.json: /architectures/0: ") == 0);
  CHECK(line.find("Qwen3_5MoeForConditionalGeneration") != std::string::npos);
  CHECK(line.find("DeepseekV3ForCausalLM") != std::string::npos);
  CHECK(line.find('\n') == std::string::npos);
}

TEST_CASE("A small Llama is read field by field") {
  const Architecture model = parse_config_json(kSmallLlama, "c.json");
  CHECK(model.head_dim == 16);
  CHECK(model.native == DataType::fp16);
  // Two layers of 64 x (64 + 2 x 32) + 64 x 64 attention, 3 x 64 x 96 FFN, 2 x 64 norms; 64 final
  // norm; 2 x 100 x 64 tables.
  CHECK(count_parameters(model).total() == 2 * (12'288 + 18'432 + 128) + 64 + 12'800);
}

TEST_CASE("Missing KV heads mean as many as heads, as in the first Llama configurations") {
  const std::string text = with(kSmallLlama, "\"num_key_value_heads\": 2,", "");
  CHECK(parse_config_json(text, "c.json").kv_heads == 4);
}

TEST_CASE("Each mistake in a config.json is one line with file, pointer, expectation and finding") {
  struct Case {
    std::string text;
    std::string starts;
    std::string holds;
  };
  const std::vector<Case> cases{
      {with(kSmallLlama, "\"hidden_size\": 64,", ""), "c.json: /hidden_size: ", "got nothing"},
      {with(kSmallLlama, "\"hidden_size\": 64", "\"hidden_size\": \"64\""),
       "c.json: /hidden_size: ", "\"64\""},
      {with(kSmallLlama, "\"hidden_size\": 64", "\"hidden_size\": 64.5"),
       "c.json: /hidden_size: ", "64.5"},
      {with(kSmallLlama, "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 0"),
       "c.json: /num_hidden_layers: ", "from 1 to 1000"},
      {with(kSmallLlama, "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 99999999999999999999"),
       "c.json: /num_hidden_layers: ", "99999999999999999999"},
      {with(kSmallLlama, "\"num_attention_heads\": 4", "\"num_attention_heads\": 7"),
       "c.json: /num_attention_heads: ", "divisor of hidden_size 64"},
      {with(kSmallLlama, "\"num_key_value_heads\": 2", "\"num_key_value_heads\": 3"),
       "c.json: /num_key_value_heads: ", "got 3"},
      {with(kSmallLlama, "float16", "float8"), "c.json: /torch_dtype: ", "float8"},
      {with(kSmallLlama, "\"vocab_size\": 100", "\"vocab_size\": [100]"),
       "c.json: /vocab_size: ", "list"},
      {with(kSmallLlama, "[\"LlamaForCausalLM\"]", "[]"), "c.json: /architectures: ", "supported"},
      {with(kSmallLlama, "[\"LlamaForCausalLM\"]", "\"x\""), "c.json: /architectures: ", "list"},
      {with(kSmallLlama, "\"vocab_size\": 100",
            "\"vocab_size\": 100, \"quantization_config\": {\"quant_method\": \"bitsandbytes\"}"),
       "c.json: /quantization_config/quant_method: ", "bitsandbytes"},
      {with(kSmallLlama, "\"vocab_size\": 100",
            "\"vocab_size\": 100, \"quantization_config\": {\"quant_method\": \"awq\", \"bits\": "
            "0}"),
       "c.json: /quantization_config/bits: ", "from 1 to 32"},
      {"[]", "c.json: expected", "object"},
      {"{\"architectures\": [", "c.json:1:", ""},
      {"", "c.json:", ""},
  };
  for (const Case& c : cases) {
    const std::string line = error_of(c.text);
    INFO(c.text);
    INFO(line);
    CHECK(line.find(c.starts) == 0);
    CHECK(line.find(c.holds) != std::string::npos);
    CHECK(line.find('\n') == std::string::npos);
  }
}

TEST_CASE("Sizes at every bound at once do not overflow but are refused") {
  std::string text = with(kSmallLlama, "\"hidden_size\": 64", "\"hidden_size\": 131072");
  text = with(text, "\"intermediate_size\": 96", "\"intermediate_size\": 1000000");
  text = with(text, "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1000");
  CHECK(error_of(text).find("c.json: /hidden_size: expected a model of at most 1e14") == 0);
}

TEST_CASE("A config.json cut anywhere ends in an InputError, never in a crash") {
  for (std::size_t length = 0; length + 1 < kSmallLlama.size(); ++length) {
    CHECK_THROWS_AS(parse_config_json(kSmallLlama.substr(0, length), "c.json"), InputError);
  }
}

TEST_CASE("Files that cannot be configurations are refused by what they are") {
  CHECK_THROWS_WITH(read_small_file(HEADROOM_SOURCE_DIR), Catch::Matchers::Contains("directory"));
  CHECK_THROWS_WITH(read_small_file("no/such/config.json"),
                    Catch::Matchers::Contains("check the path"));
  CHECK_THROWS_WITH(read_small_file("/dev/zero"), Catch::Matchers::Contains("at most 4 MiB"));
}
