// Autoscalers by hand: Kubernetes' documented rule, Holt's forecast, the floor.
#include <memory>

#include "sim/registry.h"
#include "sim/scaling_policy.h"
#include "tests/catch.h"
#include "tests/policies/watched.h"

using namespace headroom;
using namespace headroom::toy;

namespace {

/// A policy and the view that it is asked with next.
struct Asked {
  Asked(const char* name, const Texts& texts) : policy(make_policy<ScalingPolicy>(name, texts)) {
    view.interval = kSecond * 15;
    view.least = 1;
    view.most = 100;
  }
  /// What it wants with so many serving and a load of so many requests.
  std::int64_t at(std::int64_t serving, std::int64_t outstanding) {
    view.now = view.now + view.interval;
    view.serving = serving;
    view.outstanding = outstanding;
    return policy->wanted(view);
  }
  std::unique_ptr<ScalingPolicy> policy;
  ScalingView view;
};

}  // namespace

TEST_CASE("hpa: ceil(serving x metric / target), within a tolerance nothing") {
  // The documentation's example: a metric of 200 a replica against a target of 100 doubles them.
  Asked hpa("hpa", {{"target", "100"}, {"stabilisation", "0 s"}});
  CHECK(hpa.at(3, 600) == 6);
  CHECK(hpa.at(4, 200) == 2);  // 50 a replica halves them
  CHECK(hpa.at(4, 439) == 4);  // 1.0975: within 10 %
  CHECK(hpa.at(4, 441) == 5);
  CHECK(hpa.at(4, 361) == 4);  // 0.9025
  CHECK(hpa.at(4, 300) == 3);
  CHECK(hpa.at(4, 301) == 4);  // rounded up
  CHECK(hpa.at(4, 0) == 1);    // the least
}

TEST_CASE("hpa counts replicas that are starting, so that one burst is answered once") {
  Asked hpa("hpa", {{"target", "10"}, {"stabilisation", "0 s"}});
  hpa.view.starting = 2;
  CHECK(hpa.at(2, 40) == 4);
  CHECK(hpa.at(2, 42) == 4);
}

TEST_CASE("hpa goes down by the largest wish of its window, up at once") {
  Asked hpa("hpa", {{"target", "10"}, {"stabilisation", "60 s"}});
  CHECK(hpa.at(2, 80) == 8);  // at 15 s
  CHECK(hpa.at(8, 20) == 8);  // at 30 s: 2 wanted, 8 within the window
  CHECK(hpa.at(8, 50) == 8);  // at 45 s
  CHECK(hpa.at(8, 30) == 8);  // at 60 s
  CHECK(hpa.at(8, 10) == 8);  // at 75 s: the wish of 15 s is 60 s old
  CHECK(hpa.at(8, 10) == 5);  // at 90 s: 2, 5, 3, 1, 1
  CHECK(hpa.at(5, 120) == 12);
}

TEST_CASE("hpa looks at the metric that it is told to") {
  Asked waiting("hpa", {{"metric", "waiting"}, {"target", "5"}, {"stabilisation", "0 s"}});
  waiting.view.waiting = 30;
  CHECK(waiting.at(3, 1000) == 6);
  Asked busy("hpa", {{"metric", "busy"}, {"target", "0.5"}, {"stabilisation", "0 s"}});
  busy.view.busy = 0.9;
  CHECK(busy.at(5, 1000) == 9);
}

TEST_CASE("forecast: Holt's level and trend, a start-up ahead") {
  // level 0.5, trend 0.5, start-up of two intervals: three intervals ahead. Rates 8, 16, 24:
  //   8: level 8, trend 0                            -> 8 / 4 = 2
  //  16: level 12, trend 2                           -> (12 + 6) / 4 = 4.5
  //  24: level (24 + 14) / 2 = 19, trend (7 + 2) / 2 -> (19 + 13.5) / 4 = 8.125
  Asked holt("forecast", {{"rate", "4"}, {"level", "0.5"}, {"trend", "0.5"}});
  holt.view.start_up = kSecond * 30;
  holt.view.arrivals = 8;
  CHECK(holt.at(1, 0) == 2);
  holt.view.arrivals = 16;
  CHECK(holt.at(1, 0) == 5);
  holt.view.arrivals = 24;
  CHECK(holt.at(1, 0) == 9);
  // A falling rate is not forecast below its level.
  holt.view.arrivals = 0;
  static_cast<void>(holt.at(1, 0));
  const std::int64_t falling = holt.at(1, 0);
  CHECK(falling >= 1);
}

TEST_CASE("the floor is what the scenario says") {
  Asked floor("floor", {});
  floor.view.least = 7;
  CHECK(floor.at(3, 1000) == 7);
}
