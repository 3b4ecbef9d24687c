#include "sim/cli/pool_wiring.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "sim/check.h"

namespace headroom {
namespace {

/// Kind of nodes, first and last node: replicas with equal keys stand side by side.
using Span = std::tuple<std::size_t, std::int64_t, std::int64_t>;

struct WiredNode {
  NodeId id;
  SwitchId fabric;
};

class Wirer {
 public:
  Wirer(const Scenario& scenario, const Assembly& assembly)
      : scenario_(scenario), assembly_(assembly), spine_(wiring_.topology.add_switch()) {}

  ReplicaWiring run() {
    for (const AssembledGroup& group : assembly_.groups) {
      for (const ReplicaPlace& place : group.places) add_replica(group, place);
    }
    check_reach();
    return std::move(wiring_);
  }

 private:
  static bool switched(const Device& device) {
    return device.interconnect == InterconnectKind::nvswitch ||
           device.interconnect == InterconnectKind::infinity_fabric;
  }

  WiredNode& node_at(const ReplicaPlace& place) {
    const Span span{place.pool, place.first_node, place.last_node};
    const auto known = nodes_.find(span);
    if (known != nodes_.end()) return known->second;
    WiredNode node;
    node.id = wiring_.topology.add_node();
    node.fabric = wiring_.topology.add_switch();
    const NodeSpec& spec = assembly_.nodes[place.pool].spec();
    if (spec.nic.value() > 0) {
      BytesPerSecond card = spec.nic;
      if (scenario_.spine.value() > 0) card = std::min(card, scenario_.spine);
      const auto cards = static_cast<double>(place.last_node - place.first_node + 1);
      wiring_.topology.connect(Endpoint::host(node.id), Endpoint::of(spine_),
                               {LinkKind::nic, card * cards, Duration(0)});
    }
    return nodes_.emplace(span, node).first->second;
  }

  void add_replica(const AssembledGroup& group, const ReplicaPlace& place) {
    WiredNode& node = node_at(place);
    const Device& device = assembly_.nodes[place.pool].device();
    // KV is pulled while no queries and results are under way (Lamina).
    const double free = group.spec.attention ? 1 - group.spec.attention->network_share : 1;
    const double devices = static_cast<double>(group.kv_devices()) * free;
    const DeviceId endpoint = wiring_.topology.add_device(node.id);
    // First the fabric: of two equally short routes the one over older links is taken.
    if (switched(device)) {
      wiring_.topology.connect(Endpoint::of(endpoint), Endpoint::of(node.fabric),
                               {LinkKind::nvswitch, device.link_bandwidth * devices, Duration(0)});
    }
    const BytesPerSecond pcie =
        device.pcie_bandwidth.value() > 0 ? device.pcie_bandwidth : device.link_bandwidth;
    wiring_.topology.connect(Endpoint::of(endpoint), Endpoint::host(node.id),
                             {LinkKind::pcie, pcie * devices, Duration(0)});
    wiring_.endpoints.push_back(endpoint);
  }

  /// All replicas of a kind of nodes without cards must share one node with all others.
  void check_reach() const {
    if (nodes_.size() < 2) return;
    for (const auto& [span, node] : nodes_) {
      const std::size_t pool = std::get<0>(span);
      if (assembly_.nodes[pool].spec().nic.value() > 0) continue;
      throw InputError(
          fmt::format("{}: /cluster/nodes/{}/nic", scenario_.file, pool),
          "expected a network card for KV that moves between nodes, got none; set \"nic\", or put "
          "prefill and decode replicas on one node");
    }
  }

  const Scenario& scenario_;
  const Assembly& assembly_;
  ReplicaWiring wiring_;
  SwitchId spine_;
  std::map<Span, WiredNode> nodes_;
};

}  // namespace

ReplicaWiring wire_replicas(const Scenario& scenario, const Assembly& assembly) {
  return Wirer(scenario, assembly).run();
}

}  // namespace headroom
