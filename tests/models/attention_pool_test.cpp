// What attention devices hold and need, by the arithmetic of Lamina (arXiv 2405.01814v2).
#include "models/attention_pool.h"

#include <cmath>

#include "models/memory.h"
#include "models/roofline_cost.h"
#include "tests/catch.h"

using namespace headroom;

namespace {

ShardedModel sharded(const char* name, std::int64_t tensor) {
  const Architecture model = find_model(name, "");
  return shard_model(model, make_precision(model, "bf16", "auto", ""), {tensor, 1}, "");
}

/// The paper's table of devices: all memory usable.
Device device(const char* name, double memory_gb) {
  Device found = find_device(name, "");
  found.usable_memory = Bytes(static_cast<std::int64_t>(memory_gb * 1e9));
  return found;
}

AttentionPool pool(std::int64_t devices, AttentionPartition how = AttentionPartition::heads) {
  AttentionPool made;
  made.device = device("h20", 96);
  made.devices = devices;
  made.partition = how;
  made.path = message_path("fhbn", BytesPerSecond(50e9));
  return made;
}

MemoryOptions bare(double utilisation) {
  MemoryOptions options;
  options.utilisation = utilisation;
  options.block_tokens = Tokens(1);
  options.max_batched_tokens = Tokens(1);
  options.max_sequences = 1;
  options.reserved = Bytes(0);
  return options;
}

struct Cell {
  const char* model;
  std::int64_t vllm_tp, model_tp, attention;
  double weights_gb;  ///< as the paper prints them
  double prompt, output;
  std::int64_t vllm, lamina;
};

constexpr Cell kCells[] = {{"llama-30b", 2, 1, 2, 64.7, 1154.7, 211.1, 39, 90},
                           {"llama-65b", 4, 2, 4, 130.1, 1154.7, 211.1, 47, 110},
                           {"llama-3-70b", 4, 2, 4, 137.5, 1154.7, 211.1, 364, 883},
                           {"llama-3-70b", 4, 2, 4, 137.5, 12035.1, 342.6, 37, 91}};

std::int64_t batch(double tokens, const Cell& cell) {
  return static_cast<std::int64_t>(tokens / (cell.prompt + cell.output / 2));
}

/// Seconds of one iteration by the paper's own rooflines: 60 % of compute, 80 % of bandwidth, one
/// H100 for the model of 137.5 GB, one H20 for attention.
double iteration(double requests, double context) {
  const double parameters = 137.5e9 / 2, hidden = 8192, kv = 327'680;
  const double compute = 2 * parameters * requests / (989e12 * 0.6);
  const double memory = (2 * parameters + 4 * requests * hidden) / (3.35e12 * 0.8);
  return std::max(compute, memory) + requests * context * kv / (4.0e12 * 0.8);
}

}  // namespace

TEST_CASE("attention devices hold as many requests as the paper's arithmetic says") {
  for (const Cell& cell : kCells) {
    INFO(cell.model << ' ' << cell.prompt);
    const Device model_device = device("h100", 80);
    // At 90 % the weights of LLaMA-33B leave one H100 some room, as in the paper.
    const MemoryFit lamina = fit_pool(sharded(cell.model, cell.model_tp), model_device,
                                      pool(cell.attention), bare(0.95));
    CHECK(lamina.fits);
    CHECK(batch(static_cast<double>(lamina.kv_blocks.value()), cell) == cell.lamina);
    // One kind of devices, with the weights that the paper prints.
    const MemoryFit vllm = fit_memory(sharded(cell.model, cell.vllm_tp), model_device, bare(0.9));
    const double gpus = static_cast<double>(cell.vllm_tp);
    const double room = vllm.has.as_double() * gpus - cell.weights_gb * 1e9;
    CHECK(batch(room / (vllm.demand.block.as_double() * gpus), cell) == cell.vllm);
    // With our own count of them within 3 %.
    CHECK(static_cast<double>(batch(static_cast<double>(vllm.kv_blocks.value()), cell)) ==
          Approx(static_cast<double>(cell.vllm)).epsilon(0.03));
  }
}

TEST_CASE("KV alone leaves an H100 room for 29 requests of 8,192 tokens of LLaMA3-70B") {
  const Bytes token = kv_block_bytes(sharded("llama-3-70b", 1), Tokens(1));
  CHECK(token == Bytes(327'680));
  CHECK(80'000'000'000 / (token.value() * 8192) == 29);
}

TEST_CASE("an iteration of 300 decodes of LLaMA3-70B sends 0.885 GB") {
  // 2.25 x 2 B x 8192 x 300 x 80.
  CHECK(traffic_bytes(sharded("llama-3-70b", 2), 300) == Approx(2.25 * 2 * 8192 * 300 * 80));
  // Without grouped heads, 4 x 2 B x 6656 x B x 60.
  CHECK(traffic_bytes(sharded("llama-30b", 1), 10) == Approx(4.0 * 2 * 6656 * 10 * 60));
}

TEST_CASE("300 requests need 22.7 GB/s at 4,096 tokens of context and 13.8 GB/s at 8,192") {
  const ShardedModel model = sharded("llama-3-70b", 1);
  CHECK(least_bandwidth(model, 300, iteration(300, 4096), 0.2).value() ==
        Approx(22.7e9).margin(0.1e9));
  CHECK(least_bandwidth(model, 300, iteration(300, 8192), 0.2).value() ==
        Approx(13.8e9).margin(0.05e9));
  // Both below what one card reaches with either stack.
  CHECK(path_bandwidth(model, pool(1)).value() == Approx(45.7e9));
  CHECK(message_path("nccl", BytesPerSecond(50e9)).card.value() == Approx(35.5e9));
}

TEST_CASE("a message takes half a round trip and its bytes over the cards of the smaller side") {
  const ShardedModel model = sharded("llama-3-70b", 2);
  CHECK(message_seconds(model, pool(4), 0) == Approx(16.5e-6));
  CHECK(message_seconds(model, pool(4), 91.4e9) == Approx(1 + 16.5e-6));
  CHECK(message_seconds(model, pool(1), 45.7e9) == Approx(1 + 16.5e-6));
}

TEST_CASE("a pool of the model's own devices attends as they do, others as their bandwidth says") {
  const ShardedModel model = sharded("llama-3-70b", 4);
  AttentionPool same = pool(4);
  same.device = find_device("h100", "");
  const RooflineTimes own(find_device("h100", "")), other(find_device("h20", ""));
  const Operator attention = decode_attention(model, AttentionSpan::full, 200, 200 * 3000);
  CHECK(PooledTimes(own, own, model, same).time(attention).seconds ==
        Approx(own.time(attention).seconds));
  CHECK(PooledTimes(own, other, model, pool(4)).time(attention).seconds ==
        other.time(attention).seconds);
  const Operator product = layer_token_operators(model, 200).front();
  CHECK(PooledTimes(own, other, model, pool(4)).time(product).seconds == own.time(product).seconds);
}

TEST_CASE("a pool pays for unequal contexts as its own device does with the heads it holds") {
  /// Its share is the number of KV heads it is asked about.
  class Skewed final : public OperatorTimes {
   public:
    [[nodiscard]] OperatorTime time(const Operator& op) const override { return own_.time(op); }
    [[nodiscard]] SkewLaw skew(std::int64_t kv_heads) const override {
      return {SkewCurve({{1, static_cast<double>(kv_heads)}})};
    }

   private:
    RooflineTimes own_{find_device("h20", "")};
  };
  const ShardedModel model = sharded("llama-3-70b", 2);  // of 8 KV heads
  const RooflineTimes h100(find_device("h100", ""));
  const Skewed h20;
  const auto share = [&](const AttentionPool& over) {
    return PooledTimes(h100, h20, model, over).skew(model.kv_heads_per_gpu()).alone.share(1);
  };
  CHECK(share(pool(4)) == 2);
  CHECK(share(pool(4, AttentionPartition::requests)) == 8);
}

TEST_CASE("requests dealt out whole load devices unevenly, the more so the fewer they are") {
  const ShardedModel model = sharded("llama-3-70b", 2);
  const RooflineTimes h100(find_device("h100", "")), h20(find_device("h20", ""));
  const PooledTimes heads(h100, h20, model, pool(4));
  const PooledTimes requests(h100, h20, model, pool(4, AttentionPartition::requests));
  double last = 1e9;
  for (const std::int64_t count : {4, 64, 1024}) {
    const Operator op = decode_attention(model, AttentionSpan::full, count, count * 4000);
    const double over = requests.time(op).seconds / heads.time(op).seconds;
    CHECK(over > 1);
    CHECK(over < last);
    last = over;
  }
  CHECK(last < 1.25);
}

TEST_CASE("heads are only split over devices that divide them, requests over any number") {
  const ShardedModel model = sharded("llama-3-70b", 2);
  CHECK(pool_problem(model, pool(4)).empty());
  CHECK(pool_problem(model, pool(3)).find("8 KV heads") != std::string::npos);
  CHECK(pool_problem(model, pool(3, AttentionPartition::requests)).empty());
  CHECK_FALSE(pool_problem(sharded("deepseek-v3", 8), pool(8)).empty());
}
