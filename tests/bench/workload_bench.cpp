// Speed and memory of the simulator on fixed workloads, one core.
//
//   bench_workload                 all cases, one row each
//   bench_workload CASE [REQUESTS] one case: w1, w16, w256, million, burst64; REQUESTS overrides
//   its size
//
// Workload W: Poisson arrivals, 8 requests/s a replica of Llama-3.1-8B on H100, log-normal lengths
// with mean 1,021 in (clipped to 3,500) and 200 out (clipped to 580): what other simulators were
// timed on. `burst64` is ten million generated BurstGPT-like requests over 64 replicas. Figures are
// CPU seconds of the simulation itself, generation of the requests included; each case runs in a
// process of its own, so peak memory is its own too. Instructions come from the CPU's counter where
// the machine lets us read it; elsewhere run the program under callgrind.
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "models/architecture.h"
#include "models/cost_factory.h"
#include "sim/registry.h"
#include "sim/simulation.h"
#include "traces/make_source.h"

using namespace headroom;

namespace {

struct Case {
  const char* name;
  std::uint32_t replicas;
  std::uint64_t requests;
  bool burst;
};

const Case kCases[] = {{"w1", 1, 100'000, false},
                       {"w16", 16, 100'000, false},
                       {"w256", 256, 100'000, false},
                       {"million", 16, 1'000'000, false},
                       {"burst64", 64, 10'000'000, true}};

/// User-space instructions of this process, if the kernel lets us count them.
class InstructionCounter {
 public:
  InstructionCounter() {
    perf_event_attr attributes;
    std::memset(&attributes, 0, sizeof attributes);
    attributes.size = sizeof attributes;
    attributes.type = PERF_TYPE_HARDWARE;
    attributes.config = PERF_COUNT_HW_INSTRUCTIONS;
    attributes.exclude_kernel = 1;
    attributes.exclude_hv = 1;
    file_ = static_cast<int>(syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0));
  }
  ~InstructionCounter() {
    if (file_ >= 0) close(file_);
  }
  InstructionCounter(const InstructionCounter&) = delete;
  InstructionCounter& operator=(const InstructionCounter&) = delete;
  /// -1 where counting is not possible.
  [[nodiscard]] long long read_count() const {
    long long count = 0;
    if (file_ < 0 || read(file_, &count, sizeof count) != sizeof count) return -1;
    return count;
  }

 private:
  int file_ = -1;
};

WorkloadSpec workload(const Case& what) {
  WorkloadSpec spec;
  spec.requests = what.requests;
  spec.rate = PerSecond(8.0 * what.replicas);
  if (what.burst) {
    spec.preset = "burstgpt-like";
    return spec;
  }
  spec.prompt.kind = DistributionSpec::Kind::lognormal;
  spec.prompt.mean = 1021;
  spec.prompt.cv = 1;
  spec.prompt.most = 3500;
  spec.output.kind = DistributionSpec::Kind::lognormal;
  spec.output.mean = 200;
  spec.output.cv = 1;
  spec.output.most = 580;
  return spec;
}

MadeCost cost_of_8b_on_h100() {
  CostRequest request;
  request.model = find_model("llama-3.1-8b", "bench");
  request.device = find_device("h100-sxm", "bench");
  request.engine = find_engine("vllm", "bench");
  return make_cost(request);
}

template <class Policy>
std::unique_ptr<Policy> make_policy(const char* name) {
  const auto* entry = PolicyRegistry<Policy>::instance().find(name);
  if (entry == nullptr) std::abort();
  return entry->make(default_parameters(entry->parameters));
}

/// As workload W was defined: blocks are taken five at a time (vLLM 0.8.5).
std::unique_ptr<BatchPolicy> make_vllm_v1() {
  const auto* entry = PolicyRegistry<BatchPolicy>::instance().find("vllm-v1");
  if (entry == nullptr) std::abort();
  Parameters parameters = default_parameters(entry->parameters);
  parameters.set("lookahead_blocks", std::int64_t{4});
  return entry->make(parameters);
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

void run_case(const Case& what) {
  const MadeCost cost = cost_of_8b_on_h100();
  const std::unique_ptr<RequestSource> source = make_source(workload(what), 7);
  SimulationSetup setup;
  setup.source = source.get();
  setup.routing =
      make_policy<RoutingPolicy>(what.replicas > 1 ? "least-outstanding" : "round-robin");
  setup.admission = make_policy<AdmissionPolicy>("accept");
  for (std::uint32_t i = 0; i < what.replicas; ++i) {
    ReplicaSetup replica;
    replica.batch = make_vllm_v1();
    replica.batch_name = "vllm-v1";
    replica.cost = cost.stages[0].get();
    replica.kv_blocks = Blocks(28'000);  // what 80 GB leave beside 16 GB of weights
    replica.max_model_len = Tokens(16'384);
    setup.replicas.push_back(std::move(replica));
  }
  const InstructionCounter counter;
  const long long before = counter.read_count();
  const double start = cpu_seconds();
  const Metrics metrics = simulate(std::move(setup));
  const double seconds = cpu_seconds() - start;
  const long long instructions = counter.read_count() - before;
  std::int64_t iterations = 0;
  for (const ReplicaTotals& replica : metrics.replicas) iterations += replica.iterations;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::string per_iteration = "n/a";
  if (before >= 0) per_iteration = std::to_string(instructions / iterations);
  std::printf("%-8s %8u %10llu %8.2f %11.0f %13.0f %9s %8.1f %9.0f\n", what.name, what.replicas,
              static_cast<unsigned long long>(metrics.finished), seconds,
              static_cast<double>(metrics.finished) / seconds,
              static_cast<double>(iterations) / seconds, per_iteration.c_str(),
              static_cast<double>(metrics.events) / static_cast<double>(metrics.finished),
              static_cast<double>(usage.ru_maxrss) / 1024.0);
}

/// Runs one case in a child process; false if it failed.
bool run_apart(const Case& what) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    run_case(what);
    std::fflush(stdout);
    _exit(0);
  }
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
         WEXITSTATUS(status) == 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::printf("%-8s %8s %10s %8s %11s %13s %9s %8s %9s\n", "case", "replicas", "requests", "cpu s",
              "requests/s", "iterations/s", "instr/it", "ev/req", "peak MiB");
  bool all_ran = true;
  bool known = argc < 2;
  for (Case what : kCases) {
    if (argc > 1 && std::strcmp(argv[1], what.name) != 0) continue;
    known = true;
    if (argc > 2) what.requests = std::strtoull(argv[2], nullptr, 10);
    if (what.requests == 0) known = false;
    // A single case runs in this process, so that callgrind sees it.
    if (known && argc > 1) run_case(what);
    if (known && argc < 2) all_ran = run_apart(what) && all_ran;
  }
  if (!known) {
    std::fprintf(stderr, "usage: bench_workload [w1|w16|w256|million|burst64 [REQUESTS]]\n");
    return 2;
  }
  return all_ran ? 0 : 3;
}
