#include "sim/topology.h"

#include <algorithm>
#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/dijkstra_shortest_paths.hpp>
#include <boost/graph/filtered_graph.hpp>
#include <cmath>
#include <limits>
#include <utility>

#include "sim/check.h"

namespace headroom {
namespace {

/// Length of a route: links first, latency second.
struct Length {
  std::int64_t hops = 0;
  std::int64_t latency_ns = 0;
  friend auto operator<=>(const Length&, const Length&) = default;
};

constexpr Length kUnreachable{std::numeric_limits<std::int64_t>::max(), 0};

Length joined(const Length& a, const Length& b) {
  if (a == kUnreachable || b == kUnreachable) return kUnreachable;
  return {a.hops + b.hops, a.latency_ns + b.latency_ns};
}

struct Edge {
  std::uint32_t link = 0;
  Length length;
};

using Wires =
    boost::adjacency_list<boost::vecS, boost::vecS, boost::directedS, boost::no_property, Edge>;
using Vertex = boost::graph_traits<Wires>::vertex_descriptor;
using Wire = boost::graph_traits<Wires>::edge_descriptor;

}  // namespace

const char* to_string(LinkKind kind) {
  switch (kind) {
    case LinkKind::nvlink:
      return "nvlink";
    case LinkKind::nvswitch:
      return "nvswitch";
    case LinkKind::pcie:
      return "pcie";
    case LinkKind::nic:
      return "nic";
    case LinkKind::switch_port:
      return "switch_port";
  }
  return "unknown";
}

struct Topology::Graph {
  Wires wires;
  std::vector<char> forwards;  ///< by vertex: passes traffic on
  std::vector<Vertex> hosts, devices, switches;
  std::vector<NodeId> node_of;  ///< by device
  std::vector<Link> links;

  [[nodiscard]] Vertex vertex(Endpoint end) const {
    const std::vector<Vertex>& table = end.kind() == Endpoint::Kind::device ? devices
                                       : end.kind() == Endpoint::Kind::host ? hosts
                                                                            : switches;
    SIM_CHECK(end.index() < table.size(), "endpoints exist before they are used");
    return table[end.index()];
  }

  Vertex add(char passes_on) {
    forwards.push_back(passes_on);
    return boost::add_vertex(wires);
  }

  /// Keeps the wires that may leave their source when searching from `start`.
  struct MayLeave {
    const Graph* graph = nullptr;
    Vertex start = 0;
    bool operator()(const Wire& wire) const {
      const Vertex source = boost::source(wire, graph->wires);
      return source == start || graph->forwards[source] != 0;
    }
  };

  /// Length of the best route from every vertex to `to`. Connections are symmetric, so this is the
  /// search from `to`.
  [[nodiscard]] std::vector<Length> lengths_to(Vertex to) const {
    std::vector<Length> lengths(boost::num_vertices(wires), kUnreachable);
    const boost::filtered_graph<Wires, MayLeave> usable(wires, MayLeave{this, to});
    const auto index = boost::get(boost::vertex_index, wires);
    std::vector<boost::default_color_type> colours(lengths.size(), boost::white_color);
    boost::dijkstra_shortest_paths(
        usable, to, boost::dummy_property_map(),
        boost::make_iterator_property_map(lengths.begin(), index), boost::get(&Edge::length, wires),
        index, [](const Length& a, const Length& b) { return a < b; }, joined, kUnreachable,
        Length{}, boost::default_dijkstra_visitor(),
        boost::make_iterator_property_map(colours.begin(), index));
    return lengths;
  }

  /// Walks from `from` along the lengths, at each vertex on the smallest link id that keeps to a
  /// best route.
  [[nodiscard]] std::optional<Route> walk(Vertex from, Vertex to,
                                          const std::vector<Length>& lengths) const {
    if (lengths[from] == kUnreachable) return std::nullopt;
    Route route;
    for (Vertex at = from; at != to;) {
      std::uint32_t best = LinkId::none().index();
      Vertex next = to;
      const auto [begin, end] = boost::out_edges(at, wires);
      for (auto wire = begin; wire != end; ++wire) {
        const Vertex target = boost::target(*wire, wires);
        // A device other than the end is no way through: its own length counts only from itself.
        if (target != to && forwards[target] == 0) continue;
        const Edge& edge = wires[*wire];
        if (joined(edge.length, lengths[target]) == lengths[at] && edge.link < best) {
          best = edge.link;
          next = target;
        }
      }
      SIM_CHECK(best != LinkId::none().index(), "a reachable endpoint has a next link");
      route.emplace_back(best);
      at = next;
    }
    return route;
  }
};

Topology::Topology() : graph_(std::make_unique<Graph>()) {}
Topology::~Topology() = default;
Topology::Topology(Topology&&) noexcept = default;
Topology& Topology::operator=(Topology&&) noexcept = default;

NodeId Topology::add_node() {
  graph_->hosts.push_back(graph_->add(1));
  return NodeId(static_cast<std::uint32_t>(graph_->hosts.size() - 1));
}

DeviceId Topology::add_device(NodeId node) {
  SIM_CHECK(node.index() < graph_->hosts.size(), "a device belongs to an existing node");
  graph_->devices.push_back(graph_->add(0));
  graph_->node_of.push_back(node);
  return DeviceId(static_cast<std::uint32_t>(graph_->devices.size() - 1));
}

SwitchId Topology::add_switch() {
  graph_->switches.push_back(graph_->add(1));
  return SwitchId(static_cast<std::uint32_t>(graph_->switches.size() - 1));
}

LinkId Topology::connect(Endpoint a, Endpoint b, const LinkSpec& spec) {
  SIM_CHECK(!(a == b), "a link joins two different endpoints");
  SIM_CHECK(spec.bandwidth > BytesPerSecond(0) && std::isfinite(spec.bandwidth.value()),
            "a link has a finite bandwidth above 0");
  SIM_CHECK(spec.latency >= Duration(0), "a link's latency is not negative");
  const Vertex from = graph_->vertex(a);
  const Vertex to = graph_->vertex(b);
  const auto first = static_cast<std::uint32_t>(graph_->links.size());
  const Length length{1, spec.latency.value()};
  graph_->links.push_back(Link{a, b, spec});
  graph_->links.push_back(Link{b, a, spec});
  boost::add_edge(from, to, Edge{first, length}, graph_->wires);
  boost::add_edge(to, from, Edge{first + 1, length}, graph_->wires);
  return LinkId(first);
}

std::size_t Topology::nodes() const { return graph_->hosts.size(); }
std::size_t Topology::devices() const { return graph_->devices.size(); }
std::size_t Topology::switches() const { return graph_->switches.size(); }
std::size_t Topology::links() const { return graph_->links.size(); }

const Link& Topology::link(LinkId id) const {
  SIM_CHECK(id.index() < graph_->links.size(), "a link exists before it is used");
  return graph_->links[id.index()];
}

NodeId Topology::node_of(DeviceId device) const {
  SIM_CHECK(device.index() < graph_->node_of.size(), "a device exists before it is used");
  return graph_->node_of[device.index()];
}

std::optional<Route> Topology::route(Endpoint from, Endpoint to) const {
  const Vertex start = graph_->vertex(from);
  const Vertex end = graph_->vertex(to);
  return graph_->walk(start, end, graph_->lengths_to(end));
}

std::optional<Route> Topology::route(DeviceId from, DeviceId to) const {
  return route(Endpoint::of(from), Endpoint::of(to));
}

Duration Topology::latency(std::span<const LinkId> route) const {
  Duration sum{0};
  for (const LinkId id : route) sum += link(id).spec.latency;
  return sum;
}

BytesPerSecond Topology::bandwidth(std::span<const LinkId> route) const {
  BytesPerSecond least(std::numeric_limits<double>::infinity());
  for (const LinkId id : route) least = std::min(least, link(id).spec.bandwidth);
  return least;
}

BytesPerSecond Topology::bottleneck(std::span<const DeviceId> devices) const {
  BytesPerSecond least(std::numeric_limits<double>::infinity());
  for (const DeviceId to : devices) {
    const Vertex end = graph_->vertex(Endpoint::of(to));
    const std::vector<Length> lengths = graph_->lengths_to(end);
    for (const DeviceId from : devices) {
      const auto found = graph_->walk(graph_->vertex(Endpoint::of(from)), end, lengths);
      if (!found) return BytesPerSecond(0);
      least = std::min(least, bandwidth(*found));
    }
  }
  return least;
}

namespace {

void check_size(std::int64_t value, std::int64_t most, const char* what, const std::string& where) {
  if (value >= 1 && value <= most) return;
  throw InputError(where, "expected a number of " + std::string(what) + " from 1 to " +
                              std::to_string(most) + ", got " + std::to_string(value) +
                              "; describe a smaller cluster or leave the empty part out");
}

LinkSpec checked_link(LinkSpec spec, LinkKind kind, const std::string& where) {
  spec.kind = kind;
  if (!(spec.bandwidth > BytesPerSecond(0)) || !std::isfinite(spec.bandwidth.value())) {
    throw InputError(where, "expected a finite bandwidth above 0 for the " +
                                std::string(to_string(kind)) + " links, got " +
                                std::to_string(spec.bandwidth.value()) +
                                " B/s; give the bandwidth of one direction");
  }
  if (spec.latency < Duration(0)) {
    throw InputError(where, "expected a latency of 0 or more for the " +
                                std::string(to_string(kind)) + " links, got " +
                                std::to_string(spec.latency.value()) + " ns; leave it out for 0");
  }
  return spec;
}

/// Devices of one node on the node's fabric. Before PCIe, so that NVLink has the smaller link ids
/// where routes tie.
void wire_fabric(Topology& topology, const std::vector<DeviceId>& devices, NodeFabric fabric,
                 const LinkSpec& spec) {
  if (fabric == NodeFabric::nvlink_pairs) {
    for (std::size_t i = 0; i + 1 < devices.size(); i += 2) {
      topology.connect(Endpoint::of(devices[i]), Endpoint::of(devices[i + 1]), spec);
    }
  } else if (fabric == NodeFabric::nvswitch) {
    const SwitchId chips = topology.add_switch();
    for (const DeviceId device : devices) {
      topology.connect(Endpoint::of(device), Endpoint::of(chips), spec);
    }
  }
}

}  // namespace

Topology make_cluster(const ClusterShape& shape, const std::string& where) {
  check_size(shape.nodes, 65536, "nodes", where);
  check_size(shape.devices_per_node, 1024, "devices in a node", where);
  check_size(shape.nodes * shape.devices_per_node, std::int64_t{1} << 20, "devices", where);
  const LinkSpec pcie = checked_link(shape.pcie, LinkKind::pcie, where);
  LinkSpec fabric = shape.fabric_link;
  if (shape.fabric != NodeFabric::pcie) {
    const bool switched = shape.fabric == NodeFabric::nvswitch;
    fabric = checked_link(fabric, switched ? LinkKind::nvswitch : LinkKind::nvlink, where);
  }
  std::optional<LinkSpec> nic;
  std::optional<LinkSpec> port;
  if (shape.nic) nic = checked_link(*shape.nic, LinkKind::nic, where);
  if (nic && shape.spine_port) port = checked_link(*shape.spine_port, LinkKind::switch_port, where);

  Topology topology;
  std::optional<SwitchId> spine;
  if (nic) spine = topology.add_switch();
  for (std::int64_t n = 0; n < shape.nodes; ++n) {
    const NodeId node = topology.add_node();
    std::vector<DeviceId> devices;
    for (std::int64_t d = 0; d < shape.devices_per_node; ++d) {
      devices.push_back(topology.add_device(node));
    }
    wire_fabric(topology, devices, shape.fabric, fabric);
    for (const DeviceId device : devices) {
      topology.connect(Endpoint::of(device), Endpoint::host(node), pcie);
    }
    if (!nic) continue;
    if (!port) {
      topology.connect(Endpoint::host(node), Endpoint::of(*spine), *nic);
      continue;
    }
    const SwitchId leaf = topology.add_switch();
    topology.connect(Endpoint::host(node), Endpoint::of(leaf), *nic);
    topology.connect(Endpoint::of(leaf), Endpoint::of(*spine), *port);
  }
  return topology;
}

}  // namespace headroom
