// Laws of edge sites, over every registered dispatch policy.
#include <rapidcheck.h>

#include <algorithm>

#include "sim/edge_policy.h"
#include "tests/catch.h"
#include "tests/policies/edge_world.h"

using namespace headroom;
using namespace headroom::edge_test;

namespace {

struct Asked {
  std::string policy;
  std::vector<std::pair<std::string, std::string>> given;
};

std::vector<Asked> every_policy() {
  std::vector<Asked> all;
  for (const auto& entry : PolicyRegistry<DispatchPolicy>::instance().entries()) {
    all.push_back({entry.name, {}});
    for (const ParameterSpec& spec : entry.parameters) {
      if (spec.kind == ParameterSpec::Kind::flag)
        all.push_back({entry.name, {{spec.name, "true"}}});
      if (spec.kind != ParameterSpec::Kind::choice) continue;
      for (const std::string& choice : spec.choices) {
        all.push_back({entry.name, {{spec.name, choice}}});
      }
    }
  }
  return all;
}

/// Random tasks of all six types within some seconds, with deadlines from hopeless to generous and
/// actual times from nothing to far too long.
std::vector<EdgeArrival> random_tasks(const World& world) {
  const auto count = *rc::gen::inRange<std::size_t>(1, 60);
  std::vector<EdgeArrival> tasks;
  for (std::size_t i = 0; i < count; ++i) {
    EdgeArrival task;
    task.time = at_ms(*rc::gen::inRange<std::int64_t>(0, 4000));
    task.type =
        *rc::gen::inRange<std::uint16_t>(0, static_cast<std::uint16_t>(world.setup.types.size()));
    task.deadline = ms(*rc::gen::inRange<std::int64_t>(1, 3000));
    task.edge_actual = ms(*rc::gen::inRange<std::int64_t>(0, 1500));
    task.cloud_actual = ms(*rc::gen::inRange<std::int64_t>(0, 12'000));
    tasks.push_back(task);
  }
  std::stable_sort(tasks.begin(), tasks.end(),
                   [](const EdgeArrival& a, const EdgeArrival& b) { return a.time < b.time; });
  return tasks;
}

bool at_edge(EdgeOutcome outcome) {
  return outcome == EdgeOutcome::edge || outcome == EdgeOutcome::stolen ||
         outcome == EdgeOutcome::missed_edge;
}

}  // namespace

TEST_CASE("every task ends in exactly one outcome, with the utility that its end is worth") {
  for (const Asked& asked : every_policy()) {
    INFO(asked.policy << (asked.given.empty() ? "" : " " + asked.given[0].second));
    CHECK(rc::check([&] {
      World world(asked.policy, asked.given);
      world.arrivals = random_tasks(world);
      world.setup.cloud.concurrency = *rc::gen::inRange<std::int64_t>(1, 5);
      world.run();
      RC_ASSERT(world.record.lines.size() == world.arrivals.size());
      std::vector<bool> seen(world.arrivals.size());
      double utility = 0;
      for (const Record::Line& line : world.record.lines) {
        RC_ASSERT(!seen[line.result.task.id]);
        seen[line.result.task.id] = true;
        utility += utility_of(world.setup.types[line.result.task.type], line.result.outcome);
        RC_ASSERT(in_time(line.result.outcome) == (line.cause == MissCause::none));
        if (in_time(line.result.outcome)) RC_ASSERT(line.result.when <= line.result.task.deadline);
      }
      RC_ASSERT(world.metrics.generated() == world.arrivals.size());
      RC_ASSERT(world.metrics.task_utility(world.setup.types) == Approx(utility));
    }));
  }
}

TEST_CASE("the edge never runs two tasks, and no more calls are under way than may be") {
  for (const Asked& asked : every_policy()) {
    INFO(asked.policy << (asked.given.empty() ? "" : " " + asked.given[0].second));
    CHECK(rc::check([&] {
      World world(asked.policy, asked.given);
      world.arrivals = random_tasks(world);
      const auto most = *rc::gen::inRange<std::int64_t>(1, 4);
      world.setup.cloud.concurrency = most;
      world.run();
      Instant free;
      for (const Record::Line& line : world.record.lines) {  // in order of their ends
        if (!at_edge(line.result.outcome)) continue;
        RC_ASSERT(line.result.task.started >= free);
        free = line.result.when;
      }
      RC_ASSERT(world.metrics.most_calls_at_once <= static_cast<std::uint64_t>(most));
    }));
  }
}

TEST_CASE("no policy sees an actual time before it has happened") {
  // Two worlds that differ in the actual times of tasks from the n-th on: whatever ended before
  // that task arrived, ended the same way at the same time.
  for (const Asked& asked : every_policy()) {
    INFO(asked.policy << (asked.given.empty() ? "" : " " + asked.given[0].second));
    CHECK(rc::check([&] {
      World one(asked.policy, asked.given);
      World two(asked.policy, asked.given);
      one.arrivals = random_tasks(one);
      two.arrivals = one.arrivals;
      const auto from = *rc::gen::inRange<std::size_t>(0, one.arrivals.size());
      for (std::size_t i = from; i < two.arrivals.size(); ++i) {
        two.arrivals[i].edge_actual = *two.arrivals[i].edge_actual + ms(700);
        two.arrivals[i].cloud_actual = ms(1);
      }
      one.run();
      two.run();
      const Instant limit = one.arrivals[from].time;
      std::size_t i = 0;
      for (; i < one.record.lines.size() && one.record.lines[i].result.when < limit; ++i) {
        RC_ASSERT(i < two.record.lines.size());
        const EdgeResult& a = one.record.lines[i].result;
        const EdgeResult& b = two.record.lines[i].result;
        RC_ASSERT(a.task.id == b.task.id);
        RC_ASSERT(a.outcome == b.outcome);
        RC_ASSERT(a.when == b.when);
      }
      RC_ASSERT(i == two.record.lines.size() || two.record.lines[i].result.when >= limit);
    }));
  }
}

TEST_CASE("the same setup gives the same metrics") {
  for (const Asked& asked : every_policy()) {
    CHECK(rc::check([&] {
      World one(asked.policy, asked.given);
      World two(asked.policy, asked.given);
      one.arrivals = random_tasks(one);
      two.arrivals = one.arrivals;
      one.run();
      two.run();
      RC_ASSERT(one.metrics.decision_digest == two.metrics.decision_digest);
    }));
  }
}
