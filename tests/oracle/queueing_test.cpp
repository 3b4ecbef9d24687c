// The engine against queueing theory: with a cost that makes it one of the classical systems,
// waiting times are known.
//
// Mean times in system: M/M/1 S/(1-r); M/D/1 S(1 + r/(2(1-r))); M/M/c by Erlang's C formula; M/G/1
// under processor sharing S/(1-r) whatever the law of S (Kleinrock, Queueing Systems, volumes 1 and
// 2). 200,000 customers leave a statistical error of about 1 % at load 0.5 and 4 % at 0.8 (10
// seeds, Lindley recursion); seeds are fixed, so runs repeat exactly.
#include <cmath>
#include <functional>

#include "sim/registry.h"
#include "tests/catch.h"
#include "tests/toy_world.h"

using namespace headroom;

namespace {

constexpr std::size_t kCustomers = 200'000;

/// Draws the work of one customer, in tokens.
using Work = std::function<std::int64_t(RandomStream&)>;

Work exponential_work(double mean) {
  return [mean](RandomStream& random) {
    return std::max<std::int64_t>(1, static_cast<std::int64_t>(random.exponential(mean) + 0.5));
  };
}

Work constant_work(std::int64_t tokens) {
  return [tokens](RandomStream&) { return tokens; };
}

/// Two exponentials of very different means, squared coefficient of variation about 5.
Work hyperexponential_work(double mean) {
  return [mean](RandomStream& random) {
    const double branch_mean = random.uniform() < 0.9 ? 0.36 * mean : 6.76 * mean;
    return std::max<std::int64_t>(1,
                                  static_cast<std::int64_t>(random.exponential(branch_mean) + 0.5));
  };
}

enum class WorkIs { prompt, output };

std::vector<RequestSpec> poisson(Duration mean_gap, const Work& work, WorkIs is,
                                 std::uint64_t seed) {
  RandomStream arrivals(seed, "arrival");
  RandomStream sizes(seed, "size");
  std::vector<RequestSpec> requests;
  double at = 0;
  for (std::size_t i = 0; i < kCustomers; ++i) {
    at += arrivals.exponential(mean_gap.as_double());
    const std::int64_t tokens = work(sizes);
    requests.push_back(toy::request(Duration(static_cast<std::int64_t>(at)),
                                    is == WorkIs::prompt ? tokens : 1,
                                    is == WorkIs::output ? tokens : 1));
  }
  return requests;
}

struct Outcome {
  double mean_sojourn_ms = 0;
  Metrics metrics;
};

/// One replica that runs at most `slots` requests at a time, first come first served.
Outcome serve(std::vector<RequestSpec> requests, toy::LineCostTerms terms, std::int64_t slots) {
  const auto* orca = PolicyRegistry<BatchPolicy>::instance().find("orca");
  REQUIRE(orca != nullptr);
  Parameters parameters = default_parameters(orca->parameters);
  parameters.set("max_batch_size", slots);
  toy::ListSource source(std::move(requests));
  const toy::LineCost cost(terms);
  SimulationSetup setup = toy::world(source);
  setup.replicas.push_back(
      toy::replica(orca->make(parameters), cost,
                   {.kv_blocks = std::int64_t{1} << 30, .max_model_len = std::int64_t{1} << 29}));
  Outcome outcome;
  outcome.metrics = simulate(std::move(setup));
  double sum = 0;
  for (std::size_t i = 0; i < outcome.metrics.rows.size(); ++i) {
    sum += static_cast<double>(outcome.metrics.rows[i].end_to_end_ns) * 1e-6;
  }
  outcome.mean_sojourn_ms = sum / static_cast<double>(outcome.metrics.rows.size());
  return outcome;
}

/// A server that does nothing but prompts, 1 us a token: service time is the prompt length.
const toy::LineCostTerms kPromptServer{Duration(0), Duration(0), 0, kMicrosecond};
/// Every iteration gives each running request one token and takes 100 us however many there are:
/// independent servers.
const toy::LineCostTerms kParallelServers{kMicrosecond * 100, Duration(0), 0, Duration(0)};
/// An iteration takes 10 us for each request in it: they share one processor.
const toy::LineCostTerms kSharedProcessor{Duration(0), kMicrosecond * 10, 0, kMicrosecond * 10};

/// Mean time in an M/M/c system by Erlang's C formula; load is per server.
double mmc_sojourn(double service, double load, int servers) {
  const double offered = load * servers;
  double term = 1;
  double sum = 0;
  for (int k = 0; k < servers; ++k) {
    sum += term;
    term *= offered / (k + 1);
  }
  const double waiting = term / (1 - load) / (sum + term / (1 - load));
  return service + waiting * service / (servers * (1 - load));
}

}  // namespace

TEST_CASE("one server with exponential prompts is M/M/1") {
  for (const double load : {0.5, 0.8}) {
    INFO("load " << load);
    const Duration gap(static_cast<std::int64_t>(10e6 / load));
    const Outcome got =
        serve(poisson(gap, exponential_work(10'000), WorkIs::prompt, 11), kPromptServer, 1);
    CHECK(got.mean_sojourn_ms == Approx(10 / (1 - load)).epsilon(load < 0.6 ? 0.015 : 0.04));
  }
}

TEST_CASE("one server with equal prompts is M/D/1") {
  for (const double load : {0.5, 0.8}) {
    INFO("load " << load);
    const Duration gap(static_cast<std::int64_t>(10e6 / load));
    const Outcome got =
        serve(poisson(gap, constant_work(10'000), WorkIs::prompt, 12), kPromptServer, 1);
    const double expected = 10 * (1 + load / (2 * (1 - load)));
    CHECK(got.mean_sojourn_ms == Approx(expected).epsilon(load < 0.6 ? 0.01 : 0.03));
  }
}

TEST_CASE("a batch of c slots whose iterations cost the same at any size is M/M/c") {
  for (const int servers : {2, 4, 16}) {
    INFO("servers " << servers);
    // 1,000 iterations of 0.1 ms a request; an arrival waits half an iteration for the next
    // boundary.
    const double load = 0.8;
    const Duration gap(static_cast<std::int64_t>(100e6 / (load * servers)));
    const Outcome got =
        serve(poisson(gap, exponential_work(1'000), WorkIs::output, 13), kParallelServers, servers);
    CHECK(got.mean_sojourn_ms == Approx(mmc_sojourn(100, load, servers) + 0.05).epsilon(0.03));
  }
}

TEST_CASE(
    "iterations that cost in proportion to their batch share the processor, whatever the lengths") {
  const double load = 0.5;
  // Mean 1,000 tokens of 10 us: 10 ms of work; M/G/1-PS: 10 / (1 - 0.5) = 20 ms for every law.
  const Duration gap(static_cast<std::int64_t>(10e6 / load));
  for (const Work& work :
       {constant_work(1'000), exponential_work(1'000), hyperexponential_work(1'000)}) {
    const Outcome got = serve(poisson(gap, work, WorkIs::output, 14), kSharedProcessor, 100'000);
    CHECK(got.mean_sojourn_ms == Approx(20).epsilon(0.03));
  }
}

TEST_CASE("Little's law: sampled numbers in system equal arrival rate times mean time in system") {
  const Duration gap(static_cast<std::int64_t>(10e6 / 0.7));
  const Outcome got =
      serve(poisson(gap, exponential_work(10'000), WorkIs::prompt, 15), kPromptServer, 1);
  const Metrics& metrics = got.metrics;
  double sum = 0;
  for (const ClusterSample& sample : metrics.samples) {
    sum += static_cast<double>(sample.waiting + sample.running);
  }
  const double sampled = sum / static_cast<double>(metrics.samples.size());
  const double rate_per_ms = static_cast<double>(metrics.arrived) /
                             milliseconds(metrics.last_finish - metrics.first_arrival);
  // About 1,400 samples of a queue with mean 2.3 and deviation 2.8, some seconds apart: 3 % is 1
  // standard error.
  CHECK(sampled == Approx(rate_per_ms * got.mean_sojourn_ms).epsilon(0.08));
}

TEST_CASE("a server is busy for exactly the sum of its services") {
  // One server, prompts only: busy time is the sum of prompt lengths in us, to the nanosecond.
  const auto requests = poisson(kMillisecond * 15, exponential_work(10'000), WorkIs::prompt, 16);
  std::int64_t work_ns = 0;
  for (const RequestSpec& request : requests) work_ns += request.prompt.value() * 1'000;
  const Outcome got = serve(requests, kPromptServer, 1);
  CHECK(got.metrics.replicas[0].busy == Duration(work_ns));
}
