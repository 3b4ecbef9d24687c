#include "models/executed_cost.h"

#include <array>
#include <memory>

#include "models/roofline_cost.h"
#include "tests/catch.h"

using namespace headroom;

namespace {

/// Everything after another, or compute beside everything else as far as dependencies let it.
class TestPolicy final : public ExecutionPolicy {
 public:
  enum class Kind { sequential, halves };
  explicit TestPolicy(Kind kind) : kind_(kind) {}
  [[nodiscard]] LayerPlan plan(const LayerView& layer) const override {
    if (kind_ == Kind::sequential) return sequential_plan(layer);
    LayerPlan plan;
    const std::int64_t half = layer.tokens() / 2;
    for (std::size_t op = 0; op < layer.operators().size(); ++op) {
      for (const std::int64_t first : {std::int64_t{0}, half}) {
        NanoOperator one;
        one.operators = std::uint32_t{1} << op;
        one.first = first;
        one.past = first == 0 ? half : layer.tokens();
        one.elastic = layer.operators()[op].resource == Resource::compute;
        one.share = 0.01;
        plan.nano.push_back(one);
      }
    }
    return plan;
  }

 private:
  Kind kind_;
};

struct Deployed {
  Device device;
  ShardedModel sharded;
  RooflineTimes times;
  EngineDescription engine;
};

Deployed deploy(const char* model, std::int64_t tensor, std::int64_t pipeline) {
  Device device = find_device("a100", "");
  const Architecture architecture = find_model(model, "");
  ShardedModel sharded = shard_model(architecture, make_precision(architecture, "bf16", "auto", ""),
                                     {tensor, pipeline}, "");
  RooflineTimes times(device);
  return {std::move(device), std::move(sharded), std::move(times), find_engine("vllm", "")};
}

ExecutedCost executed(const Deployed& on, TestPolicy::Kind kind) {
  const TestPolicy policy(kind);
  return ExecutedCost(on.sharded, on.engine, on.times, on.device, {&policy, "test"});
}

Int128 total(const CostLedger& ledger) {
  Int128 sum = 0;
  for (const auto& row : ledger.fixed_ns)
    for (const Int128 amount : row) sum += amount;
  return sum;
}

BatchShape decodes(std::int64_t count, std::int64_t context, std::int64_t padded = 0) {
  BatchShape shape;
  shape.decodes = count;
  shape.decode_context = context;
  shape.padded_decodes = padded;
  return shape;
}

constexpr std::array<std::int64_t, 7> kCounts{1, 63, 64, 65, 300, 1024, 1999};
constexpr std::array<std::int64_t, 6> kContexts{1, 17, 200, 1000, 4000, 30'000};

}  // namespace

TEST_CASE("a plan of one operator after the other costs what no plan costs") {
  for (const auto& on : {deploy("llama-2-70b", 8, 1), deploy("mixtral-8x7b", 2, 2)}) {
    const ExecutedCost cost = executed(on, TestPolicy::Kind::sequential);
    const CompiledCost plain(on.sharded, on.engine, on.times, on.device.pcie_bandwidth);
    for (const std::int64_t count : kCounts) {
      for (const std::int64_t context : kContexts) {
        BatchShape shape = decodes(count, count * context);
        CHECK(cost.price(shape).stage.value() ==
              Approx(plain.price(shape).stage.value()).epsilon(1e-4));
        const std::array<PrefillChunk, 2> chunks{{{700, 100, 1}, {600, 0, 0}}};
        shape.prefills = chunks;
        CHECK(cost.price(shape).stage.value() ==
              Approx(plain.price(shape).stage.value()).epsilon(1e-4));
      }
    }
  }
}

TEST_CASE("overlapping compute, attention and network takes less time, never less than compute") {
  const Deployed on = deploy("llama-2-70b", 8, 1);
  const ExecutedCost cost = executed(on, TestPolicy::Kind::halves);
  const CompiledCost plain(on.sharded, on.engine, on.times, on.device.pcie_bandwidth);
  BatchShape shape = decodes(1024, 1024 * 768);
  const std::array<PrefillChunk, 2> chunks{{{512, 0, 1}, {512, 0, 1}}};
  shape.prefills = chunks;
  const std::int64_t overlapped = cost.price(shape).stage.value();
  CHECK(overlapped < plain.price(shape).stage.value());
  double gemm = 0;
  for (const Operator& op : list_stage(on.sharded, shape, 0))
    if (class_of(op.kind) == OperatorClass::gemm)
      gemm += on.times.time(op).seconds * static_cast<double>(op.repeat);
  CHECK(static_cast<double>(overlapped) > gemm * 1e9);
}

TEST_CASE("an executed decode batch lies on its line, and more context never takes less time") {
  const Deployed on = deploy("llama-2-70b", 8, 1);
  const ExecutedCost cost = executed(on, TestPolicy::Kind::halves);
  for (const std::int64_t count : kCounts) {
    for (const std::int64_t padded : {0, 5}) {
      std::int64_t context = count;
      std::int64_t before = 0;
      for (int segment = 0; segment < 60; ++segment) {
        const DecodeLine line = cost.decode_line(count, padded, context);
        REQUIRE(line.slope >= 0);
        REQUIRE(line.last_context >= context);
        for (const std::int64_t at :
             {context, (context + line.last_context) / 2, line.last_context}) {
          CHECK(cost.price(decodes(count, at, padded)).stage == line.at(at));
          CHECK(line.at(at).value() >= before);
          before = line.at(at).value();
        }
        if (line.last_context > (std::int64_t{1} << 32)) break;
        context = line.last_context + 1;
      }
    }
  }
}

TEST_CASE("what is booked sums to the executed price, and repeated bookings to one") {
  const Deployed on = deploy("llama-2-70b", 8, 1);
  const ExecutedCost cost = executed(on, TestPolicy::Kind::halves);
  for (const std::int64_t count : kCounts) {
    for (const std::int64_t context : kContexts) {
      BatchShape shape = decodes(count, count * context, 2);
      CostLedger one;
      cost.charge(shape, one);
      CHECK(static_cast<std::int64_t>(total(one) >> kFixedBits) == cost.price(shape).stage.value());
      const DecodeLine line = cost.decode_line(count, 2, shape.decode_context);
      if (line.last_context >= shape.decode_context + 2 * count) {
        CostLedger together, apart;
        cost.charge_decodes(count, 2, shape.decode_context, 3, 3 * (shape.decode_context + count),
                            together);
        for (int i = 0; i < 3; ++i)
          cost.charge(decodes(count, shape.decode_context + i * count, 2), apart);
        CHECK((together.fixed_ns == apart.fixed_ns));
      }
      const std::array<PrefillChunk, 2> chunks{{{700, 100, 1}, {600, 0, 0}}};
      shape.prefills = chunks;
      CostLedger mixed;
      cost.charge(shape, mixed);
      CHECK(static_cast<std::int64_t>(total(mixed) >> kFixedBits) ==
            cost.price(shape).stage.value());
      for (const auto& row : mixed.fixed_ns)
        for (const Int128 amount : row) CHECK(amount >= 0);
    }
  }
}
