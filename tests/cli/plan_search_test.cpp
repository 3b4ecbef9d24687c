// The search against exhaustive search, and its laws over random scenarios.
#include <fmt/format.h>

#include <cstdio>
#include <optional>
#include <tuple>

#include "sim/cli/plan_answer.h"
#include "sim/random.h"
#include "tests/catch.h"
#include "tests/cli/plan_world.h"

using namespace headroom;
using namespace headroom::cli_test;

namespace {

using Key = std::tuple<double, std::int64_t, std::size_t>;

/// Every deployment of the space that its limits allow.
std::vector<std::pair<std::size_t, PlanCounts>> candidates(const PlanSpace& space) {
  std::vector<std::pair<std::size_t, PlanCounts>> all;
  for (std::size_t i = 0; i < space.families.size(); ++i) {
    const PlanFamily& family = space.families[i];
    const auto may = [&](const PlanCounts& counts) {
      return within(space.limits, bill_of(family, counts));
    };
    for (std::int64_t first = 1; family.apart() || may({first}); ++first) {
      if (!family.apart()) {
        all.emplace_back(i, PlanCounts{first});
        continue;
      }
      if (!may({first, 1})) break;
      for (std::int64_t second = 1; may({first, second}); ++second)
        all.emplace_back(i, PlanCounts{first, second});
    }
  }
  return all;
}

struct Best {
  std::optional<Key> key{};
  PlanCounts counts{};
};

/// The best of all deployments that hold, each simulated to its end.
Best exhaustive(PlanWorld& world,
                const std::vector<std::pair<std::size_t, PlanCounts>>& deployments) {
  std::vector<Judged> judged(deployments.size());
  PlanQuestion whole;
  whole.depth = JudgeDepth::whole;
  world.search->each(deployments.size(), [&](std::size_t i) {
    const auto& [family, counts] = deployments[i];
    judged[i] = world.judge->judge(world.space.families[family], counts, whole);
  });
  Best best;
  for (std::size_t i = 0; i < deployments.size(); ++i) {
    if (!judged[i].holds) continue;
    const auto& [family, counts] = deployments[i];
    const PlanBill bill = bill_of(world.space.families[family], counts);
    const Key key{objective_value(world.space.objective, bill, *judged[i].figures), bill.gpus,
                  family};
    if (best.key && *best.key <= key) continue;
    best = {key, counts};
  }
  return best;
}

/// Whether search and exhaustive search agree; what each simulated.
struct Compared {
  std::uint64_t searched = 0, all = 0;
  std::size_t deployments = 0;
  std::string winner{};
};
Compared compare(const std::string& scenario, const std::vector<std::string>& words) {
  PlanWorld fast(scenario, words);
  const PlanFound found = fast.search->find({});
  PlanWorld slow(scenario, words);
  const auto deployments = candidates(slow.space);
  const Best best = exhaustive(slow, deployments);
  INFO(scenario << fmt::format("{}", fmt::join(words, " ")));
  REQUIRE(found.ranked.empty() == !best.key.has_value());
  Compared compared{fast.judge->simulated_requests(), slow.judge->simulated_requests(),
                    deployments.size(), "none"};
  if (!best.key) return compared;
  const FamilyAnswer& winner = found.ranked.front();
  compared.winner = fast.space.families[winner.index].name();
  CHECK(compared.winner == slow.space.families[std::get<2>(*best.key)].name());
  CHECK(winner.counts == best.counts);
  CHECK(winner.objective == std::get<0>(*best.key));
  return compared;
}

/// A scenario drawn at random; `load` and `relaxed` times its rate and limits.
struct Drawn {
  double rate, prompt, output, ttft_ms, tpot_ms;
  [[nodiscard]] std::string text(double load, double relaxed) const {
    return fmt::format(
        R"({{"model": "llama-3.1-8b",
  "cluster": {{"nodes": [{{"device": "h100-sxm", "devices_per_node": 8}}]}},
  "deployment": [{{"replicas": 1}}], "routing": "least-outstanding",
  "workload": {{"rate": "{} /s", "requests": 300,
    "prompt": {{"kind": "lognormal", "mean": {}, "cv": 0.7, "least": 10, "most": 8000}},
    "output": {{"kind": "lognormal", "mean": {}, "cv": 0.7, "least": 2, "most": 1000}}}},
  "slo": {{"ttft": "{} us", "tpot": "{} us", "attainment": 0.9}}}})",
        rate * load, prompt, output, static_cast<std::int64_t>(ttft_ms * relaxed * 1000),
        static_cast<std::int64_t>(tpot_ms * relaxed * 1000));
  }
};
Drawn draw(RandomStream& random) {
  const auto between = [&](double low, double high) {
    return low + (high - low) * random.uniform();
  };
  return {static_cast<double>(static_cast<int>(between(5, 60))),
          static_cast<double>(static_cast<int>(between(200, 2000))),
          static_cast<double>(static_cast<int>(between(50, 300))), between(300, 1500),
          between(12, 60)};
}

/// Cost of the best plan; infinite where there is none.
double cost_of(const std::string& scenario) {
  PlanWorld world(scenario, {"--devices", "h100-sxm,l40s", "--tensor", "1,2", "--most-gpus", "64",
                             "--pools", "joint,apart"});
  const PlanFound found = world.search->find({});
  return found.ranked.empty() ? 1e300 : found.ranked.front().objective;
}

}  // namespace

TEST_CASE("pruning never loses the best of a small space, by any objective") {
  RandomStream random(7, "small spaces", 0);
  const std::vector<std::string> space{"--devices", "h100-sxm,l40s",     "--tensor",    "1,2",
                                       "--pools",   "joint,apart,mixed", "--most-gpus", "5"};
  for (const char* objective : {"usd-per-hour", "gpus", "usd-per-token", "energy"}) {
    std::vector<std::string> words = space;
    words.insert(words.end(), {"--objective", objective});
    for (int i = 0; i < 2; ++i) {
      Drawn drawn = draw(random);
      drawn.rate = std::max(2.0, drawn.rate / 3);
      const Compared compared = compare(drawn.text(1, 1), words);
      std::printf("plan, %s: best of %zu deployments %s, %llu requests searched of %llu\n",
                  objective, compared.deployments, compared.winner.c_str(),
                  static_cast<unsigned long long>(compared.searched),
                  static_cast<unsigned long long>(compared.all));
    }
  }
}

TEST_CASE("pruning never loses the best where pools apart win") {
  // Long prompts beside tight steps: a prompt stalls the decodes of its own replica.
  const Drawn drawn{20, 3000, 100, 1200, 9};
  const Compared compared =
      compare(drawn.text(1, 1), {"--devices", "h100-sxm,h200-sxm", "--tensor", "1,2", "--pools",
                                 "joint,apart,mixed", "--most-gpus", "7"});
  std::printf("plan, apart: best of %zu deployments %s, %llu requests searched of %llu\n",
              compared.deployments, compared.winner.c_str(),
              static_cast<unsigned long long>(compared.searched),
              static_cast<unsigned long long>(compared.all));
  CHECK(compared.winner.find(" > ") != std::string::npos);
}

TEST_CASE("of 500 deployments the best is found at a tenth of the simulated requests") {
  const Compared compared = compare(
      loaded_scenario(),
      {"--pools", "joint", "--most-gpus", "34", "--set", "deployment.batch=vllm-v1,sarathi"});
  const double ratio = static_cast<double>(compared.searched) / static_cast<double>(compared.all);
  std::printf("plan: best of %zu deployments (%s) with %llu of %llu simulated requests: %.3f\n",
              compared.deployments, compared.winner.c_str(),
              static_cast<unsigned long long>(compared.searched),
              static_cast<unsigned long long>(compared.all), ratio);
  CHECK(compared.deployments >= 500);
  CHECK(ratio <= 0.1);
}

TEST_CASE("doubled load never costs less, relaxed service levels never more, at random") {
  RandomStream random(11, "monotony", 0);
  int feasible = 0;
  for (int i = 0; i < 6; ++i) {
    const Drawn drawn = draw(random);
    const double base = cost_of(drawn.text(1, 1));
    INFO(drawn.text(1, 1));
    CHECK(cost_of(drawn.text(2, 1)) >= base);
    CHECK(cost_of(drawn.text(1, 1.5)) <= base);
    feasible += base < 1e300 ? 1 : 0;
  }
  CHECK(feasible >= 3);
}

TEST_CASE("a second plan takes its simulations from the cache and answers the same bytes") {
  const Folder folder;
  const std::string path = (folder.path() / "cache.db").string();
  const std::vector<std::string> words{"--devices", "h100-sxm,l40s", "--tensor", "1,2"};
  const auto plan = [&](std::uint64_t& runs) {
    PlanResults results(path);
    PlanWorld world(loaded_scenario("20 /s", "400"), words, &results);
    PlanReport report = answer_plan(*world.search, 3).report;
    runs = report.runs;
    report.runs = report.cached_runs = report.simulated_requests = 0;
    return plan_json(report) + plan_console(report);
  };
  std::uint64_t first = 0;
  std::uint64_t second = 0;
  const std::string fresh = plan(first);
  // The scenario lies in another folder: what counts is what it says.
  const std::string again = plan(second);
  CHECK(first > 0);
  CHECK(second == 0);
  const auto without_path = [](std::string text) {
    while (text.find("headroom-test-") != std::string::npos)
      text.erase(text.find("headroom-test-"), 20);
    return text;
  };
  CHECK(without_path(fresh) == without_path(again));
}

TEST_CASE("the mean wait of an M/D/1 queue is Pollaczek and Khinchine's") {
  CHECK(md1_wait(0.5, 1) == Approx(0.5));  // rho 1/2: 1 x 0.5 / (2 x 0.5)
  CHECK(md1_wait(0.8, 1) == Approx(2));    // 0.8 / (2 x 0.2)
  CHECK(md1_wait(1, 1) > 1e300);
}
