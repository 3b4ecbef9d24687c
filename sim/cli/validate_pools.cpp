#include "sim/cli/validate_pools.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace headroom {
namespace {

/// What joins the GPUs of a deployment.
struct Fabric {
  std::string_view device;
  std::int64_t domain;  ///< GPUs that NVLink joins
  double card;          ///< bytes a second and GPU, one direction, beyond it
};

// ai-dynamo/aiconfigurator, systems/*.yaml: inter-node bandwidth a GPU; an NVL72 rack is one NVLink
// domain.
constexpr Fabric kUsual{"", 8, 50e9};
constexpr std::array<Fabric, 4> kFabrics{
    {{"b200-sxm", 8, 100e9}, {"b300-sxm", 8, 100e9}, {"gb200", 72, 100e9}, {"gb300", 72, 100e9}}};

const Fabric& fabric_of(const std::string& device) {
  for (const Fabric& fabric : kFabrics)
    if (fabric.device == device) return fabric;
  return kUsual;
}

ReplicaGroupSpec group_of(const WorkerPool& pool, const char* role, bool dense,
                          ReplicaGroupSpec group) {
  group.name = group.role = role;
  group.replicas = pool.workers;
  group.tensor_parallel = pool.tensor;
  group.pipeline_parallel = pool.pipeline;
  group.attention_data_parallel = pool.attention_data;
  group.expert_parallel = dense ? 1 : std::max<std::int64_t>(1, pool.expert);
  // Each attention group has a scheduler and a budget of its own.
  for (const char* limit : {"max_num_batched_tokens", "max_num_seqs", "max_batch_size"}) {
    const auto given = group.batch.parameters.find(limit);
    if (given == group.batch.parameters.end()) continue;
    given->second = std::to_string(std::stoll(given->second) * pool.attention_data);
  }
  return group;
}

}  // namespace

void split_into_pools(const ServingPoint& point, const std::string& device, Scenario& scenario) {
  const ReplicaGroupSpec joint = scenario.deployment.front();
  const WorkerPool& prefill = point.prefill_pool;
  const WorkerPool& decode = point.decode_pool;
  const bool dense = point.moe.empty() && prefill.attention_data == 1 && decode.attention_data == 1;
  scenario.deployment = {group_of(prefill, "prefill", dense, joint),
                         group_of(decode, "decode", dense, joint)};
  const Fabric& fabric = fabric_of(device);
  NodeSpec& node = scenario.nodes.front();
  // A worker is one NVLink domain, as in the joint points.
  node.devices_per_node = fabric.domain;
  for (const ReplicaGroupSpec& group : scenario.deployment)
    node.devices_per_node = std::max(node.devices_per_node, group.devices());
  node.count = prefill.workers + decode.workers;
  node.nic = BytesPerSecond(fabric.card * static_cast<double>(node.devices_per_node));
  // Dynamo's routers send a request to the worker with the least load.
  scenario.routing.name = scenario.decode_routing.name = "least-outstanding";
}

std::string pools_key(const Scenario& scenario) {
  std::string key;
  for (const ReplicaGroupSpec& group : scenario.deployment) {
    key +=
        fmt::format("|{} x {} {} {} {}", group.replicas, group.tensor_parallel,
                    group.pipeline_parallel, group.attention_data_parallel, group.expert_parallel);
  }
  return key;
}

}  // namespace headroom
