#include "sim/cli/placement.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "sim/check.h"
#include "sim/quantity_text.h"

namespace headroom {
namespace {

/// Room for the topology's graph: beyond, only as many nodes as one group can span are wired.
constexpr std::int64_t kMostWiredDevices = 4096;

NodeFabric fabric_of(InterconnectKind kind) {
  switch (kind) {
    case InterconnectKind::pcie:
      return NodeFabric::pcie;
    case InterconnectKind::nvlink_bridge:
      return NodeFabric::nvlink_pairs;
    case InterconnectKind::nvswitch:
    case InterconnectKind::infinity_fabric:
      return NodeFabric::nvswitch;
  }
  return NodeFabric::pcie;
}

Topology wire(const NodeSpec& spec, const Device& device, BytesPerSecond spine,
              const std::string& where) {
  ClusterShape shape;
  // Equal nodes: the wiring of the first ones stands for all of them.
  shape.nodes =
      std::min(spec.count, std::max<std::int64_t>(1, kMostWiredDevices / spec.devices_per_node));
  shape.devices_per_node = spec.devices_per_node;
  shape.fabric = fabric_of(device.interconnect);
  shape.fabric_link.bandwidth = device.link_bandwidth;
  shape.pcie.bandwidth =
      device.pcie_bandwidth.value() > 0 ? device.pcie_bandwidth : device.link_bandwidth;
  if (spec.nic.value() > 0) {
    shape.nic = LinkSpec{LinkKind::nic, spec.nic, Duration(0)};
    if (spine.value() > 0) {
      shape.spine_port = LinkSpec{LinkKind::switch_port, spine, Duration(0)};
    }
  }
  return make_cluster(shape, where);
}

}  // namespace

NodePool::NodePool(const NodeSpec& spec, const Device& device, BytesPerSecond spine,
                   const std::string& where)
    : spec_(spec),
      device_(device),
      topology_(wire(spec, device, spine, where)),
      free_(static_cast<std::size_t>(spec.count), spec.devices_per_node) {}

std::int64_t NodePool::devices() const { return spec_.count * spec_.devices_per_node; }

std::vector<DeviceId> NodePool::free_group(std::int64_t size) const {
  std::vector<DeviceId> group;
  const bool whole_nodes = size > spec_.devices_per_node;
  for (std::size_t node = 0; node < free_.size() && std::ssize(group) < size; ++node) {
    const bool fits = whole_nodes ? free_[node] == spec_.devices_per_node : free_[node] >= size;
    if (!fits) continue;
    const std::int64_t first = spec_.devices_per_node - free_[node];
    for (std::int64_t i = first; i < spec_.devices_per_node && std::ssize(group) < size; ++i) {
      const std::int64_t index = static_cast<std::int64_t>(node) * spec_.devices_per_node + i;
      group.emplace_back(static_cast<std::uint32_t>(index));
    }
  }
  return std::ssize(group) == size ? group : std::vector<DeviceId>{};
}

BytesPerSecond NodePool::bottleneck(const std::vector<DeviceId>& group) const {
  if (group.size() < 2) return BytesPerSecond(std::numeric_limits<double>::infinity());
  // Moved to the first nodes: equal nodes are wired equally.
  const auto per_node = static_cast<std::uint32_t>(spec_.devices_per_node);
  const std::uint32_t shift = group.front().index() / per_node * per_node;
  std::vector<DeviceId> moved;
  for (const DeviceId device : group) moved.emplace_back(device.index() - shift);
  if (moved.back().index() >= topology_.devices()) {
    moved.clear();
    for (std::uint32_t i = 0; i < group.size() && i < topology_.devices(); ++i)
      moved.emplace_back(i);
  }
  // All nodes and all devices of a node are alike: two of the first node (bridged pairs: a stranger
  // of the second pair) and one of the last show the slowest link, without a search between all
  // pairs.
  std::vector<DeviceId> shown{moved.front(), moved[1], moved.back()};
  if (moved.size() > 2) shown.push_back(moved[2]);
  std::sort(shown.begin(), shown.end());
  shown.erase(std::unique(shown.begin(), shown.end()), shown.end());
  return topology_.bottleneck(shown);
}

GroupPlace NodePool::take_group(std::int64_t size, const std::string& where) {
  const std::vector<DeviceId> group = free_group(size);
  if (group.empty()) {
    throw InputError(where, fmt::format("expected at most {} devices on nodes {} ({} of {}), got a "
                                        "deployment that needs more; add nodes or lower replicas",
                                        devices(), headroom::quoted(spec_.name), spec_.count,
                                        spec_.devices_per_node));
  }
  const BytesPerSecond slowest = bottleneck(group);
  if (!(slowest.value() > 0)) {
    throw InputError(where, fmt::format("expected a tensor-parallel group within one node of {} "
                                        "devices, got {} devices; give the nodes a nic or lower "
                                        "tensor_parallel",
                                        spec_.devices_per_node, size));
  }
  for (const DeviceId device : group) {
    --free_[device.index() / static_cast<std::size_t>(spec_.devices_per_node)];
  }
  used_ += size;
  return {slowest, group.front().index() / spec_.devices_per_node,
          group.back().index() / spec_.devices_per_node};
}

}  // namespace headroom
