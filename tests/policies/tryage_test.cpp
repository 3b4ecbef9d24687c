// Routing by cost and quality, on losses and prices that can be followed.
#include "sim/edge_losses.h"
#include "tests/catch.h"
#include "tests/policies/edge_world.h"

using namespace headroom;
using namespace headroom::edge_test;

namespace {

using Given = std::vector<std::pair<std::string, std::string>>;

/// A task Q with the models small, middle and large: losses 0.5, 0.3, 0.2; prices 1, 5, 20; 100,
/// 200 and 900 ms at the edge, 300 ms more in the cloud; 1, 2 and 8 GiB.
void add_models(World& world) {
  EdgeTaskType task;
  task.name = "Q";
  task.benefit = 100;
  task.deadline = ms(1000);
  task.first_model = 1;
  task.models = 3;
  std::vector<EdgeTaskType> types{task};
  const auto add = [&](const char* name, double loss, double price, std::int64_t time,
                       std::int64_t gigabytes) {
    EdgeTaskType model = task;
    model.name = name;
    model.model_of = 0;
    model.models = 0;
    model.loss = loss;
    model.edge_price = price;
    model.cloud_price = 2 * price;
    model.edge_time = ms(time);
    model.cloud_time = ms(time + 300);
    model.size = Bytes(gigabytes << 30);
    types.push_back(model);
  };
  add("small", 0.5, 1, 100, 1);
  add("middle", 0.3, 5, 200, 2);
  add("large", 0.2, 20, 900, 8);
  types[0].edge_time = types[1].edge_time;
  types[0].cloud_time = types[1].cloud_time;
  types[0].loss = types[1].loss;
  world.setup.types = types;
}

/// The model that answers one task with this much time.
std::string chosen(const Given& given, std::int64_t deadline = 1000) {
  World world("tryage", given);
  add_models(world);
  world.arrive(0, "Q", deadline);
  world.run();
  return world.record.lines.at(0).type;
}

}  // namespace

TEST_CASE(
    "without weights the model of least loss answers; weights move the choice to cheaper ones") {
  CHECK(chosen({}) == "large");
  // Price, 0.01 a point: 0.5 + 0.01, 0.3 + 0.05, 0.2 + 0.2.
  CHECK(chosen({{"price_weight", "0.01"}}) == "middle");
  CHECK(chosen({{"price_weight", "0.1"}}) == "small");  // 0.6, 0.8, 2.2
  // Time, 0.2 a second: 0.52, 0.34, 0.38. Size, 0.05 a GiB: 0.55, 0.4, 0.6.
  CHECK(chosen({{"time_weight", "0.2"}}) == "middle");
  CHECK(chosen({{"size_weight", "0.05"}}) == "middle");
  CHECK(chosen({{"size_weight", "0.3"}}) == "small");  // 0.8, 0.9, 2.6
}

TEST_CASE("models that are too late everywhere are looked at last, but for the published form") {
  // 900 ms of 850 at the edge, 1,200 in the cloud: the next best answers.
  CHECK(chosen({}, 850) == "middle");
  CHECK(chosen({{"faithful", "true"}}, 850) == "large");
  CHECK(chosen({}, 90) == "large");  // nobody is in time: the least loss
}

TEST_CASE("the edge's queue makes a router call the cloud or take a faster model") {
  // Behind a task of 900 ms, deadline 1,000: small ends at 1,000 (not before), called at 400.
  World world("tryage");
  add_models(world);
  world.arrive(0, "Q");
  world.arrive(0, "Q");
  world.run();
  CHECK(world.outcome("large") == EdgeOutcome::edge);
  CHECK(world.outcome("middle") == EdgeOutcome::cloud);  // 0.3 < 0.5, both in time when called
  // The task has one outcome, under the model that gave it.
  CHECK(world.metrics.generated() == 2);
  CHECK(world.metrics.types[0].generated == 0);
  CHECK(world.metrics.types[2].loss == Approx(0.3));
  CHECK(world.metrics.task_utility(world.setup.types) == (100 - 20) + (100 - 10));
  // The window counts the task, not its models.
  CHECK(world.metrics.types[0].windows == 1);
  CHECK(world.metrics.types[2].windows == 0);
}

namespace {

struct Front {
  double loss = 0, price = 0, best = 0;
};

/// 400 tasks a second apart, whose losses spread by a gamma law with cv 0.5.
Front front_at(const Given& given, double prediction_cv) {
  World world("tryage", given);
  add_models(world);
  world.setup.loss_spread.kind = DistributionSpec::Kind::gamma;
  world.setup.loss_spread.cv = 0.5;
  if (prediction_cv > 0) {
    world.setup.loss_prediction.kind = DistributionSpec::Kind::gamma;
    world.setup.loss_prediction.cv = prediction_cv;
  }
  for (std::int64_t i = 0; i < 400; ++i) world.arrive(i * 1000, "Q");
  world.run();
  Front front;
  for (std::size_t t = 1; t < 4; ++t) {
    const EdgeTypeTotals& totals = world.metrics.types[t];
    front.loss += totals.loss;
    front.price += static_cast<double>(totals.generated) * world.setup.types[t].edge_price;
    front.best += static_cast<double>(totals.best_model);
  }
  return front;
}

}  // namespace

TEST_CASE("growing weights walk along the front of cost and quality") {
  // Each task alone: argmin of loss + w x price over the same losses, so that the sums move one
  // way.
  Front last = front_at({}, 0);
  CHECK(last.best == 400);  // who knows the losses takes the best model
  for (const char* weight : {"0.002", "0.005", "0.01", "0.02", "0.05", "0.1", "1"}) {
    const Front next = front_at({{"price_weight", weight}}, 0);
    CHECK(next.loss >= last.loss);
    CHECK(next.price <= last.price);
    last = next;
  }
  CHECK(last.price == 400);  // the small model alone
}

TEST_CASE("a router that errs takes the best model less often and loses more") {
  const Front good = front_at({}, 0.2);
  const Front bad = front_at({}, 1);
  CHECK(good.best < 400);
  CHECK(bad.best < good.best);
  CHECK(bad.loss > good.loss);
  CHECK(good.loss > front_at({}, 0).loss);
}

TEST_CASE("losses are a function of seed, site, task and model") {
  DistributionSpec one_law;
  one_law.mean = 1;
  DistributionSpec spread = one_law;
  spread.kind = DistributionSpec::Kind::gamma;
  spread.cv = 0.5;
  const EdgeLaw knows(one_law, "test");
  const EdgeLaws laws{{}, knows, knows, knows, EdgeLaw(spread, "test"), knows};
  EdgeTaskType type;
  type.loss = 2;
  const EdgeLosses one(laws, 7, 3);
  CHECK(one.actual(type, 1, 5) == EdgeLosses(laws, 7, 3).actual(type, 1, 5));
  CHECK(one.predicted(type, 1, 5) == one.actual(type, 1, 5));
  CHECK(one.actual(type, 1, 5) != one.actual(type, 2, 5));
  CHECK(one.actual(type, 1, 5) != one.actual(type, 1, 6));
  CHECK(one.actual(type, 1, 5) != EdgeLosses(laws, 7, 4).actual(type, 1, 5));
  CHECK(one.actual(type, 1, 5) != EdgeLosses(laws, 8, 3).actual(type, 1, 5));
  double sum = 0;
  for (std::uint32_t task = 0; task < 4000; ++task) sum += one.actual(type, 0, task);
  CHECK(sum / 4000 == Approx(2).epsilon(0.05));  // 0.5 x 2 / sqrt(4000) = 0.016
}
