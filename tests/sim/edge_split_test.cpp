// Split computing by the formulas of BottleFit, on numbers that can be followed.
#include "sim/edge_split.h"

#include "tests/catch.h"

using namespace headroom;

namespace {

constexpr Duration ms(std::int64_t count) { return kMillisecond * count; }

}  // namespace

TEST_CASE("a split's latency is head, upload and tail; its energy the head's and the upload's") {
  const EdgeSplit split{"s", ms(20), Bytes(50'000), ms(30), 0.9};
  // 50 kB at 1 MB/s: 50 ms. 5 W x 20 ms + 2 W x 50 ms = 0.2 J.
  const DroneLink link{BytesPerSecond(1e6), Watts(5), Watts(2)};
  const SplitCost cost = cost_of(split, link);
  CHECK(cost.upload == ms(50));
  CHECK(cost.latency == ms(100));
  CHECK(cost.energy.value() == Approx(0.2));
  CHECK(cost_of({"local", ms(70), Bytes(0), ms(1), 0.9}, DroneLink{}).upload == Duration(0));
}

TEST_CASE("the bandwidth decides: all at the edge, then a bottleneck, then all on the drone") {
  const std::vector<EdgeSplit> splits{{"local", ms(300), Bytes(0), ms(1), 0.95},
                                      {"edge", ms(0), Bytes(400'000), ms(30), 0.95},
                                      {"split", ms(20), Bytes(20'000), ms(25), 0.94}};
  const auto chosen = [&](double bytes_per_second, double accuracy) {
    const auto at = choose_split(
        splits, DroneLink{BytesPerSecond(bytes_per_second), Watts(5), Watts(2)}, accuracy);
    return at ? splits[*at].name : std::string("none");
  };
  CHECK(chosen(1e9, 0.9) == "edge");    // 30.4 ms; split 45.02
  CHECK(chosen(1e6, 0.9) == "split");   // 65 ms; edge 430
  CHECK(chosen(5e4, 0.9) == "local");   // 301 ms; split 445
  CHECK(chosen(1e6, 0.95) == "local");  // the split is not accurate enough
  CHECK(chosen(1e6, 0.99) == "none");
}

TEST_CASE("of equally fast splits the first is chosen") {
  const std::vector<EdgeSplit> splits{{"a", ms(10), Bytes(0), ms(5), 0.9},
                                      {"b", ms(5), Bytes(0), ms(10), 1}};
  CHECK(choose_split(splits, DroneLink{}, 0) == std::optional<std::size_t>(0));
}
