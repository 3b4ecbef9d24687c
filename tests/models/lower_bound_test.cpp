#include "models/lower_bound.h"

#include <rapidcheck.h>

#include <algorithm>
#include <string>
#include <vector>

#include "models/operators.h"
#include "tests/catch.h"

using namespace headroom;

namespace {

struct Load {
  std::int64_t prompt, output;
};

/// Seconds that one GPU of each stage needs at its exact roofline, nothing overlapped.
double roofline_seconds(const ShardedModel& model, const Device& device, const BatchShape& shape) {
  double sum = 0;
  for (std::int64_t stage = 0; stage < model.parallel.pipeline; ++stage) {
    for (const Operator& op : list_stage(model, shape, stage)) {
      const double compute = op.flops.value() / device.peak(op.compute).value();
      const double memory = op.bytes().as_double() / device.memory_bandwidth.value();
      sum += std::max(compute, memory) * static_cast<double>(op.repeat);
    }
  }
  return sum;
}

/// Serves all requests together: one iteration of all prompts, then decodes until the last is done.
/// The tightest way there is to serve them on one replica.
double serve_seconds(const ShardedModel& model, const Device& device,
                     const std::vector<Load>& loads) {
  std::vector<PrefillChunk> chunks;
  std::int64_t longest = 0;
  for (const Load& load : loads) {
    chunks.push_back({static_cast<std::int32_t>(load.prompt), 0, 1});
    longest = std::max(longest, load.output);
  }
  BatchShape first;
  first.prefills = chunks;
  double sum = roofline_seconds(model, device, first);
  for (std::int64_t step = 1; step < longest; ++step) {
    BatchShape shape;
    for (const Load& load : loads) {
      if (load.output <= step) continue;
      ++shape.decodes;
      shape.decode_context += load.prompt + step;
    }
    sum += roofline_seconds(model, device, shape);
  }
  return sum;
}

Precision precision_of(const Architecture& model, const std::string& weights) {
  return make_precision(model, weights, "auto", "test");
}

}  // namespace

TEST_CASE("No run at the device's own roofline gets below the bound") {
  CHECK(rc::check([] {
    const std::string name = *rc::gen::element<std::string>(
        "llama-3.1-8b", "opt-13b", "qwen3-30b-a3b", "mistral-7b", "gpt-oss-20b", "qwen3-0.6b");
    const std::string weights = *rc::gen::element<std::string>("bf16", "fp8", "int4");
    const Device device = find_device(*rc::gen::element<std::string>("h100", "a100", "l4"), "test");
    const Architecture model = find_model(name, "test");
    const Parallelism split{*rc::gen::element<std::int64_t>(1, 2, 4),
                            *rc::gen::element<std::int64_t>(1, 2)};
    const ShardedModel some = shard_model(model, precision_of(model, weights), split, "test");
    std::vector<Load> loads;
    LoadWork work(model, some.precision);
    const int requests = *rc::gen::inRange(1, 12);
    for (int i = 0; i < requests; ++i) {
      loads.push_back({*rc::gen::inRange(1, 6'000), *rc::gen::inRange(1, 40)});
      work.add(Tokens(loads.back().prompt), Tokens(loads.back().output));
    }
    // Stages work one after the other here, so the span is their sum.
    const double span = serve_seconds(some, device, loads);
    const LowerBound bound = lower_bound(work, model, some.precision, device,
                                         duration_from_seconds(span), UsdPerHour(3.6));
    const double used = static_cast<double>(split.gpus());
    RC_ASSERT(bound.compute_gpus <= used * (1 + 1e-6));
    RC_ASSERT(bound.bandwidth_gpus <= used * (1 + 1e-6));
    RC_ASSERT(bound.elastic.value() <= used * span * 0.001 * (1 + 1e-6));
    if (bound.capacity_gpus <= used) RC_ASSERT(bound.gpus <= split.gpus());
  }));
}

TEST_CASE("A compute-bound load needs its work over peak and span") {
  const Architecture model = find_model("llama-3.1-8b", "test");
  const Device h100 = find_device("h100", "test");
  LoadWork work(model, precision_of(model, "bf16"));
  for (int i = 0; i < 10'000; ++i) work.add(Tokens(1'000), Tokens(1));
  // 6,979,321,856 matmul parameters x 2 x 1e7 tokens = 1.39586e17; attention 4 x 4096 x 32 x
  // 500,500 keys x 1e4 = 2.62406e15; LM head 2 x 128,256 x 4096 x 1e4 = 1.05068e13. 1.42221e17 over
  // 989e12 x 10 s = 14.38.
  const LowerBound bound =
      lower_bound(work, model, precision_of(model, "bf16"), h100, kSecond * 10, UsdPerHour(3));
  CHECK(bound.compute_gpus == Approx(14.3803).epsilon(0.0001));
  CHECK(bound.gpus == 15);
  CHECK(bound.binding == BindingResource::compute);
  // 15 devices for 10 s at 3 USD/h; 143.8 device-seconds.
  CHECK(bound.fleet.value() == Approx(15 * 10 * 3 / 3600.0));
  CHECK(bound.elastic.value() == Approx(143.803 * 3 / 3600).epsilon(0.0001));
}

TEST_CASE("Long answers are bound by reading their KV caches") {
  const Architecture model = find_model("llama-2-70b", "test");
  const Precision precision = precision_of(model, "bf16");
  LoadWork work(model, precision);
  work.add(Tokens(4'000), Tokens(3));
  // Passes after the first stand at contexts 4,001 and 4,002: 8,003 x 327,680 bytes.
  CHECK(work.kv_read_bytes() == Approx(8'003.0 * 327'680));
  // Three passes over 68,713,185,280 weights of layers and LM head, 2 bytes each.
  CHECK(work.weight_read_bytes() == Approx(3 * 2 * 68'713'185'280.0));
}

TEST_CASE("What requests share is not counted again") {
  const Architecture model = find_model("llama-3.1-8b", "test");
  const Precision precision = precision_of(model, "bf16");
  LoadWork shared(model, precision);
  shared.add(Tokens(1'000), Tokens(10), Tokens(900));
  LoadWork alone(model, precision);
  alone.add(Tokens(1'000), Tokens(10));
  // 109 of 1,009 tokens are computed; KV: 9 passes read their own 101 ... 109 keys of 1,001 ...
  // 1,009.
  CHECK(shared.linear_flops().value() == Approx(alone.linear_flops().value() * 109 / 1009));
  CHECK(shared.kv_read_bytes() == Approx(131'072.0 * 9 * 105));
  // A prompt known to its end is still computed at its last token.
  LoadWork known(model, precision);
  known.add(Tokens(1'000), Tokens(1), Tokens(1'000));
  CHECK(known.linear_flops().value() == Approx(alone.linear_flops().value() / 1009));
}

TEST_CASE("A load of nothing needs nothing, a small one at least the model's own memory") {
  const Architecture model = find_model("llama-2-70b", "test");
  const Precision precision = precision_of(model, "bf16");
  const Device h100 = find_device("h100", "test");
  LoadWork work(model, precision);
  CHECK(lower_bound(work, model, precision, h100, kHour, UsdPerHour(3)).gpus == 0);
  work.add(Tokens(10), Tokens(10));
  const LowerBound bound = lower_bound(work, model, precision, h100, kHour, UsdPerHour(3));
  // 128.5 GiB on devices of 79.6.
  CHECK(bound.gpus == 2);
  CHECK(bound.binding == BindingResource::capacity);
}
