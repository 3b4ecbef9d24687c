#include "sim/network.h"

#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "tests/catch.h"
#include "tests/sim/aborts.h"

using namespace headroom;

namespace {

constexpr double kUnit = 1e9 / 0x1p32;  // B/s: the grain of rates

std::vector<LinkId> path_of(const std::vector<std::uint32_t>& links) {
  std::vector<LinkId> path;
  for (const std::uint32_t link : links) path.emplace_back(link);
  return path;
}

std::vector<BytesPerSecond> gigabytes(const std::vector<double>& capacities) {
  std::vector<BytesPerSecond> result;
  for (const double capacity : capacities) result.emplace_back(capacity * 1e9);
  return result;
}

/// Advances from event to event until nothing is left.
std::vector<LandedFlow> run_out(Network& network) {
  std::vector<LandedFlow> landed;
  while (network.next_event() != Instant::never()) {
    const std::size_t before = landed.size();
    const Instant next = network.next_event();
    network.advance(next, landed);
    for (std::size_t i = before; i < landed.size(); ++i) REQUIRE(landed[i].landed == next);
  }
  return landed;
}

/// Links and flows of a random instance; capacities from 1 MB/s to 4 GB/s.
struct Instance {
  std::vector<BytesPerSecond> capacities;
  std::vector<std::vector<LinkId>> paths;
};

std::vector<LinkId> any_path(std::size_t links) {
  std::vector<LinkId> path;
  for (std::uint32_t link = 0; link < links; ++link) {
    if (*rc::gen::inRange(0, 2) == 1) path.emplace_back(link);
  }
  if (path.empty()) path.emplace_back(0);
  return path;
}

Instance any_instance() {
  Instance instance;
  const auto links = *rc::gen::inRange<std::size_t>(1, 6);
  const auto flows = *rc::gen::inRange<std::size_t>(1, 9);
  for (std::size_t i = 0; i < links; ++i) {
    instance.capacities.emplace_back(1e6 * static_cast<double>(*rc::gen::inRange(1, 4000)));
  }
  for (std::size_t i = 0; i < flows; ++i) instance.paths.push_back(any_path(links));
  return instance;
}

bool crosses(const std::vector<LinkId>& path, std::uint32_t link) {
  return std::find(path.begin(), path.end(), LinkId(link)) != path.end();
}

/// Water-filling as the textbook draws it: all unfrozen flows rise together until some link is
/// full; flows on full links freeze.
std::vector<double> water_filling(const Instance& instance) {
  std::vector<double> rates(instance.paths.size(), 0.0);
  std::vector<bool> frozen(instance.paths.size(), false);
  while (std::find(frozen.begin(), frozen.end(), false) != frozen.end()) {
    double rise = std::numeric_limits<double>::infinity();
    std::vector<double> room;
    for (std::uint32_t link = 0; link < instance.capacities.size(); ++link) {
      double used = 0;
      int rising = 0;
      for (std::size_t f = 0; f < rates.size(); ++f) {
        if (!crosses(instance.paths[f], link)) continue;
        used += rates[f];
        if (!frozen[f]) ++rising;
      }
      room.push_back(rising == 0 ? std::numeric_limits<double>::infinity()
                                 : (instance.capacities[link].value() - used) / rising);
      rise = std::min(rise, room.back());
    }
    for (std::size_t f = 0; f < rates.size(); ++f) {
      if (!frozen[f]) rates[f] += rise;
    }
    for (std::uint32_t link = 0; link < room.size(); ++link) {
      if (room[link] > rise * (1 + 1e-12) + 1e-6) continue;
      for (std::size_t f = 0; f < rates.size(); ++f) {
        if (crosses(instance.paths[f], link)) frozen[f] = true;
      }
    }
  }
  return rates;
}

std::vector<double> rates_of(Network& network, std::size_t flows) {
  std::vector<double> rates;
  for (std::uint32_t f = 0; f < flows; ++f) rates.push_back(network.rate(FlowId(f))->value());
  return rates;
}

Network started(const Instance& instance) {
  Network network(instance.capacities);
  for (const auto& path : instance.paths) {
    (void)network.start_flow(path, Bytes(1'000'000'000), Duration(0), Instant(0));
  }
  return network;
}

}  // namespace

TEST_CASE("A lone flow takes bytes / bandwidth + latency") {
  Network network(gigabytes({12.5, 50}));
  // The slower link rules: 10^9 B / 12.5e9 B/s = 80 ms; then 5 us of latency, once.
  const FlowId flow =
      network.start_flow(path_of({0, 1}), Bytes(1'000'000'000), kMicrosecond * 5, Instant(100));
  CHECK(network.rate(flow)->value() == Approx(12.5e9).epsilon(1e-12));
  const auto landed = run_out(network);
  REQUIRE(landed.size() == 1);
  CHECK(landed[0].id == flow);
  CHECK(landed[0].bytes == Bytes(1'000'000'000));
  CHECK(landed[0].start == Instant(100));
  CHECK(landed[0].drained == Instant(80'000'100));
  CHECK(landed[0].landed == Instant(80'005'100));
  CHECK(network.carried(LinkId(0)) == Bytes(1'000'000'000));
  CHECK(network.carried(LinkId(1)) == Bytes(1'000'000'000));
}

TEST_CASE("A transfer that is no whole number of nanoseconds ends with the next one") {
  Network network(gigabytes({3}));
  (void)network.start_flow(path_of({0}), Bytes(10), Duration(0), Instant(0));
  CHECK(run_out(network)[0].landed == Instant(4));  // 10 / 3 = 3.33 ns
}

TEST_CASE("Two flows halve a link that they share, and the one left takes all of it") {
  Network network(gigabytes({1}));
  const FlowId small = network.start_flow(path_of({0}), Bytes(1000), Duration(0), Instant(0));
  const FlowId large = network.start_flow(path_of({0}), Bytes(3000), Duration(0), Instant(0));
  CHECK(network.rate(small)->value() == Approx(0.5e9));
  CHECK(network.rate(large)->value() == Approx(0.5e9));
  // At 0.5 B/ns the small one drains at 2000 ns; the large one has 2000 B left and drains them at 1
  // B/ns by 4000 ns.
  const auto landed = run_out(network);
  REQUIRE(landed.size() == 2);
  CHECK(landed[0].id == small);
  CHECK(landed[0].landed == Instant(2000));
  CHECK(landed[1].id == large);
  CHECK(landed[1].landed == Instant(4000));
}

TEST_CASE("A flow that joins later shares from then on") {
  Network network(gigabytes({1}));
  std::vector<LandedFlow> landed;
  const FlowId first = network.start_flow(path_of({0}), Bytes(1000), Duration(0), Instant(0));
  (void)network.start_flow(path_of({0}), Bytes(1000), Duration(7), Instant(600));
  // 400 B are left at 600 ns and need 800 ns at half the rate; the second has 600 B left at 1400 ns
  // and ends at 2000 ns.
  CHECK(network.remaining(first) == Bytes(400));
  landed = run_out(network);
  CHECK(landed[0].landed == Instant(1400));
  CHECK(landed[1].drained == Instant(2000));
  CHECK(landed[1].landed == Instant(2007));
}

TEST_CASE("A parking lot gives the long flow the least share") {
  // Links of 3, 2 and 4 GB/s in a row. A takes all three, B the first, C the second, D and E the
  // third. Link 1 is tightest: 2/2 = 1 for A and C. Then link 0 leaves 3 - 1 = 2 for B, link 2
  // leaves 4 - 1 = 3, 1.5 each.
  Network network(gigabytes({3, 2, 4}));
  for (const auto& links : std::vector<std::vector<std::uint32_t>>{{0, 1, 2}, {0}, {1}, {2}, {2}}) {
    (void)network.start_flow(path_of(links), Bytes(1'000'000), Duration(0), Instant(0));
  }
  const std::vector<double> rates = rates_of(network, 5);
  CHECK(rates[0] == Approx(1e9));
  CHECK(rates[1] == Approx(2e9));
  CHECK(rates[2] == Approx(1e9));
  CHECK(rates[3] == Approx(1.5e9));
  CHECK(rates[4] == Approx(1.5e9));
}

TEST_CASE("Both directions of a connection carry their full bandwidth") {
  ClusterShape shape;
  shape.devices_per_node = 2;
  shape.pcie = LinkSpec{LinkKind::pcie, BytesPerSecond(32e9), Duration(500)};
  const Topology topology = make_cluster(shape, "");
  Network network(topology);
  const Route there = topology.route(DeviceId(0), DeviceId(1)).value();
  const Route back = topology.route(DeviceId(1), DeviceId(0)).value();
  const FlowId out =
      network.start_flow(there, Bytes(32'000'000), topology.latency(there), Instant(0));
  const FlowId in = network.start_flow(back, Bytes(32'000'000), topology.latency(back), Instant(0));
  CHECK(network.rate(out)->value() == Approx(32e9));
  CHECK(network.rate(in)->value() == Approx(32e9));
  CHECK(run_out(network)[1].landed == Instant(1'000'000 + 2 * 500));
}

TEST_CASE("Rates are those of textbook water-filling") {
  CHECK(rc::check("against the naive twin", [] {
    const Instance instance = any_instance();
    Network network = started(instance);
    const std::vector<double> rates = rates_of(network, instance.paths.size());
    const std::vector<double> expected = water_filling(instance);
    for (std::size_t f = 0; f < rates.size(); ++f) {
      // Each round rounds a share down by less than a unit, and what it leaves the next ones takes
      // up.
      const double slack = kUnit * 8 * static_cast<double>(rates.size());
      RC_ASSERT(std::fabs(rates[f] - expected[f]) <= slack + 1e-9 * expected[f]);
    }
  }));
}

TEST_CASE("No link is over its capacity, and each flow has a full link on which none is faster") {
  CHECK(rc::check("max-min fairness", [] {
    const Instance instance = any_instance();
    Network network = started(instance);
    const std::vector<double> rates = rates_of(network, instance.paths.size());
    std::vector<bool> full(instance.capacities.size(), false);
    std::vector<double> fastest(instance.capacities.size(), 0);
    for (std::uint32_t link = 0; link < full.size(); ++link) {
      double used = 0;
      int flows = 0;
      for (std::size_t f = 0; f < rates.size(); ++f) {
        if (!crosses(instance.paths[f], link)) continue;
        used += rates[f];
        fastest[link] = std::max(fastest[link], rates[f]);
        ++flows;
      }
      // Rates are whole units below 2^53, so their sums are exact up to the conversion to B/s
      // (1e-12).
      RC_ASSERT(used <= instance.capacities[link].value() * (1 + 1e-12));
      // One unit a flow, and one for rounding the capacity itself.
      full[link] = used >= instance.capacities[link].value() * (1 - 1e-12) - kUnit * (flows + 1);
    }
    for (std::size_t f = 0; f < rates.size(); ++f) {
      RC_ASSERT(std::any_of(instance.paths[f].begin(), instance.paths[f].end(), [&](LinkId link) {
        return full[link.index()] && rates[f] == fastest[link.index()];
      }));
    }
  }));
}

TEST_CASE("Another flow never raises the least rate") {
  // Single rates may rise: a newcomer can slow a neighbour that then leaves room elsewhere. The
  // least rate cannot, for max-min fairness makes it as large as it can be, and the old flows could
  // have had the new rates before.
  CHECK(rc::check("least rate", [] {
    Instance instance = any_instance();
    Network before = started(instance);
    const auto old_rates = rates_of(before, instance.paths.size());
    instance.paths.push_back(any_path(instance.capacities.size()));
    Network after = started(instance);
    const auto new_rates = rates_of(after, instance.paths.size());
    RC_ASSERT(*std::min_element(new_rates.begin(), new_rates.end()) <=
              *std::min_element(old_rates.begin(), old_rates.end()));
  }));
}

TEST_CASE("Every byte is counted once on every link that its flow crosses, and every flow lands") {
  CHECK(rc::check("flows that come and go", [] {
    const Instance instance = any_instance();
    Network network(instance.capacities);
    std::vector<LandedFlow> landed;
    std::map<FlowId, std::pair<Bytes, Duration>> sent;
    std::vector<std::int64_t> expected(instance.capacities.size(), 0);
    Instant now(0);
    for (const auto& path : instance.paths) {
      now = now + Duration(*rc::gen::inRange<std::int64_t>(0, 2'000'000));
      network.advance(now, landed);
      const Bytes bytes(*rc::gen::inRange<std::int64_t>(0, 5'000'000));
      const Duration latency(*rc::gen::inRange<std::int64_t>(0, 1000));
      sent[network.start_flow(path, bytes, latency, now)] = {bytes, latency};
      for (const LinkId link : path) expected[link.index()] += bytes.value();
    }
    RC_ASSERT(network.flows() + landed.size() == sent.size());
    const auto rest = run_out(network);
    landed.insert(landed.end(), rest.begin(), rest.end());
    RC_ASSERT(landed.size() == sent.size());
    RC_ASSERT(network.flows() == 0U);
    Instant last(0);
    for (const LandedFlow& flow : landed) {
      RC_ASSERT(flow.bytes == sent[flow.id].first);
      RC_ASSERT(flow.landed == flow.drained + sent[flow.id].second);
      RC_ASSERT(flow.drained >= flow.start && flow.landed >= last);
      last = flow.landed;
    }
    for (std::uint32_t link = 0; link < expected.size(); ++link) {
      RC_ASSERT(network.carried(LinkId(link)) == Bytes(expected[link]));
    }
  }));
}

TEST_CASE("How often the network is asked does not change when flows land") {
  CHECK(rc::check("one long step against many short ones", [] {
    const Instance instance = any_instance();
    Network coarse = started(instance);
    Network fine = started(instance);
    std::vector<LandedFlow> at_once;
    std::vector<LandedFlow> in_steps;
    // 9 flows of 1 GB on 1 MB/s end within 9000 s.
    const Instant end(std::int64_t{10'000} * 1'000'000'000);
    coarse.advance(end, at_once);
    for (int step = 1; step <= 50; ++step) {
      fine.advance(Instant(end.ns() / 1000 * step / 50), in_steps);
    }
    fine.advance(end, in_steps);
    RC_ASSERT(at_once.size() == instance.paths.size());
    RC_ASSERT(in_steps.size() == at_once.size());
    for (std::size_t i = 0; i < at_once.size(); ++i) {
      RC_ASSERT(at_once[i].id == in_steps[i].id);
      RC_ASSERT(at_once[i].landed == in_steps[i].landed);
    }
  }));
}

TEST_CASE("Flows without bytes or without links only take the latency") {
  Network network(gigabytes({1}));
  (void)network.start_flow(path_of({0}), Bytes(0), Duration(5), Instant(10));
  (void)network.start_flow({}, Bytes(1000), Duration(3), Instant(10));
  const auto landed = run_out(network);
  REQUIRE(landed.size() == 2);
  CHECK(landed[0].landed == Instant(13));
  CHECK(landed[1].landed == Instant(15));
  CHECK(network.carried(LinkId(0)) == Bytes(0));
  CHECK_FALSE(network.rate(FlowId(0)).has_value());
  CHECK_FALSE(network.remaining(FlowId(0)).has_value());
}

TEST_CASE("The largest flow on the slowest link ends within the clock") {
  Network network(gigabytes({0.001}));
  (void)network.start_flow(path_of({0}), Network::kMostBytes, Duration(0), Instant(0));
  // 2^50 B / 10^6 B/s = 2^50 * 1000 ns; capacity is 2^32 / 1000 units rounded down (0.296 of
  // 4294967), 7e-8 too slow.
  const double expected = 0x1p50 * 1000;
  const auto landed = static_cast<double>(run_out(network)[0].landed.ns());
  CHECK(landed >= expected);
  CHECK(landed <= expected * (1 + 1e-7));
}

TEST_CASE(
    "A flow that is cancelled leaves its links to the others, and what they carried counted") {
  // Two flows of 1,000 bytes share 1 B/ns: 250 each by 500 ns. Without the first the other 750 take
  // 750 ns more.
  Network network(gigabytes({1}));
  const FlowId first = network.start_flow(path_of({0}), Bytes(1000), Duration(0), Instant(0));
  (void)network.start_flow(path_of({0}), Bytes(1000), Duration(0), Instant(0));
  std::vector<LandedFlow> landed;
  network.advance(Instant(500), landed);
  network.cancel(first, Instant(500));
  CHECK(network.flows() == 1);
  CHECK_FALSE(network.remaining(first).has_value());
  const std::vector<LandedFlow> rest = run_out(network);
  REQUIRE(rest.size() == 1);
  CHECK(rest[0].landed == Instant(1250));
  CHECK(network.carried(LinkId(0)) == Bytes(1250));
  CHECK(testing::aborts([&] { network.cancel(first, Instant(1250)); }));
}

TEST_CASE("Wrong calls stop the program") {
  Network network(gigabytes({1, 1}));
  (void)network.start_flow(path_of({0}), Bytes(1000), Duration(0), Instant(0));
  std::vector<LandedFlow> landed;
  const auto start = [&](const std::vector<std::uint32_t>& links, std::int64_t bytes,
                         std::int64_t now) {
    (void)network.start_flow(path_of(links), Bytes(bytes), Duration(0), Instant(now));
  };
  CHECK(testing::aborts([&] { start({2}, 1, 0); }));
  CHECK(testing::aborts([&] { start({1, 1}, 1, 0); }));
  CHECK(testing::aborts([&] { start({1}, -1, 0); }));
  CHECK(testing::aborts([&] { start({1}, (std::int64_t{1} << 50) + 1, 0); }));
  CHECK(testing::aborts([&] { start({1}, 1, 1001); }));  // the first flow lands at 1000
  network.advance(Instant(500), landed);
  CHECK(testing::aborts([&] { start({1}, 1, 499); }));
  CHECK(testing::aborts([&] { network.advance(Instant(499), landed); }));
  CHECK(testing::aborts([] { Network slow(gigabytes({0.0005})); }));
  CHECK(testing::aborts([] { Network broken(gigabytes({std::nan("")})); }));
}
