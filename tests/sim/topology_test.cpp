#include "sim/topology.h"

#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <tuple>

#include "sim/check.h"
#include "tests/catch.h"
#include "tests/sim/aborts.h"

using namespace headroom;

namespace {

constexpr double kGb = 1e9;

LinkSpec spec(LinkKind kind, double gigabytes_per_second, std::int64_t latency_ns) {
  return {kind, BytesPerSecond(gigabytes_per_second * kGb), Duration(latency_ns)};
}

/// Two nodes of four H100-like devices: NVLink 450 GB/s and PCIe 64 GB/s a direction, one 50 GB/s
/// card a node.
ClusterShape two_nodes() {
  ClusterShape shape;
  shape.nodes = 2;
  shape.devices_per_node = 4;
  shape.fabric = NodeFabric::nvswitch;
  shape.fabric_link = spec(LinkKind::nvswitch, 450, 500);
  shape.pcie = spec(LinkKind::pcie, 64, 700);
  shape.nic = spec(LinkKind::nic, 50, 2000);
  return shape;
}

std::vector<LinkKind> kinds(const Topology& topology, const Route& route) {
  std::vector<LinkKind> result;
  for (const LinkId id : route) result.push_back(topology.link(id).spec.kind);
  return result;
}

/// A route by trying every simple path: the least (links, latency, link ids).
class PathTwin {
 public:
  explicit PathTwin(const Topology& topology) : topology_(topology) {}
  std::optional<Route> route(Endpoint from, Endpoint to) {
    best_.reset();
    path_.clear();
    seen_ = {from};
    to_ = to;
    extend(from);
    if (!best_) return std::nullopt;
    return std::get<2>(*best_);
  }

 private:
  void extend(Endpoint at) {
    if (at == to_) {
      const std::tuple<std::size_t, Duration, Route> found{path_.size(), topology_.latency(path_),
                                                           path_};
      if (!best_ || found < *best_) best_ = found;
      return;
    }
    if (at.kind() == Endpoint::Kind::device && !path_.empty()) return;  // forwards nothing
    for (std::uint32_t i = 0; i < topology_.links(); ++i) {
      const Link& link = topology_.link(LinkId(i));
      if (!(link.from == at) || std::find(seen_.begin(), seen_.end(), link.to) != seen_.end()) {
        continue;
      }
      path_.emplace_back(i);
      seen_.push_back(link.to);
      extend(link.to);
      path_.pop_back();
      seen_.pop_back();
    }
  }

  const Topology& topology_;
  std::optional<std::tuple<std::size_t, Duration, Route>> best_;
  Route path_;
  std::vector<Endpoint> seen_;
  Endpoint to_ = Endpoint::host(NodeId(0));
};

/// Up to 2 nodes, 4 devices, 3 switches, and any connections, parallel ones included.
std::pair<Topology, std::vector<Endpoint>> any_topology() {
  Topology topology;
  std::vector<Endpoint> ends;
  const auto nodes = *rc::gen::inRange(1, 3);
  const auto devices = *rc::gen::inRange(0, 5);
  const auto switches = *rc::gen::inRange(0, 4);
  for (int i = 0; i < nodes; ++i) ends.push_back(Endpoint::host(topology.add_node()));
  for (int i = 0; i < devices; ++i) {
    ends.push_back(
        Endpoint::of(topology.add_device(NodeId(static_cast<std::uint32_t>(i % nodes)))));
  }
  for (int i = 0; i < switches; ++i) ends.push_back(Endpoint::of(topology.add_switch()));
  const auto links = *rc::gen::inRange(0, 11);
  for (int i = 0; i < links; ++i) {
    const Endpoint a = *rc::gen::elementOf(ends);
    const Endpoint b = *rc::gen::elementOf(ends);
    const auto latency = *rc::gen::inRange<std::int64_t>(0, 3);  // few values, so that ties happen
    if (!(a == b)) topology.connect(a, b, spec(LinkKind::pcie, 1 + i, latency));
  }
  return {std::move(topology), ends};
}

std::string refusal(const ClusterShape& shape) {
  try {
    (void)make_cluster(shape, "s.json: /nodes/0");
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("Routes are the least by links, latency and link ids among all paths") {
  CHECK(rc::check("against every simple path", [] {
    const auto [topology, ends] = any_topology();
    PathTwin twin(topology);
    for (const Endpoint from : ends) {
      for (const Endpoint to : ends) RC_ASSERT(topology.route(from, to) == twin.route(from, to));
    }
  }));
}

TEST_CASE("A route leads from its start to its end, link by link, and through no device") {
  CHECK(rc::check("any topology", [] {
    const auto [topology, ends] = any_topology();
    const Endpoint from = *rc::gen::elementOf(ends);
    const Endpoint to = *rc::gen::elementOf(ends);
    const auto route = topology.route(from, to);
    if (!route) return;
    Endpoint at = from;
    for (const LinkId id : *route) {
      RC_ASSERT(topology.link(id).from == at);
      RC_ASSERT(at == from || at.kind() != Endpoint::Kind::device);
      at = topology.link(id).to;
    }
    RC_ASSERT(at == to);
    // Connections are symmetric: the way back is as long.
    const auto back = topology.route(to, from);
    RC_ASSERT(back.has_value() && back->size() == route->size());
    RC_ASSERT(topology.latency(*back) == topology.latency(*route));
  }));
}

TEST_CASE("Devices of one node meet in its NVSwitch, those of two nodes in the spine") {
  const Topology cluster = make_cluster(two_nodes(), "");
  CHECK(cluster.nodes() == 2);
  CHECK(cluster.devices() == 8);
  CHECK(cluster.switches() == 3);  // the spine and one NVSwitch a node
  // A node has 4 NVLink, 4 PCIe and 1 card connections of two directions each.
  CHECK(cluster.links() == 2 * 2 * 9);
  CHECK(cluster.node_of(DeviceId(3)) == NodeId(0));
  CHECK(cluster.node_of(DeviceId(4)) == NodeId(1));

  const auto inside = cluster.route(DeviceId(0), DeviceId(3));
  REQUIRE(inside.has_value());
  CHECK(kinds(cluster, *inside) == std::vector<LinkKind>(2, LinkKind::nvswitch));
  CHECK(cluster.latency(*inside) == Duration(1000));
  CHECK(cluster.bandwidth(*inside) == BytesPerSecond(450 * kGb));

  const auto across = cluster.route(DeviceId(0), DeviceId(7));
  REQUIRE(across.has_value());
  CHECK(kinds(cluster, *across) ==
        std::vector<LinkKind>{LinkKind::pcie, LinkKind::nic, LinkKind::nic, LinkKind::pcie});
  CHECK(cluster.latency(*across) == Duration(2 * 700 + 2 * 2000));
  CHECK(cluster.bandwidth(*across) == BytesPerSecond(50 * kGb));

  const auto swap = cluster.route(Endpoint::of(DeviceId(5)), Endpoint::host(NodeId(1)));
  REQUIRE(swap.has_value());
  CHECK(kinds(cluster, *swap) == std::vector<LinkKind>{LinkKind::pcie});
}

TEST_CASE("The bottleneck of a group is its slowest pair") {
  const Topology cluster = make_cluster(two_nodes(), "");
  const std::vector<DeviceId> node{DeviceId(0), DeviceId(1), DeviceId(2), DeviceId(3)};
  CHECK(cluster.bottleneck(node) == BytesPerSecond(450 * kGb));
  const std::vector<DeviceId> split{DeviceId(0), DeviceId(1), DeviceId(4)};
  CHECK(cluster.bottleneck(split) == BytesPerSecond(50 * kGb));
  const std::vector<DeviceId> lone{DeviceId(0)};
  CHECK(std::isinf(cluster.bottleneck(lone).value()));
}

TEST_CASE("Bridged pairs talk over NVLink, other devices of the node over PCIe") {
  ClusterShape shape = two_nodes();
  shape.fabric = NodeFabric::nvlink_pairs;
  shape.fabric_link = spec(LinkKind::nvlink, 300, 100);
  const Topology cluster = make_cluster(shape, "");
  CHECK(kinds(cluster, cluster.route(DeviceId(2), DeviceId(3)).value()) ==
        std::vector<LinkKind>{LinkKind::nvlink});
  // Not 1 -> 0 -> 3 or the like: devices forward nothing.
  CHECK(kinds(cluster, cluster.route(DeviceId(1), DeviceId(2)).value()) ==
        std::vector<LinkKind>(2, LinkKind::pcie));
  const std::vector<DeviceId> four{DeviceId(0), DeviceId(1), DeviceId(2), DeviceId(3)};
  CHECK(cluster.bottleneck(four) == BytesPerSecond(64 * kGb));
}

TEST_CASE("Where NVSwitch and PCIe tie in links and latency, NVLink is taken") {
  ClusterShape shape = two_nodes();
  shape.fabric_link.latency = Duration(0);
  shape.pcie.latency = Duration(0);
  const Topology cluster = make_cluster(shape, "");
  CHECK(kinds(cluster, cluster.route(DeviceId(1), DeviceId(2)).value()) ==
        std::vector<LinkKind>(2, LinkKind::nvswitch));
}

TEST_CASE("A spine port slower than the card limits what crosses nodes") {
  ClusterShape shape = two_nodes();
  shape.spine_port = spec(LinkKind::switch_port, 25, 300);
  const Topology cluster = make_cluster(shape, "");
  const Route across = cluster.route(DeviceId(0), DeviceId(4)).value();
  CHECK(cluster.bandwidth(across) == BytesPerSecond(25 * kGb));
  CHECK(cluster.latency(across) == Duration(2 * (700 + 2000 + 300)));
}

TEST_CASE("What no link reaches is unreachable, and that is a value") {
  ClusterShape shape = two_nodes();
  shape.nic.reset();
  const Topology cluster = make_cluster(shape, "");
  CHECK_FALSE(cluster.route(DeviceId(0), DeviceId(4)).has_value());
  const std::vector<DeviceId> apart{DeviceId(0), DeviceId(4)};
  CHECK(cluster.bottleneck(apart) == BytesPerSecond(0));
  CHECK(cluster.route(DeviceId(0), DeviceId(0)) == Route{});
}

TEST_CASE("Shapes out of range are refused with place and remedy") {
  std::vector<ClusterShape> shapes(10, two_nodes());
  shapes[0].nodes = 0;
  shapes[1].devices_per_node = 0;
  shapes[2].nodes = 100'000;
  shapes[3].devices_per_node = 5000;
  shapes[4].nodes = 60'000;
  shapes[4].devices_per_node = 1000;  // each in range, 6e7 devices in all
  shapes[5].pcie.bandwidth = BytesPerSecond(0);
  shapes[6].fabric_link.bandwidth = BytesPerSecond(std::nan(""));
  shapes[7].nic->bandwidth = BytesPerSecond(-1);
  shapes[8].pcie.latency = Duration(-1);
  shapes[9].spine_port = LinkSpec{LinkKind::switch_port, BytesPerSecond(INFINITY), Duration(0)};
  for (const ClusterShape& shape : shapes) {
    const std::string message = refusal(shape);
    CAPTURE(message);
    CHECK(message.find("s.json: /nodes/0: expected ") == 0);
    CHECK(message.find("; ") != std::string::npos);
  }
  ClusterShape plain = two_nodes();
  plain.fabric = NodeFabric::pcie;
  plain.fabric_link = LinkSpec{};  // unused, so not checked
  CHECK(refusal(plain) == "accepted");
}

TEST_CASE("Links to nowhere, to oneself or without bandwidth stop the program") {
  Topology topology;
  const Endpoint host = Endpoint::host(topology.add_node());
  const Endpoint hub = Endpoint::of(topology.add_switch());
  CHECK(testing::aborts([&] { topology.connect(host, host, spec(LinkKind::nic, 1, 0)); }));
  CHECK(testing::aborts([&] { topology.connect(host, hub, spec(LinkKind::nic, 0, 0)); }));
  CHECK(testing::aborts([&] { topology.connect(host, hub, spec(LinkKind::nic, 1, -1)); }));
  CHECK(testing::aborts(
      [&] { topology.connect(host, Endpoint::of(DeviceId(0)), spec(LinkKind::pcie, 1, 0)); }));
  CHECK(testing::aborts([&] { topology.add_device(NodeId(9)); }));
}
