#include "profiles/measure_cpu.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "profiles/measure.h"
#include "profiles/measure_cpu_kernels.h"
#include "profiles/measure_store.h"
#include "sim/check.h"
#include "tests/catch.h"

namespace {

using namespace headroom;

/// Whether OpenBLAS is here; says so when not.
bool blas_is_here() {
  try {
    static_cast<void>(open_blas());
    return true;
  } catch (const InputError& error) {
    WARN("skipped: " << error.what());
    // Where checks of a landing run, the package belongs to what setup.sh installs.
    CHECK(std::getenv("HEADROOM_CI") == nullptr);
    return false;
  }
}

std::vector<float> random_floats(std::size_t count, std::uint64_t seed) {
  SplitMix random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = random.signed_unit();
  return values;
}

double worst_attention_error(const AttentionSizes& sizes) {
  const auto count = [](std::int64_t value) { return static_cast<std::size_t>(value); };
  const std::size_t q = count(sizes.queries * sizes.heads * sizes.head_dim);
  const std::size_t kv = count(sizes.keys * sizes.kv_heads * sizes.head_dim);
  const std::vector<float> queries = random_floats(q, 1), keys = random_floats(kv, 2),
                           values = random_floats(kv, 3);
  std::vector<float> out(q, std::nanf("")), scores;
  attend(open_blas(), sizes, queries.data(), keys.data(), values.data(), out.data(), scores);
  std::vector<double> expected(count(sizes.head_dim));
  double worst = 0;
  for (std::int64_t query = 0; query < sizes.queries; ++query)
    for (std::int64_t head = 0; head < sizes.heads; ++head) {
      attend_reference(sizes, query, head, queries.data(), keys.data(), values.data(),
                       expected.data());
      for (std::size_t i = 0; i < expected.size(); ++i) {
        const double got =
            static_cast<double>(out[count((query * sizes.heads + head) * sizes.head_dim) + i]);
        if (!(std::abs(got - expected[i]) <= worst)) worst = std::abs(got - expected[i]);
      }
    }
  return worst;
}

}  // namespace

TEST_CASE("the exponential of a softmax is right to single precision") {
  double worst = 0;
  for (float x = 0; x >= -87; x -= 0.00137F) {
    const double exact = std::exp(static_cast<double>(x));
    worst = std::max(worst, std::abs(static_cast<double>(exp_of_negative(x)) / exact - 1));
  }
  CHECK(worst < 4e-7);
  CHECK(exp_of_negative(0) == 1);
  CHECK(exp_of_negative(-1e30F) < 2e-38F);
}

TEST_CASE("a softmax row sums to one, and what lies beyond its keys is zero") {
  for (const std::size_t count : std::vector<std::size_t>{1, 2, 15, 16, 17, 31, 33, 100}) {
    std::vector<float> row = random_floats(count + 5, count);
    const std::vector<float> before = row;
    softmax_row(row.data(), count, count + 5, 3.0F);
    double sum = 0, total = 0;
    for (std::size_t i = 0; i < count; ++i) {
      sum += static_cast<double>(row[i]);
      total += std::exp(3 * static_cast<double>(before[i]));
    }
    CHECK(sum == Approx(1).epsilon(1e-6));
    for (std::size_t i = 0; i < count; ++i)
      CHECK(static_cast<double>(row[i]) ==
            Approx(std::exp(3 * static_cast<double>(before[i])) / total).epsilon(1e-5));
    for (std::size_t i = count; i < count + 5; ++i) CHECK(row[i] == 0);
  }
}

TEST_CASE("attention on the CPU agrees with double precision over heads, chunks and contexts") {
  if (!blas_is_here()) return;
  for (const auto& [heads, kv_heads] : {std::pair{1, 1}, std::pair{4, 4}, std::pair{8, 2}})
    for (const std::int64_t head_dim : {16, 64})
      for (const std::int64_t queries : {1, 2, 63, 64, 65, 130})
        for (const std::int64_t cached : {0, 1, 31, 200}) {
          AttentionSizes sizes;
          sizes.heads = heads;
          sizes.kv_heads = kv_heads;
          sizes.head_dim = head_dim;
          sizes.queries = queries;
          sizes.keys = queries + cached;
          INFO(heads << " heads, " << kv_heads << " kv heads, " << queries << " after " << cached);
          CHECK(worst_attention_error(sizes) < 2e-5);
        }
}

TEST_CASE("every kernel of the CPU's quick plan computes what it says") {
  if (!blas_is_here()) return;
  const std::unique_ptr<MeasuredDevice> device = cpu_device();
  for (const KernelShape& shape : quick_plan(PlanFor::cpu).points) {
    if (!starts_cold(shape)) continue;
    const Preparation ready = device->prepare(shape, 1);
    INFO(describe(shape));
    REQUIRE(ready.kernel != nullptr);
    CHECK(ready.kernel->check() == "");
    ready.kernel->evict();
    const LaunchTime time = ready.kernel->time(1);
    CHECK(time.device_ns > 0);
    CHECK(time.wall_ns > 0);
  }
}

TEST_CASE("what the CPU cannot measure is refused with a reason") {
  if (!blas_is_here()) return;
  const std::unique_ptr<MeasuredDevice> device = cpu_device();
  KernelShape shape;
  shape.op = "gemm";
  shape.compute = shape.stored = "bf16";
  shape.m = shape.n = shape.k = 8;
  CHECK(device->prepare(shape, 1).refusal.find("no kernel") != std::string::npos);
  shape.compute = shape.stored = "fp32";
  shape.m = shape.n = std::int64_t{1} << 22;  // 64 TiB of output
  CHECK(device->prepare(shape, 1).refusal.find("half of the free memory") != std::string::npos);
  shape = {};
  shape.op = "all_reduce";
  CHECK(device->prepare(shape, 1).kernel == nullptr);
}

TEST_CASE("a processor's name becomes a device's") {
  CHECK(cpu_device_name("AMD EPYC 7713 64-Core Processor") ==
        "cpu-amd-epyc-7713-64-core-processor-1t");
  CHECK(cpu_device_name("Intel(R) Xeon(R)") == "cpu-intel-r-xeon-r-1t");
}

TEST_CASE(
    "evicted operands come from memory: the fastest cold launch is slower than the fastest hot") {
  if (!blas_is_here()) return;
  KernelShape shape;  // reads 256 KiB of weights once: a core's own cache holds them
  shape.op = "gemm";
  shape.compute = shape.stored = "fp32";
  shape.m = 1;
  shape.n = shape.k = 256;
  shape.variant = "hot";
  const std::unique_ptr<MeasuredDevice> device = cpu_device();
  const Preparation ready = device->prepare(shape, 1);
  REQUIRE(ready.kernel != nullptr);
  // Neighbours on a shared machine slow single launches of either kind, never the fastest of many.
  double cold = 1e18, hot = 1e18;
  for (int i = 0; i < 500; ++i) {
    ready.kernel->evict();
    cold = std::min(cold, ready.kernel->time(1).device_ns);
    hot = std::min(hot, ready.kernel->time(1).device_ns);
  }
  INFO("cold " << cold << " ns, hot " << hot << " ns");
  CHECK(cold > 1.1 * hot);
}

TEST_CASE("two measurements of this machine's processor agree") {
  if (!blas_is_here()) return;
  MeasurePlan plan;
  plan.name = "test";
  for (const std::int64_t m : {1, 16, 64})
    for (const char* state : {"cold", "hot"}) {
      KernelShape shape;
      shape.op = "gemm";
      shape.compute = shape.stored = "fp32";
      shape.m = m;
      shape.n = shape.k = 512;
      shape.variant = state;
      plan.points.push_back(shape);
    }
  plan.anchors = {0, 5};
  MeasureMethod method = method_for(PlanFor::cpu, "quick");
  method.stop.least_ns = 10e6;
  method.stop.most_ns = 50e6;
  std::string folder = (std::filesystem::temp_directory_path() / "headroom-cpu-XXXXXX").string();
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  Agreement agreement;
  {
    ProfileStore store(folder + "/kernels.db", ProfileStore::Mode::read_write);
    const std::unique_ptr<MeasuredDevice> device = cpu_device();
    for (int i = 0; i < 2; ++i) {
      MeasureJournal journal(folder + "/journal", "test");
      REQUIRE(run_schedule(*device, plan, method, journal, {}));
      const MeasureOutcome outcome = evaluate(plan, method, journal.records(), device->peaks());
      ProfileRun run = device->identity();
      run.tool = "test";
      run.source = "test";
      run.plan_hash = plan.hash();
      agreement = agreement_with_earlier(store, run, outcome);
      store_measurement(store, run, plan, method, outcome);
      journal.remove();
      CHECK(outcome.rows == 6);
      // In the identity's unit, so that a run's notes can compare the two.
      if (run.sm_clock_mhz > 0) {
        CHECK(outcome.clock > run.sm_clock_mhz / 3);
        CHECK(outcome.clock < run.sm_clock_mhz * 3);
      }
    }
  }
  std::filesystem::remove_all(folder);
  CHECK(agreement.rows == 6);
  // Neighbours on a shared machine come and go between two short measurements; what is asserted is
  // that both measured the same thing. The noise itself is held to its law on a device of known
  // noise (measure_test.cpp).
  WARN("two measurements differ by " << agreement.median * 100 << " % in the median, expected "
                                     << agreement.expected * 100 << " %");
  CHECK(agreement.median < 0.5);
}
