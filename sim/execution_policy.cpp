#include "sim/execution_policy.h"

#include <algorithm>
#include <array>

#include "sim/check.h"

namespace headroom {
namespace {

constexpr std::uint32_t bit(std::size_t op) { return std::uint32_t{1} << op; }

bool meet(const NanoOperator& a, const NanoOperator& b) {
  return a.first < b.past && b.first < a.past;
}

void require(bool holds, std::string_view policy, const char* law) {
  if (holds) return;
  const std::string text = "execution policy " + std::string(policy) + ": " + law;
  SIM_CHECK(false, text.c_str());
}

/// Every operator that has work computes every token exactly once.
void check_cover(const LayerView& layer, const LayerPlan& plan, std::string_view policy) {
  const std::size_t operators = layer.operators().size();
  std::array<std::int64_t, 32> covered{};
  for (std::size_t i = 0; i < plan.nano.size(); ++i) {
    const NanoOperator& one = plan.nano[i];
    require(one.first >= 0 && one.first < one.past && one.past <= layer.tokens(), policy,
            "a nano-operator computes a range of the batch");
    require((one.operators >> operators) == 0 || operators == 32, policy,
            "a nano-operator computes operators of the layer");
    require(one.device < layer.devices(), policy, "a nano-operator runs on a device that is there");
    require(one.queue <= kMostQueues, policy, "queues are counted up to the last there is");
    for (std::size_t op = 0; op < operators; ++op) {
      if ((one.operators & bit(op)) == 0) continue;
      require(layer.operators()[op].device == one.device, policy,
              "an operator runs where its weights or keys are");
      covered[op] += one.past - one.first;
    }
    for (std::size_t j = 0; j < i; ++j) {
      const bool twice = (one.operators & plan.nano[j].operators) != 0 && meet(one, plan.nano[j]);
      require(!twice, policy, "no operator computes a token twice");
    }
  }
  for (std::size_t op = 0; op < operators; ++op)
    require(covered[op] == layer.tokens(), policy, "every operator computes every token");
}

/// The operator that a nano-operator takes as long as, by its time.
struct Work {
  double seconds = 0;
  Resource resource = Resource::compute;
};

Work work_of(const LayerView& layer, const NanoOperator& one) {
  if (one.operators == 0) return {one.added, one.resource};
  Work work{-1, Resource::compute};
  const std::span<const LayerOperator> operators = layer.operators();
  for (std::size_t op = 0; op < operators.size(); ++op) {
    if ((one.operators & bit(op)) == 0) continue;
    const double seconds = layer.seconds(op, one.past - one.first, one.device);
    if (seconds > work.seconds) work = {seconds, operators[op].resource};
  }
  return work;
}

/// Operators that nothing in the layer waits for.
std::uint32_t last_operators(std::span<const LayerOperator> operators) {
  std::uint32_t waited_for = 0;
  for (const LayerOperator& op : operators) waited_for |= op.after;
  const auto all = static_cast<std::uint32_t>((std::uint64_t{1} << operators.size()) - 1);
  return all & ~waited_for;
}

/// Operators that `one` waits for, within the layer and of the layer before.
struct Waits {
  std::uint32_t here = 0;
  std::uint32_t before = 0;
};

Waits waits_of(std::span<const LayerOperator> operators, std::uint32_t last,
               const NanoOperator& one) {
  Waits waits{one.after, one.after_before};
  for (std::size_t op = 0; op < operators.size(); ++op) {
    if ((one.operators & bit(op)) == 0) continue;
    waits.here |= operators[op].after;
    if (operators[op].after != 0) continue;
    waits.before |= operators[op].after_before != 0 ? operators[op].after_before : last;
  }
  waits.here &= ~one.operators;
  return waits;
}

void add_waits(std::span<const LayerOperator> operators, const LayerPlan& plan,
               OperatorGraph& graph) {
  const std::uint32_t last = last_operators(operators);
  for (std::size_t i = 0; i < plan.nano.size(); ++i) {
    const NanoOperator& one = plan.nano[i];
    const Waits waits = waits_of(operators, last, one);
    for (std::size_t j = 0; j < plan.nano.size(); ++j) {
      const NanoOperator& other = plan.nano[j];
      if (!meet(one, other)) continue;
      const bool needed = (other.operators & waits.here) != 0;
      const bool held_up = other.operators == 0 && (other.before & one.operators) != 0;
      if (i != j && (needed || held_up)) graph.wait(i, j);
      if ((other.operators & waits.before) != 0) graph.wait_for_last_layer(i, j);
    }
  }
}

/// Layers simulated in a row, and those between whose ends a period is the mean.
struct Row {
  std::size_t layers, from, to;
};
// Long enough for pipelines across layers to settle, short enough for thousands of plans.
constexpr Row kShort{6, 3, 6};
// Batches that take turns on two kinds of devices settle later, in cycles of several layers, and
// the last layers drain them: six layers hold whole cycles of 2, 3 and 6.
constexpr Row kStaggered{13, 5, 11};

/// Seconds of the device with the most work a layer.
double fullest_device(const LayerView& layer) {
  double most = 0;
  for (std::uint8_t device = 0; device < OperatorGraph::kDevices; ++device) {
    double work = 0;
    for (std::size_t op = 0; op < layer.operators().size(); ++op) {
      if (layer.operators()[op].device == device) work += layer.seconds(op);
    }
    if (work > 0) most = std::max(most, work / static_cast<double>(layer.copies(device)));
  }
  return most;
}

double settled_period(const LayerView& layer, const OperatorGraph& graph) {
  const Row& row = layer.devices() > 1 ? kStaggered : kShort;
  const std::vector<double> ends = graph.layer_ends(row.layers);
  const double mean =
      (ends[row.to - 1] - ends[row.from - 1]) / static_cast<double>(row.to - row.from);
  // Cycles that the row does not hold whole may seem shorter than the work in them.
  return layer.devices() > 1 ? std::max(mean, fullest_device(layer)) : mean;
}

OperatorGraph unchecked_graph(const LayerView& layer, const LayerPlan& plan) {
  OperatorGraph graph;
  for (const NanoOperator& one : plan.nano) {
    const Work work = work_of(layer, one);
    OperatorNode node;
    node.work = work.seconds;
    node.share = one.share;
    node.slow_down = one.slow_down;
    node.elastic = one.elastic;
    node.device = one.device;
    node.lane = static_cast<std::uint8_t>(
        one.queue > 0 ? OperatorGraph::kDevices * kResources + one.queue - 1
                      : one.device * kResources + static_cast<std::size_t>(work.resource));
    const std::size_t at = graph.add(node);
    if (plan.phases > 0) graph.set_phase(at, one.phase, plan.phases);
  }
  add_waits(layer.operators(), plan, graph);
  return graph;
}

}  // namespace

const char* to_string(OperatorRole role) {
  constexpr std::array<const char*, kOperatorRoles> kNames{"input_norm",
                                                           "qkv",
                                                           "decode_attention",
                                                           "prefill_attention",
                                                           "out",
                                                           "attention_reduce",
                                                           "ffn_norm",
                                                           "gate_up",
                                                           "down",
                                                           "experts",
                                                           "ffn_reduce",
                                                           "added",
                                                           "query",
                                                           "new_kv",
                                                           "send_query",
                                                           "send_kv",
                                                           "new_attention",
                                                           "send_result"};
  return kNames[static_cast<std::size_t>(role)];
}

const char* to_string(Resource resource) {
  constexpr std::array<const char*, kResources> kNames{"compute", "memory", "elementwise",
                                                       "network", "host_link"};
  return kNames[static_cast<std::size_t>(resource)];
}

LayerPlan sequential_plan(const LayerView& layer) {
  LayerPlan plan;
  for (std::size_t op = 0; op < layer.operators().size(); ++op) {
    NanoOperator one;
    one.operators = bit(op);
    one.past = layer.tokens();
    one.device = layer.operators()[op].device;
    // Also where the next operator has another device.
    if (layer.devices() > 1) one.queue = 1;
    plan.nano.push_back(one);
  }
  return plan;
}

double sequential_seconds(const LayerView& layer) {
  double sum = 0;
  for (std::size_t op = 0; op < layer.operators().size(); ++op) sum += layer.seconds(op);
  return sum;
}

OperatorGraph graph_of(const LayerView& layer, const LayerPlan& plan, std::string_view policy) {
  check_cover(layer, plan, policy);
  for (const NanoOperator& one : plan.nano) {
    require(!one.elastic || work_of(layer, one).resource == Resource::compute, policy,
            "only compute is elastic");
    require(one.elastic || one.slow_down >= 1, policy,
            "a nano-operator is not faster than on the whole device");
    const auto copies = static_cast<double>(layer.copies(one.device));
    require(copies <= 1 || (!one.elastic && one.share * copies > 1 - 1e-9), policy,
            "a nano-operator holds at least one of the replicas that make up its device");
  }
  return unchecked_graph(layer, plan);
}

LayerTiming time_plan(const LayerView& layer, const LayerPlan& plan, std::string_view policy) {
  const OperatorGraph graph = graph_of(layer, plan, policy);
  require(graph.runs(), policy, "no nano-operator waits for itself");
  LayerTiming timing;
  timing.first = graph.layer_ends(1).front();
  timing.period = settled_period(layer, graph);
  timing.bound = graph.fullest_lane();
  timing.critical = graph.critical_path();
  return timing;
}

double period_of(const LayerView& layer, const LayerPlan& plan) {
  return settled_period(layer, unchecked_graph(layer, plan));
}

}  // namespace headroom
