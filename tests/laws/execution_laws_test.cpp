// Laws of every registered execution policy, over layers of many shapes.
#include <rapidcheck.h>

#include <algorithm>

#include "sim/execution_policy.h"
#include "sim/registry.h"
#include "tests/catch.h"
#include "tests/execution_world.h"

using namespace headroom;
using headroom::toy::HandLayer;
using headroom::toy::PooledHandLayer;

namespace {

/// A layer in which any resource may be the scarce one, or be missing.
HandLayer any_layer() {
  const std::int64_t tokens =
      *rc::gen::element<std::int64_t>(1, 63, 64, 500, 1000, 1024, 2048, 8000);
  std::vector<double> seconds;
  for (int op = 0; op < 10; ++op)
    seconds.push_back(1e-6 * *rc::gen::element(0, 1, 5, 50, 200, 500, 1000));
  seconds[1] += 1e-6;  // a layer has some work
  return {tokens, seconds, 1e-6 * *rc::gen::element(0, 1, 20)};
}

/// The same with attention devices.
PooledHandLayer any_pooled_layer() {
  const std::int64_t tokens = *rc::gen::element<std::int64_t>(1, 2, 63, 500, 2048);
  std::vector<double> seconds;
  for (int op = 0; op < 13; ++op)
    seconds.push_back(1e-6 * *rc::gen::element(0, 1, 5, 50, 200, 500, 1000));
  seconds[2] += 1e-6;
  const std::int64_t replicas = *rc::gen::inRange<std::int64_t>(1, 5);
  return {tokens, seconds, replicas, 1e-6 * *rc::gen::element(0, 1, 20)};
}

/// Work of one layer on a device that may be made up of several.
double work_on(const LayerView& layer, std::uint8_t device) {
  double sum = 0;
  for (std::size_t op = 0; op < layer.operators().size(); ++op)
    if (layer.operators()[op].device == device) sum += layer.seconds(op);
  return sum / static_cast<double>(layer.copies(device));
}

template <class Law>
void for_each_policy(const Law& law) {
  for (const auto& entry : PolicyRegistry<ExecutionPolicy>::instance().entries()) {
    INFO(entry.name);
    const auto policy = entry.make(default_parameters(entry.parameters));
    CHECK(rc::check(entry.name, [&] { law(entry.name, *policy, any_layer()); }));
  }
}

}  // namespace

TEST_CASE("a layer takes at least its longest chain and each resource's work, under every policy") {
  for_each_policy(
      [](const std::string& name, const ExecutionPolicy& policy, const HandLayer& layer) {
        const LayerTiming timing = time_plan(layer, policy.plan(layer), name);
        RC_ASSERT(timing.first >= timing.critical * (1 - 1e-9));
        RC_ASSERT(timing.period >= timing.bound * (1 - 1e-9));
        // Products are never fused away or shared, so they bound every plan alike.
        double products = 0;
        for (std::size_t op = 0; op < layer.operators().size(); ++op)
          if (layer.operators()[op].resource == Resource::compute) products += layer.seconds(op);
        RC_ASSERT(timing.period >= products * (1 - 1e-9));
      });
}

TEST_CASE("no execution policy is slower than one operator after the other by default") {
  for_each_policy(
      [](const std::string& name, const ExecutionPolicy& policy, const HandLayer& layer) {
        const LayerTiming timing = time_plan(layer, policy.plan(layer), name);
        RC_ASSERT(timing.of(layer.layers()) <=
                  sequential_seconds(layer) * static_cast<double>(layer.layers()) * (1 + 1e-9));
      });
}

TEST_CASE("every execution policy plans the same for the same layer, whatever it planned before") {
  for (const auto& entry : PolicyRegistry<ExecutionPolicy>::instance().entries()) {
    INFO(entry.name);
    const auto policy = entry.make(default_parameters(entry.parameters));
    CHECK(rc::check(entry.name, [&] {
      const HandLayer layer = any_layer();
      const double once = time_plan(layer, policy->plan(layer), entry.name).period;
      static_cast<void>(policy->plan(any_layer()));
      const auto fresh = entry.make(default_parameters(entry.parameters));
      RC_ASSERT(time_plan(layer, policy->plan(layer), entry.name).period == once);
      RC_ASSERT(time_plan(layer, fresh->plan(layer), entry.name).period == once);
    }));
  }
}

TEST_CASE("with attention devices, a layer takes at least each device's work and its chain") {
  for (const auto& entry : PolicyRegistry<ExecutionPolicy>::instance().entries()) {
    const auto policy = entry.make(default_parameters(entry.parameters));
    if (!policy->refusal({4, 2, false}).empty()) continue;
    INFO(entry.name);
    CHECK(rc::check(entry.name, [&] {
      const PooledHandLayer layer = any_pooled_layer();
      const LayerPlan plan = policy->plan(layer);
      const LayerTiming timing = time_plan(layer, plan, entry.name);
      RC_ASSERT(timing.first >= timing.critical * (1 - 1e-9));
      for (const std::uint8_t device :
           {kModelDevice, kAttentionDevice, kToAttention, kFromAttention})
        RC_ASSERT(timing.period >= work_on(layer, device) * (1 - 1e-9));
      // Sequences of the default plans are no slower than one operator after the other.
      RC_ASSERT(timing.of(layer.layers()) <=
                sequential_seconds(layer) * static_cast<double>(layer.layers()) * (1 + 1e-9));
      const auto fresh = entry.make(default_parameters(entry.parameters));
      RC_ASSERT(time_plan(layer, fresh->plan(layer), entry.name).period == timing.period);
    }));
  }
}
