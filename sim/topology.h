// What is wired to what: devices, hosts and switches, and the links between them.
//
// Law: every connection is a pair of directed links, one a direction, each with the full bandwidth;
// link 2i and 2i+1 are the two directions of one connection.
// Law: a route takes the fewest links, then the least latency, then the smallest link ids in order
// from its start, so it is the same on every run. Only switches and hosts pass traffic on: a device
// forwards nothing, which is how NVLink without NVSwitch behaves.
// Cost: `route` and `bottleneck` search the graph, O((V + E) log V) a destination; callers keep
// what they ask often.
// Not here: who shares a link at which time (sim/network.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sim/units.h"

namespace headroom {

enum class LinkKind : std::uint8_t {
  nvlink,       ///< device to device
  nvswitch,     ///< device to the switch chips of its node
  pcie,         ///< device to host
  nic,          ///< host to the network
  switch_port,  ///< switch to switch
};
[[nodiscard]] const char* to_string(LinkKind kind);

/// What one direction of a connection carries.
struct LinkSpec {
  LinkKind kind = LinkKind::pcie;
  BytesPerSecond bandwidth{0};  ///< a direction
  Duration latency{0};
};

using SwitchId = Id<struct SwitchIdTag>;

/// One end of a connection.
class Endpoint {
 public:
  enum class Kind : std::uint8_t { device, host, network_switch };
  [[nodiscard]] static Endpoint of(DeviceId device) { return {Kind::device, device.index()}; }
  /// CPU and memory of a node: where swapped KV goes, and where PCIe and network cards meet.
  [[nodiscard]] static Endpoint host(NodeId node) { return {Kind::host, node.index()}; }
  [[nodiscard]] static Endpoint of(SwitchId id) { return {Kind::network_switch, id.index()}; }
  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] std::uint32_t index() const { return index_; }
  friend bool operator==(const Endpoint&, const Endpoint&) = default;

 private:
  Endpoint(Kind kind, std::uint32_t index) : kind_(kind), index_(index) {}
  Kind kind_;
  std::uint32_t index_;
};

/// One direction of a connection.
struct Link {
  Endpoint from;
  Endpoint to;
  LinkSpec spec;
};

/// Links from start to end; empty where start and end are one.
using Route = std::vector<LinkId>;

class Topology {
 public:
  Topology();
  ~Topology();
  Topology(Topology&&) noexcept;
  Topology& operator=(Topology&&) noexcept;

  /// A node comes with its host endpoint.
  NodeId add_node();
  DeviceId add_device(NodeId node);
  SwitchId add_switch();
  /// Connects two different endpoints in both directions; returns the link a -> b. The link b -> a
  /// follows it. Requires a finite bandwidth above 0 and a latency >= 0 (SIM_CHECK). Parallel
  /// connections are allowed.
  LinkId connect(Endpoint a, Endpoint b, const LinkSpec& spec);

  [[nodiscard]] std::size_t nodes() const;
  [[nodiscard]] std::size_t devices() const;
  [[nodiscard]] std::size_t switches() const;
  [[nodiscard]] std::size_t links() const;
  [[nodiscard]] const Link& link(LinkId id) const;
  [[nodiscard]] NodeId node_of(DeviceId device) const;

  /// The route by the law above; nothing when there is none.
  [[nodiscard]] std::optional<Route> route(Endpoint from, Endpoint to) const;
  [[nodiscard]] std::optional<Route> route(DeviceId from, DeviceId to) const;

  /// Sum of the latencies of a route's links.
  [[nodiscard]] Duration latency(std::span<const LinkId> route) const;
  /// Least bandwidth of a route's links; infinite for an empty route.
  [[nodiscard]] BytesPerSecond bandwidth(std::span<const LinkId> route) const;
  /// Least bandwidth over the routes between any two of the devices, each route taken alone: what a
  /// tensor-parallel group can count on. 0 when two of them cannot reach each other, infinite for
  /// fewer than two devices.
  [[nodiscard]] BytesPerSecond bottleneck(std::span<const DeviceId> devices) const;

 private:
  struct Graph;
  std::unique_ptr<Graph> graph_;
};

/// How the devices of one node reach each other.
enum class NodeFabric : std::uint8_t {
  pcie,          ///< through the host only
  nvlink_pairs,  ///< bridges join devices 2i and 2i+1, the rest goes through the host
  nvswitch,      ///< all to all through the node's switch
};

/// The usual cluster: equal nodes; each device on PCIe to its host and on the node's fabric; each
/// host by one network card to a spine switch.
struct ClusterShape {
  std::int64_t nodes = 1;             ///< 1 to 65536
  std::int64_t devices_per_node = 8;  ///< 1 to 1024, and at most 2^20 devices in all
  NodeFabric fabric = NodeFabric::pcie;
  LinkSpec fabric_link{};         ///< NVLink, a direction, per device; unused with NodeFabric::pcie
  LinkSpec pcie{};                ///< a device's PCIe link, a direction
  std::optional<LinkSpec> nic{};  ///< a node's network card, a direction; nothing: nodes are apart
  /// Between a node's card and the spine; nothing: the card is the limit.
  std::optional<LinkSpec> spine_port{};
};

/// Devices are numbered node by node. The kinds of the given links are set by their place. Throws
/// InputError{where} on sizes out of range, bandwidths that are not finite and above 0, and
/// latencies below 0.
[[nodiscard]] Topology make_cluster(const ClusterShape& shape, const std::string& where);

}  // namespace headroom
