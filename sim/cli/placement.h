// Which devices a replica gets, and how fast they reach each other.
//
// Law: no device is used twice. A tensor-parallel group stays inside a node where it fits; where it
// must span nodes, the slowest link between two of its devices counts.
// Not here: which node is best (PlacementPolicy, later).
#pragma once

#include <string>
#include <vector>

#include "models/device.h"
#include "sim/scenario.h"
#include "sim/topology.h"

namespace headroom {

/// Where the devices of one tensor-parallel group are.
struct GroupPlace {
  BytesPerSecond slowest;       ///< link between two of them; infinite for one device
  std::int64_t first_node = 0;  ///< of its kind of nodes
  std::int64_t last_node = 0;
};

/// The nodes of one kind, wired, with devices handed out from the front.
class NodePool {
 public:
  /// Throws InputError{where} for sizes or links that make no cluster.
  NodePool(const NodeSpec& spec, const Device& device, BytesPerSecond spine,
           const std::string& where);
  [[nodiscard]] const NodeSpec& spec() const { return spec_; }
  [[nodiscard]] const Device& device() const { return device_; }
  [[nodiscard]] std::int64_t devices() const;
  [[nodiscard]] std::int64_t used() const { return used_; }

  /// Takes the devices of one tensor-parallel group of `size`. Throws InputError{where} when there
  /// are not enough, or nodes that must work together are apart.
  [[nodiscard]] GroupPlace take_group(std::int64_t size, const std::string& where);

 private:
  [[nodiscard]] std::vector<DeviceId> free_group(std::int64_t size) const;
  [[nodiscard]] BytesPerSecond bottleneck(const std::vector<DeviceId>& group) const;

  NodeSpec spec_;
  Device device_;
  Topology topology_;
  std::vector<std::int64_t> free_;  ///< devices left on each node; taken from the lowest index
  std::int64_t used_ = 0;
};

}  // namespace headroom
