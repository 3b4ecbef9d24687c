#include "models/memory.h"

#include <rapidcheck.h>

#include <cmath>
#include <string>
#include <vector>

#include "tests/catch.h"
#include "tests/models/distserve_kv.h"

using namespace headroom;

namespace {

ShardedModel sharded(const std::string& name, std::int64_t tensor, std::int64_t pipeline = 1,
                     const std::string& weights = "bf16") {
  const Architecture model = find_model(name, "test");
  return shard_model(model, make_precision(model, weights, "auto", "test"), {tensor, pipeline},
                     "test");
}

double gib(Bytes bytes) { return bytes.as_double() / (1 << 30); }

}  // namespace

TEST_CASE("DistServe's published KV capacities follow from its formula") {
  int exact = 0;
  for (const KvRow& row : published_kv()) {
    INFO(row.model << " tp " << row.tensor << " pp " << row.pipeline);
    const Tokens tokens = distserve_kv_tokens(find_model(row.model, "test"),
                                              {row.tensor, row.pipeline}, kDistserveMemory);
    if (tokens == Tokens(row.tokens)) ++exact;
    CHECK(tokens.value() >= row.tokens - 16);
    CHECK(tokens.value() <= row.tokens + 16);
  }
  // All but one row to the token; that one within a block.
  CHECK(exact >= static_cast<int>(published_kv().size()) - 1);
}

TEST_CASE("A model alone on one GPU weighs what its parameters weigh") {
  for (const Architecture& model : bundled_models()) {
    INFO(model.name);
    const ShardedModel one = sharded(model.name, 1);
    CHECK(weight_bytes_per_gpu(one) == weight_bytes(model, one.precision));
  }
}

TEST_CASE("GPUs together hold at least the whole model, and little more") {
  CHECK(rc::check([] {
    const std::vector<Architecture>& models = bundled_models();
    const Architecture& model = models[*rc::gen::inRange<std::size_t>(0, models.size())];
    const Parallelism split{*rc::gen::element<std::int64_t>(1, 2, 4, 8),
                            *rc::gen::element<std::int64_t>(1, 2, 4)};
    RC_PRE(sharding_problem(model, split).empty());
    const ShardedModel some = sharded(model.name, split.tensor, split.pipeline);
    const double together =
        weight_bytes_per_gpu(some).as_double() * static_cast<double>(split.gpus());
    const double whole = weight_bytes(model, some.precision).as_double();
    RC_ASSERT(together >= whole);
    // What is repeated: one table a stage, norms, router, positions, KV heads beyond their number.
    const ParameterCounts counts = count_parameters(model);
    const double repeated = static_cast<double>(
        (counts.embedding + counts.vectors + counts.router) * split.gpus() + counts.attention * 8);
    RC_ASSERT(together <= whole + 2 * repeated);
  }));
}

TEST_CASE("KV blocks shrink with tp until KV heads run out") {
  const Tokens sixteen(16);
  // Llama-2-70B: 16 x 327,680 bytes over tp GPUs, 8 KV heads.
  CHECK(kv_block_bytes(sharded("llama-2-70b", 1), sixteen) == Bytes(16 * 327'680));
  CHECK(kv_block_bytes(sharded("llama-2-70b", 8), sixteen) == Bytes(2 * 327'680));
  CHECK(kv_block_bytes(sharded("llama-2-70b", 16), sixteen) == Bytes(2 * 327'680));
  CHECK(kv_block_bytes(sharded("llama-2-70b", 2, 4), sixteen) == Bytes(2 * 327'680));
}

TEST_CASE("What does not fit is an answer that names the smallest split that does") {
  const MemoryFit fit = fit_memory(sharded("llama-2-70b", 1), find_device("h100", "test"), {});
  CHECK_FALSE(fit.fits);
  CHECK(fit.kv_blocks == Blocks(0));
  // 68.98e9 parameters at 2 bytes are 128.5 GiB; activations 8192 x (2 x 8192 + 3 x 28672) x 2
  // bytes are 1.6 GiB, 551 MiB reserved: 130.6 with one block of 5 MiB. An H100 has 0.9 x 79.65
  // = 71.7.
  CHECK(gib(fit.demand.weights) == Approx(128.48).epsilon(0.001));
  CHECK(gib(fit.demand.activations) == Approx(1.5625).epsilon(0.001));
  CHECK(fit.smallest_tp == std::int64_t{2});
  CHECK(fit.text == "needs 130.6 GiB a GPU at tp 1, has 71.7; smallest that fits: tp 2");
}

TEST_CASE("The smallest split skips those that the model does not allow") {
  // Qwen2.5-14B has 40 heads, 8 KV heads: on 12 GB boards tp 3 would be enough memory but is
  // illegal.
  Device small = find_device("l4", "test");
  small.usable_memory = Bytes(std::int64_t{14} << 30);
  const MemoryFit fit = fit_memory(sharded("qwen2.5-14b", 1), small, {});
  CHECK_FALSE(fit.fits);
  CHECK(fit.smallest_tp == std::int64_t{4});
}

TEST_CASE("A model that no split fits says so") {
  Device tiny = find_device("l4", "test");
  tiny.usable_memory = Bytes(std::int64_t{1} << 30);
  const MemoryFit fit = fit_memory(sharded("llama-3.1-405b", 8, 2), tiny, {});
  CHECK_FALSE(fit.smallest_tp.has_value());
  CHECK(fit.text.find("at tp 8, pp 2, has 0.9; no tp up to 72 fits") != std::string::npos);
}

TEST_CASE("KV blocks fill what weights, activations and reserve leave, and no more") {
  CHECK(rc::check([] {
    const std::string name =
        *rc::gen::element<std::string>("llama-3.1-8b", "qwen3-30b-a3b", "opt-13b", "yi-34b");
    const std::string device_name = *rc::gen::element<std::string>("h100", "a100", "h200", "l40s");
    const Device device = find_device(device_name, "test");
    MemoryOptions options;
    options.utilisation = *rc::gen::inRange(50, 100) * 0.01;
    options.max_batched_tokens = Tokens(*rc::gen::inRange(1, 32'768));
    const ShardedModel some = sharded(name, *rc::gen::element<std::int64_t>(1, 2, 4));
    const MemoryFit fit = fit_memory(some, device, options);
    const Bytes block = fit.demand.block;
    if (!fit.fits) {
      RC_ASSERT(fit.demand.fixed() + block > fit.has);
      return;
    }
    const Bytes filled = fit.demand.fixed() + block * fit.kv_blocks.value();
    RC_ASSERT(filled <= fit.has);
    RC_ASSERT(filled + block > fit.has);
    RC_ASSERT(*fit.smallest_tp <= some.parallel.tensor);
  }));
}

TEST_CASE("The demanded KV decides whether a model fits") {
  MemoryOptions options;
  options.least_kv = Tokens(131'072);
  // Llama-3.1-8B: 131,072 tokens x 131,072 bytes = 16 GiB beside 15 GiB of weights: not on 24 GB,
  // on 80.
  CHECK_FALSE(fit_memory(sharded("llama-3.1-8b", 1), find_device("a10", "test"), options).fits);
  CHECK(fit_memory(sharded("llama-3.1-8b", 1), find_device("h100", "test"), options).fits);
}

TEST_CASE("A stated reserve replaces the default one byte for byte") {
  const ShardedModel some = sharded("llama-3.1-8b", 2);
  const Device h100 = find_device("h100", "test");
  MemoryOptions options;
  options.reserved = Bytes(0);
  const MemoryFit without = fit_memory(some, h100, options);
  const MemoryFit with = fit_memory(some, h100, {});
  // 551 MiB of context and 342 MiB of communication buffers at tp 2; blocks of 1 MiB a GPU.
  CHECK(with.demand.total() - without.demand.total() == Bytes(std::int64_t{893} << 20));
  CHECK(without.kv_blocks - with.kv_blocks == Blocks(893));
}

TEST_CASE("An engine's memory share is of all, of what is free, or of all but activations") {
  // Weights w, activations a, reserve r, all m of a device; share s. KV takes
  //   total: s m - w - a - r;  free: s (m - w - a - r);  static pool: s (m - r) - w, but never what
  //   activations need. Blocks are the floors.
  const ShardedModel model = sharded("llama-3.1-8b", 1);
  const Device device = find_device("h100-sxm", "test");
  MemoryOptions options;
  options.utilisation = 0.8;
  const MemoryDemand demand = memory_demand(model, options);
  const auto m = device.usable_memory.as_double();
  const auto block = demand.block.as_double();
  const auto fixed = demand.fixed().as_double();
  const auto blocks = [&](MemoryShare share) {
    options.share = share;
    return fit_memory(model, device, options).kv_blocks.as_double();
  };
  CHECK(std::abs(blocks(MemoryShare::total) - (0.8 * m - fixed) / block) <= 1);
  CHECK(std::abs(blocks(MemoryShare::free) - 0.8 * (m - fixed) / block) <= 1);
  const double pool = 0.8 * (m - demand.reserved.as_double()) - demand.weights.as_double();
  CHECK(std::abs(blocks(MemoryShare::static_pool) - pool / block) <= 1);
}

TEST_CASE("A static pool never takes the room of activations") {
  const ShardedModel model = sharded("llama-3.1-8b", 1);
  const Device device = find_device("h100-sxm", "test");
  MemoryOptions options;
  options.utilisation = 1;
  options.share = MemoryShare::static_pool;
  const MemoryFit fit = fit_memory(model, device, options);
  CHECK(fit.has == device.usable_memory);
  CHECK(fit.demand.block * fit.kv_blocks.value() + fit.demand.fixed() <= device.usable_memory);
}
