#include "traces/generated_sources.h"

#include <rapidcheck.h>

#include <cmath>
#include <map>
#include <set>

#include "sim/check.h"
#include "sim/histogram.h"
#include "tests/catch.h"
#include "traces/make_source.h"

using namespace headroom;

namespace {

using Kind = DistributionSpec::Kind;

DistributionSpec law(Kind kind, double mean, double cv = 1) {
  DistributionSpec spec;
  spec.kind = kind;
  spec.mean = mean;
  spec.cv = cv;
  return spec;
}

WorkloadSpec workload(std::uint64_t requests) {
  WorkloadSpec spec;
  spec.requests = requests;
  spec.rate = PerSecond(10);
  spec.prompt = law(Kind::lognormal, 500, 1.2);
  spec.output = law(Kind::gamma, 200, 0.8);
  return spec;
}

/// Serves a source with a server that answers each request after `service`; calls `see` at each
/// arrival.
template <class See>
std::size_t serve(RequestSource& source, Duration service, See see) {
  std::multimap<Instant, RequestSpec> running;
  std::size_t taken = 0;
  while (true) {
    const Instant arrival = source.next_arrival();
    if (!running.empty() && running.begin()->first <= arrival) {
      const auto first = running.begin();
      source.on_left(first->second, first->first);
      running.erase(first);
      continue;
    }
    if (arrival == Instant::never()) return taken;
    const RequestSpec spec = source.take();
    CHECK(spec.arrival == arrival);
    running.emplace(arrival + service * static_cast<std::int64_t>(1 + taken % 7), spec);
    ++taken;
    see(spec, running.size());
  }
}

}  // namespace

TEST_CASE("An open loop's gaps have the rate and the coefficient of variation asked for") {
  struct Asked {
    const char* arrivals;
    double cv;
  };
  for (const Asked asked :
       {Asked{"poisson", 1}, {"gamma", 2}, {"gamma", 0.5}, {"weibull", 2}, {"constant", 0}}) {
    INFO(asked.arrivals << ' ' << asked.cv);
    WorkloadSpec spec = workload(100'000);
    spec.arrivals = asked.arrivals;
    spec.arrival_cv = asked.cv;
    const auto source = make_source(spec, 1);
    CHECK(source->next_arrival() == Instant(0));
    Instant last;
    double sum = 0;
    double squares = 0;
    std::uint64_t count = 0;
    while (source->next_arrival() < Instant::never()) {
      const RequestSpec request = source->take();
      REQUIRE(request.arrival >= last);
      const double gap = seconds(request.arrival - last);
      sum += gap;
      squares += gap * gap;
      last = request.arrival;
      ++count;
    }
    CHECK(count == 100'000);
    const double mean = sum / 99'999;
    // Standard error of the mean: cv / sqrt(n), 0.63 % at cv 2; 4 of them.
    CHECK(mean == Approx(0.1).epsilon(0.0001 + 4 * asked.cv / 316));
    CHECK(std::sqrt(std::fabs(squares / 99'999 - mean * mean)) / mean ==
          Approx(asked.cv).margin(0.0001).epsilon(0.05));
  }
}

TEST_CASE("Same seed, same requests; another seed, others; the rate scale moves arrivals only") {
  const WorkloadSpec spec = workload(1000);
  const auto a = make_source(spec, 5);
  const auto b = make_source(spec, 5);
  const auto other = make_source(spec, 6);
  WorkloadSpec faster = spec;
  faster.rate_scale = 2;
  const auto fast = make_source(faster, 5);
  int equal = 0;
  for (int i = 0; i < 1000; ++i) {
    const RequestSpec x = a->take();
    const RequestSpec y = b->take();
    const RequestSpec z = other->take();
    const RequestSpec f = fast->take();
    REQUIRE((x.arrival == y.arrival && x.prompt == y.prompt && x.output == y.output));
    REQUIRE((f.prompt == x.prompt && f.output == x.output));
    REQUIRE(std::abs((f.arrival - Instant()).value() * 2 - (x.arrival - Instant()).value()) <=
            3000);
    equal += x.prompt == z.prompt && x.output == z.output ? 1 : 0;
  }
  CHECK(equal < 20);
}

TEST_CASE("Requests share exactly the system prompts asked for, in whole blocks of 16 tokens") {
  WorkloadSpec spec = workload(2000);
  spec.prompt = law(Kind::constant, 100);
  spec.shared_prefixes = 5;
  spec.shared_prefix_tokens = Tokens(1000);
  const auto source = make_source(spec, 1);
  std::map<std::uint64_t, int> last_blocks;
  std::set<std::uint64_t> all;
  for (int i = 0; i < 2000; ++i) {
    const RequestSpec request = source->take();
    REQUIRE(request.prompt == Tokens(1100));
    REQUIRE(request.prefix_block_tokens == Tokens(16));
    REQUIRE(request.prefix_blocks.size() == 62);  // 1000 / 16 = 62.5
    ++last_blocks[request.prefix_blocks.back()];
    all.insert(request.prefix_blocks.begin(), request.prefix_blocks.end());
  }
  REQUIRE(last_blocks.size() == 5);
  CHECK(all.size() == 5 * 62);
  for (const auto& [block, times] : last_blocks) CHECK(times == Approx(400).margin(90));
}

TEST_CASE(
    "A closed loop never has more than its clients outstanding, and each thinks before it sends") {
  for (const std::uint64_t clients : {std::uint64_t{1}, std::uint64_t{8}}) {
    WorkloadSpec spec = workload(500);
    spec.clients = clients;
    spec.think = law(Kind::constant, 2);
    const auto source = make_source(spec, 3);
    std::size_t most = 0;
    std::map<std::uint64_t, std::uint32_t> turns;
    const std::size_t taken =
        serve(*source, kMillisecond * 100, [&](const RequestSpec& request, std::size_t running) {
          most = std::max(most, running);
          REQUIRE(request.arrival >= Instant() + kSecond * 2);
          REQUIRE(request.session >= 1);
          REQUIRE(request.session <= clients);
          REQUIRE(request.turn == turns[request.session]++);
        });
    CHECK(taken == 500);
    CHECK(most == clients);
  }
}

TEST_CASE("A closed loop's lengths are those of the open loop, whatever the service times") {
  WorkloadSpec open = workload(200);
  WorkloadSpec closed = open;
  closed.clients = 3;
  const auto reference = make_source(open, 9);
  const auto slow = make_source(closed, 9);
  const auto fast = make_source(closed, 9);
  std::vector<Tokens> expected;
  for (int i = 0; i < 200; ++i) expected.push_back(reference->take().prompt);
  std::vector<Tokens> a;
  std::vector<Tokens> b;
  serve(*slow, kSecond, [&](const RequestSpec& r, std::size_t) { a.push_back(r.prompt); });
  serve(*fast, kMillisecond, [&](const RequestSpec& r, std::size_t) { b.push_back(r.prompt); });
  CHECK(a == expected);
  CHECK(b == expected);
}

TEST_CASE("The next turn arrives exactly when the answer is done plus the think time") {
  WorkloadSpec spec = workload(300);
  spec.sessions = SessionSpec{law(Kind::constant, 4), law(Kind::constant, 1.5), true};
  const auto source = make_source(spec, 2);
  std::map<std::uint64_t, Instant> due;
  std::map<std::uint64_t, Tokens> history;
  std::multimap<Instant, RequestSpec> running;
  std::size_t followed = 0;
  while (true) {
    const Instant arrival = source->next_arrival();
    if (!running.empty() && running.begin()->first <= arrival) {
      const auto first = running.begin();
      source->on_left(first->second, first->first);
      if (first->second.turn < 3) {
        due[first->second.session] = first->first + kMillisecond * 1500;
      }
      running.erase(first);
      continue;
    }
    if (arrival == Instant::never()) break;
    const RequestSpec request = source->take();
    if (request.turn > 0) {
      REQUIRE(request.arrival == due.at(request.session));
      REQUIRE(request.prompt > history.at(request.session));
      ++followed;
    }
    REQUIRE(request.turn < 4);
    history[request.session] = request.prompt + request.output;
    running.emplace(arrival + kMillisecond * (700 + request.output.value()), request);
  }
  CHECK(followed > 150);
}

TEST_CASE("With history each prompt's blocks begin with all full blocks of the turn before") {
  WorkloadSpec spec = workload(100);
  spec.sessions = SessionSpec{law(Kind::constant, 5), law(Kind::constant, 0), true};
  spec.shared_prefixes = 2;
  spec.shared_prefix_tokens = Tokens(64);
  const auto source = make_source(spec, 2);
  std::map<std::uint64_t, std::vector<std::uint64_t>> before;
  std::set<std::uint64_t> first_blocks;
  std::set<std::uint64_t> fifth_blocks;
  serve(*source, kMillisecond, [&](const RequestSpec& request, std::size_t) {
    REQUIRE(static_cast<std::int64_t>(request.prefix_blocks.size()) == request.prompt.value() / 16);
    std::vector<std::uint64_t>& last = before[request.session];
    REQUIRE(last.size() <= request.prefix_blocks.size());
    REQUIRE(std::equal(last.begin(), last.end(), request.prefix_blocks.begin()));
    last.assign(request.prefix_blocks.begin(), request.prefix_blocks.end());
    first_blocks.insert(last[0]);
    if (last.size() > 4) fifth_blocks.insert(last[4]);
  });
  CHECK(first_blocks.size() == 2);   // system prompts are shared
  CHECK(fifth_blocks.size() >= 15);  // what follows belongs to its session
}

TEST_CASE("What a session asks does not depend on how fast others are answered") {
  WorkloadSpec spec = workload(400);
  spec.sessions = SessionSpec{law(Kind::exponential, 3), law(Kind::exponential, 5), false};
  const auto collect = [&](Duration service) {
    std::map<std::pair<std::uint64_t, std::uint32_t>, std::pair<Tokens, Tokens>> asked;
    const auto source = make_source(spec, 4);
    serve(*source, service, [&](const RequestSpec& request, std::size_t) {
      asked[{request.session, request.turn}] = {request.prompt, request.output};
    });
    return asked;
  };
  const auto fast = collect(kMillisecond);
  const auto slow = collect(kSecond * 3);
  std::size_t both = 0;
  for (const auto& [key, lengths] : fast) {
    const auto found = slow.find(key);
    if (found == slow.end()) continue;
    ++both;
    CHECK(found->second == lengths);
  }
  CHECK(both > 200);
}

TEST_CASE("W-LCG as a source gives nanoseconds of its own clock and does not depend on the seed") {
  WorkloadSpec spec;
  spec.preset = "w-lcg";
  spec.requests = 500;
  spec.rate = PerSecond(2);
  const auto source = make_source(spec, 1);
  const auto again = make_source(spec, 99);
  WLcg reference(WLcg::Lengths::sharegpt, 2);
  for (int i = 0; i < 500; ++i) {
    const WLcg::Request expected = reference.next();
    const RequestSpec got = source->take();
    REQUIRE(got.arrival == Instant() + duration_from_seconds(expected.arrival_s));
    REQUIRE((got.prompt == expected.prompt && got.output == expected.output));
    REQUIRE(again->take().arrival == got.arrival);
  }
  CHECK(source->next_arrival() == Instant::never());
  spec.preset = "w-lcg-512-64";
  CHECK(make_source(spec, 1)->take().prompt == Tokens(512));
  spec.clients = 4;
  CHECK(make_source(spec, 1)->take().output == Tokens(64));
}

TEST_CASE("BurstGPT-like lengths have the sample's median and 90th percentile") {
  WorkloadSpec spec;
  spec.preset = "burstgpt-like";
  spec.requests = 100'000;
  const auto source = make_source(spec, 1);
  LogHistogram prompt;
  LogHistogram output;
  while (source->next_arrival() < Instant::never()) {
    const RequestSpec request = source->take();
    prompt.add(request.prompt.value());
    output.add(request.output.value());
  }
  // 782 answered calls of the sample: prompt p50 333, p90 1314; output p50 149, p90 513.
  CHECK(prompt.quantile(0.5) == Approx(333).epsilon(0.02));
  CHECK(prompt.quantile(0.9) == Approx(1314).epsilon(0.02));
  CHECK(output.quantile(0.5) == Approx(149).epsilon(0.02));
  CHECK(output.quantile(0.9) == Approx(513).epsilon(0.02));
}

TEST_CASE("Workloads that contradict themselves are refused at the field") {
  const auto refused = [](const WorkloadSpec& spec, const std::string& pointer) {
    INFO(pointer);
    CHECK_THROWS_WITH(make_source(spec, 1), Catch::StartsWith(pointer + ": expected"));
  };
  refused({}, "/workload/requests");
  WorkloadSpec spec = workload(10);
  spec.arrivals = "bursty";
  refused(spec, "/workload/arrivals");
  spec = workload(10);
  spec.rate = PerSecond(-1);
  refused(spec, "/workload/rate");
  spec.rate = PerSecond(std::nan(""));
  refused(spec, "/workload/rate");
  spec = workload(10);
  spec.arrivals = "gamma";
  spec.arrival_cv = 0;
  refused(spec, "/workload/arrival_cv");
  spec = workload(10);
  spec.prompt = law(Kind::exponential, 0);
  refused(spec, "/workload/prompt");
  spec = workload(10);
  spec.clients = 4;
  spec.sessions = SessionSpec{law(Kind::constant, 2), law(Kind::constant, 1), true};
  refused(spec, "/workload/clients");
  spec = workload(10);
  spec.clients = 100'000'000;
  refused(spec, "/workload/clients");
  spec = workload(10);
  spec.shared_prefixes = 1'000'000'000;
  spec.shared_prefix_tokens = Tokens(1'000'000);
  refused(spec, "/workload/shared_prefixes");
  spec = workload(10);
  spec.shared_prefixes = 1;
  refused(spec, "/workload/shared_prefix_tokens");
  spec = workload(10);
  spec.preset = "burst";
  refused(spec, "/workload/preset");
  spec.preset = "w-lcg";
  spec.rate = PerSecond(0);
  refused(spec, "/workload/rate");
  spec = workload(10);
  spec.window_start = Duration(0);
  refused(spec, "/workload/window_start");
}
