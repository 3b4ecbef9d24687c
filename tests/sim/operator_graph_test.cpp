#include "sim/operator_graph.h"

#include "tests/catch.h"
#include "tests/sim/aborts.h"

using namespace headroom;

namespace {

OperatorNode fixed(double work, double share, double slow_down, std::uint8_t lane) {
  OperatorNode node;
  node.work = work;
  node.share = share;
  node.slow_down = slow_down;
  node.lane = lane;
  return node;
}

OperatorNode elastic(double work, std::uint8_t lane) {
  OperatorNode node;
  node.work = work;
  node.lane = lane;
  node.elastic = true;
  return node;
}

}  // namespace

TEST_CASE("a chain of operators takes the sum of their works, layer after layer") {
  OperatorGraph graph;
  graph.add(fixed(2, 1, 1, 0));
  graph.add(fixed(3, 1, 1, 1));
  graph.wait(1, 0);
  graph.wait_for_last_layer(0, 1);
  CHECK(graph.runs());
  CHECK(graph.makespan(1) == 5);
  CHECK(graph.makespan(4) == 20);
  CHECK(graph.critical_path() == 5);
  CHECK(graph.fullest_lane() == 3);
}

TEST_CASE("operators overlap only while their shares fit the device") {
  // 0.5 + 0.4 fit: 10 x 2 and 10 x 1.25 run at once. 0.5 + 0.6 do not: 20 + 15.
  OperatorGraph together;
  together.add(fixed(10, 0.5, 2, 0));
  together.add(fixed(10, 0.4, 1.25, 1));
  CHECK(together.makespan(1) == 20);
  OperatorGraph apart;
  apart.add(fixed(10, 0.5, 2, 0));
  apart.add(fixed(10, 0.6, 1.5, 1));
  CHECK(apart.makespan(1) == 35);
}

TEST_CASE("an elastic operator runs at the speed of the share that others leave") {
  // 8 s beside a node that holds a quarter for 4 s: 3 s of work by then, 5 s left alone: 9 s.
  OperatorGraph graph;
  graph.add(elastic(8, 0));
  graph.add(fixed(2, 0.25, 2, 1));
  CHECK(graph.makespan(1) == Approx(9));
  // Beside one that holds everything it stands still.
  OperatorGraph still;
  still.add(elastic(8, 0));
  still.add(fixed(2, 1, 1, 1));
  CHECK(still.makespan(1) == Approx(10));
}

TEST_CASE("operators of other devices share nothing") {
  OperatorGraph graph;
  graph.add(fixed(4, 1, 1, 0));
  OperatorNode other = fixed(5, 1, 1, 5);
  other.device = 1;
  graph.add(other);
  CHECK(graph.makespan(1) == 5);
}

TEST_CASE("operators of a lane run in the order they were added, and layers pipeline") {
  // Lane 0: a (1 s), lane 1: b (3 s) after a; a of the next layer need not wait for b.
  OperatorGraph graph;
  graph.add(fixed(1, 0.5, 1, 0));
  graph.add(fixed(3, 0.5, 1, 1));
  graph.wait(1, 0);
  CHECK(graph.makespan(1) == 4);
  CHECK(graph.makespan(5) == 1 + 5 * 3);
}

TEST_CASE("phases are barriers, across layers too") {
  // Phase 0: 2 s and 3 s; phase 1: 1 s; phase 2 is the next layer's phase 0: 4 s beside 3 s.
  OperatorGraph graph;
  graph.set_phase(graph.add(fixed(2, 0.3, 1, 0)), 0, 2);
  graph.set_phase(graph.add(fixed(3, 0.3, 1, 1)), 0, 2);
  graph.set_phase(graph.add(fixed(1, 0.3, 1, 0)), 1, 2);
  graph.set_phase(graph.add(fixed(4, 0.3, 1, 2)), 2, 2);
  CHECK(graph.runs());
  CHECK(graph.makespan(1) == 3 + 1 + 4);
  CHECK(graph.makespan(2) == 3 + 1 + 4 + 1 + 4);
}

TEST_CASE("a circle of waiting is found, by way of lanes as well") {
  OperatorGraph circle;
  circle.add(fixed(1, 1, 1, 0));
  circle.add(fixed(1, 1, 1, 1));
  circle.wait(0, 1);
  circle.wait(1, 0);
  CHECK_FALSE(circle.runs());
  OperatorGraph lane;
  lane.add(fixed(1, 1, 1, 0));
  lane.add(fixed(1, 1, 1, 0));
  lane.wait(0, 1);
  CHECK_FALSE(lane.runs());
}

TEST_CASE("no operator holds more than its device or is faster on less of it") {
  using headroom::testing::aborts;
  CHECK(aborts([] { OperatorGraph().add(fixed(1, 1.5, 1, 0)); }));
  CHECK(aborts([] { OperatorGraph().add(fixed(1, 0.5, 0.9, 0)); }));
  CHECK(aborts([] { OperatorGraph().add(fixed(-1, 0.5, 2, 0)); }));
}
