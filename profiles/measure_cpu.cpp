#include "profiles/measure_cpu.h"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <fstream>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "profiles/measure_cpu_kernels.h"
#include "profiles/measure_operands.h"
#include "profiles/measure_plan.h"
#include "profiles/measure_stats.h"

namespace headroom {
namespace {

constexpr std::int64_t kPageTokens = 16;

double read_clock(clockid_t which) {
  timespec now{};
  ::clock_gettime(which, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}
double cpu_ns() { return read_clock(CLOCK_THREAD_CPUTIME_ID); }
double wall_ns() { return read_clock(CLOCK_MONOTONIC); }

/// What the two pairs of clock readings around a sample cost by themselves.
LaunchTime clock_overhead() {
  std::vector<double> cpu, wall;
  for (int i = 0; i < 2000; ++i) {
    const double w0 = wall_ns(), c0 = cpu_ns();
    const double c1 = cpu_ns(), w1 = wall_ns();
    cpu.push_back(c1 - c0);
    wall.push_back(w1 - w0);
  }
  return {quantile(cpu, 0.5), quantile(wall, 0.5)};
}

/// A kernel as a function over arrays; `compare` returns what is wrong.
class CpuKernel final : public ReadyKernel {
 public:
  CpuKernel(std::vector<OperandArray> operands, LaunchTime overhead)
      : operands_(std::move(operands)), overhead_(overhead) {}
  std::function<void(std::vector<OperandArray>&)> launch{};
  std::function<std::string(const std::vector<OperandArray>&)> compare{};

  /// The last array is the output.
  [[nodiscard]] std::string check() override {
    operands_.back().poison();
    launch(operands_);
    return compare(operands_);
  }
  void evict() override {
    for (OperandArray& array : operands_) array.evict();
  }
  [[nodiscard]] LaunchTime time(std::int64_t launches) override {
    const double w0 = wall_ns(), c0 = cpu_ns();
    for (std::int64_t i = 0; i < launches; ++i) launch(operands_);
    const double c1 = cpu_ns(), w1 = wall_ns();
    const auto each = static_cast<double>(launches);
    // A reading may be shorter than the usual overhead; no launch takes less than a nanosecond.
    return {std::max(1.0, (c1 - c0 - overhead_.device_ns) / each),
            std::max(1.0, (w1 - w0 - overhead_.wall_ns) / each)};
  }

 private:
  std::vector<OperandArray> operands_;
  LaunchTime overhead_;
};

std::size_t count_of(std::int64_t value) { return static_cast<std::size_t>(value); }

std::string differs(const char* what, std::size_t at, double got, double expected) {
  return fmt::format("{}[{}]: expected {:.7g}, got {:.7g}", what, at, expected, got);
}

/// Every `stride`-th element of an element-wise output against `expected`.
std::string compare_elements(const OperandArray& out,
                             const std::function<double(std::size_t)>& expected) {
  constexpr std::size_t kMostCompared = 4096;
  if (out.poisoned()) return "an output element was never written";
  const std::size_t stride = out.size() / kMostCompared + 1;
  for (std::size_t i = 0; i < out.size(); i += stride) {
    const double want = expected(i), got = static_cast<double>(out.data()[i]);
    // Six digits of float32, relative to values of about one.
    if (!(std::abs(got - want) <= 1e-5 * std::max(1.0, std::abs(want))))
      return differs("out", i, got, want);
  }
  return {};
}

using Arrays = std::vector<OperandArray>;

/// The arrays' sizes in floats and the kernel over them.
struct Recipe {
  std::vector<std::size_t> sizes{};  ///< the last is the output
  std::function<void(Arrays&)> launch{};
  std::function<std::string(const Arrays&)> compare{};
};

Recipe gemm_recipe(const KernelShape& shape, const Blas& blas) {
  const std::int64_t m = shape.m, n = shape.n, k = shape.k;
  Recipe recipe;
  recipe.sizes = {count_of(m * k), count_of(k * n), count_of(m * n)};
  recipe.launch = [=, &blas](Arrays& a) {
    const int rows = static_cast<int>(m), columns = static_cast<int>(n),
              inner = static_cast<int>(k);
    blas.sgemm(kRowMajor, kNoTrans, kNoTrans, rows, columns, inner, 1.0F, a[0].data(), inner,
               a[1].data(), columns, 0.0F, a[2].data(), columns);
  };
  recipe.compare = [=](const Arrays& a) -> std::string {
    if (a[2].poisoned()) return "an output element was never written";
    SplitMix random(static_cast<std::uint64_t>(m * n + k));
    for (int i = 0; i < 64; ++i) {
      const std::size_t at = random.next() % count_of(m * n);
      const std::size_t row = at / count_of(n), column = at % count_of(n);
      double sum = 0, size = 0;
      for (std::size_t j = 0; j < count_of(k); ++j) {
        const double term = static_cast<double>(a[0].data()[row * count_of(k) + j]) *
                            static_cast<double>(a[1].data()[j * count_of(n) + column]);
        sum += term;
        size += std::abs(term);
      }
      const double got = static_cast<double>(a[2].data()[at]);
      // Rounding errors of a float32 sum are far below a hundred units of 6e-8 of its terms.
      if (!(std::abs(got - sum) <= 1e-5 * size)) return differs("out", at, got, sum);
    }
    return {};
  };
  return recipe;
}

/// One call a sequence, as engines do it that keep each sequence's keys apart.
Recipe attention_recipe(const KernelShape& shape, const Blas& blas) {
  const bool decode = shape.op == "decode_attention";
  AttentionSizes sizes;
  sizes.heads = shape.heads;
  sizes.kv_heads = shape.kv_heads;
  sizes.head_dim = shape.head_dim;
  sizes.queries = decode ? 1 : shape.chunk;
  sizes.keys = decode ? shape.context : shape.cached + shape.chunk;
  const std::size_t q = count_of(sizes.queries * sizes.heads * sizes.head_dim);
  const std::size_t kv = count_of(sizes.keys * sizes.kv_heads * sizes.head_dim);
  const std::size_t batch = count_of(shape.batch);
  Recipe recipe;
  recipe.sizes = {batch * q, batch * kv, batch * kv, batch * q};
  recipe.launch = [=, &blas, scores = std::vector<float>()](Arrays& a) mutable {
    for (std::size_t i = 0; i < batch; ++i)
      attend(blas, sizes, a[0].data() + i * q, a[1].data() + i * kv, a[2].data() + i * kv,
             a[3].data() + i * q, scores);
  };
  recipe.compare = [=](const Arrays& a) -> std::string {
    if (a[3].poisoned()) return "an output element was never written";
    SplitMix random(static_cast<std::uint64_t>(sizes.keys));
    std::vector<double> expected(count_of(sizes.head_dim));
    for (int i = 0; i < 8; ++i) {
      const std::size_t sequence = random.next() % batch;
      const auto query = static_cast<std::int64_t>(random.next() % count_of(sizes.queries));
      const auto head = static_cast<std::int64_t>(random.next() % count_of(sizes.heads));
      attend_reference(sizes, query, head, a[0].data() + sequence * q, a[1].data() + sequence * kv,
                       a[2].data() + sequence * kv, expected.data());
      const std::size_t at = sequence * q + count_of((query * sizes.heads + head) * sizes.head_dim);
      for (std::size_t j = 0; j < expected.size(); ++j) {
        const double got = static_cast<double>(a[3].data()[at + j]);
        if (!(std::abs(got - expected[j]) <= 1e-4)) return differs("out", at + j, got, expected[j]);
      }
    }
    return {};
  };
  return recipe;
}

Recipe norm_recipe(std::size_t rows, std::size_t width) {
  Recipe recipe;
  recipe.sizes = {rows * width, width, rows * width};
  recipe.launch = [=](Arrays& a) { rms_norm(a[0].data(), a[1].data(), a[2].data(), rows, width); };
  recipe.compare = [=](const Arrays& a) {
    return compare_elements(a[2], [&](std::size_t i) {
      double squares = 0;
      const float* const row = a[0].data() + i / width * width;
      for (std::size_t j = 0; j < width; ++j)
        squares += static_cast<double>(row[j]) * static_cast<double>(row[j]);
      return static_cast<double>(row[i % width]) * static_cast<double>(a[1].data()[i % width]) /
             std::sqrt(squares / static_cast<double>(width) + 1e-5);
    });
  };
  return recipe;
}

Recipe silu_recipe(std::size_t count) {
  Recipe recipe;
  recipe.sizes = {count, count, count};
  recipe.launch = [=](Arrays& a) { silu_mul(a[0].data(), a[1].data(), a[2].data(), count); };
  recipe.compare = [](const Arrays& a) {
    return compare_elements(a[2], [&](std::size_t i) {
      const double gate = static_cast<double>(a[0].data()[i]);
      return gate / (1 + std::exp(-gate)) * static_cast<double>(a[1].data()[i]);
    });
  };
  return recipe;
}

/// Angles are numbers like any other for the kernel's time; heads of 64.
Recipe rope_recipe(std::size_t rows, std::size_t width) {
  constexpr std::size_t kHead = 64, kHalf = kHead / 2;
  Recipe recipe;
  recipe.sizes = {rows * width, rows * kHalf, rows * kHalf, rows * width};
  recipe.launch = [=](Arrays& a) {
    rotate_rows(a[0].data(), a[1].data(), a[2].data(), a[3].data(), rows, width, kHead);
  };
  recipe.compare = [=](const Arrays& a) {
    return compare_elements(a[3], [&](std::size_t i) {
      const std::size_t row = i / width, in = i % kHead, pair = in % kHalf;
      const double c = static_cast<double>(a[1].data()[row * kHalf + pair]);
      const double s = static_cast<double>(a[2].data()[row * kHalf + pair]);
      const double own = static_cast<double>(a[0].data()[i]);
      const double other = static_cast<double>(a[0].data()[in < kHalf ? i + kHalf : i - kHalf]);
      return in < kHalf ? own * c - other * s : own * c + other * s;
    });
  };
  return recipe;
}

/// Slots of `tokens` tokens in pages in random order, twice as many pages as needed.
std::vector<std::size_t> random_slots(std::size_t tokens) {
  constexpr auto kPage = static_cast<std::size_t>(kPageTokens);
  std::vector<std::size_t> pages(2 * (tokens / kPage + 1));
  for (std::size_t i = 0; i < pages.size(); ++i) pages[i] = i;
  SplitMix random(tokens);
  for (std::size_t i = pages.size(); i > 1; --i) std::swap(pages[i - 1], pages[random.next() % i]);
  std::vector<std::size_t> slots(tokens);
  for (std::size_t i = 0; i < tokens; ++i) slots[i] = pages[i / kPage] * kPage + i % kPage;
  return slots;
}

/// Rows between one block and pages: appended when `to_pages`, else gathered.
enum class PageMove : std::uint8_t { append, gather };

Recipe page_recipe(std::size_t tokens, std::size_t width, PageMove move) {
  const std::vector<std::size_t> slots = random_slots(tokens);
  constexpr auto kPage = static_cast<std::size_t>(kPageTokens);
  const std::size_t paged = 2 * (tokens / kPage + 1) * kPage * width;
  const bool append = move == PageMove::append;
  Recipe recipe;
  recipe.sizes = {append ? tokens * width : paged, append ? paged : tokens * width};
  recipe.launch = [=](Arrays& a) {
    for (std::size_t i = 0; i < tokens; ++i) {
      const std::size_t from = append ? i : slots[i], to = append ? slots[i] : i;
      std::copy_n(a[0].data() + from * width, width, a[1].data() + to * width);
    }
  };
  recipe.compare = [=](const Arrays& a) -> std::string {
    for (std::size_t i = 0; i < tokens; ++i) {
      const std::size_t from = append ? i : slots[i], to = append ? slots[i] : i;
      for (std::size_t j = 0; j < width; ++j) {
        const float got = a[1].data()[to * width + j], want = a[0].data()[from * width + j];
        if (!(got == want))
          return differs("out", to * width + j, static_cast<double>(got),
                         static_cast<double>(want));
      }
    }
    return {};
  };
  return recipe;
}

Recipe copy_recipe(std::size_t floats) {
  Recipe recipe;
  recipe.sizes = {floats, floats};
  recipe.launch = [=](Arrays& a) { std::copy_n(a[0].data(), floats, a[1].data()); };
  recipe.compare = [](const Arrays& a) {
    return compare_elements(a[1],
                            [&](std::size_t i) { return static_cast<double>(a[0].data()[i]); });
  };
  return recipe;
}

Recipe elementwise_recipe(const KernelShape& shape) {
  const std::string kernel = elementwise_kernel(shape);
  const std::size_t m = count_of(shape.m), k = count_of(shape.k);
  if (kernel == "rms_norm") return norm_recipe(m, k);
  if (kernel == "silu_mul") return silu_recipe(m * k);
  if (kernel == "rope" && shape.k % 64 == 0) return rope_recipe(m, k);
  if (kernel == "kv_append") return page_recipe(m, k, PageMove::append);
  if (kernel == "kv_gather") return page_recipe(m, k, PageMove::gather);
  // Read plus written: half of the bytes are copied.
  if (kernel == "copy") return copy_recipe(count_of(shape.bytes) / 2 / sizeof(float));
  return {};
}

std::string first_value(const char* file, const std::string& key) {
  std::ifstream stream(file);
  std::string line;
  while (std::getline(stream, line)) {
    if (line.compare(0, key.size(), key) != 0) continue;
    const std::size_t at = line.find(':');
    if (at != std::string::npos && at + 2 <= line.size()) return line.substr(at + 2);
  }
  return {};
}

std::size_t available_memory() {
  const std::string text = first_value("/proc/meminfo", "MemAvailable");
  const std::size_t digit = text.find_first_of("0123456789");
  if (digit == std::string::npos) return std::size_t{1} << 30;
  return static_cast<std::size_t>(std::strtoull(text.c_str() + digit, nullptr, 10)) << 10U;
}

/// Steps of a chain of dependent multiplications a nanosecond of processor time.
double multiply_rate() {
  constexpr int kSteps = 20'000;
  double best = 0;
  for (int attempt = 0; attempt < 3; ++attempt) {
    const double begin = cpu_ns();
    std::uint64_t x = 3;
    for (int i = 0; i < kSteps; ++i) {
      x *= 0x9e3779b97f4a7c15ULL;
      asm volatile("" : "+r"(x));
    }
    best = std::max(best, kSteps / std::max(1.0, cpu_ns() - begin));
  }
  return best;
}

/// Multiplying 64-bit integers takes three cycles on Intel's and AMD's processors of the last
/// decade (A. Fog, Instruction tables, 2022); elsewhere the clock stays unknown.
double clock_mhz(double multiply_rate_per_ns) {
#if defined(__x86_64__)
  return multiply_rate_per_ns * 3 * 1000;
#else
  return 0 * multiply_rate_per_ns;
#endif
}

std::string caches() {
  std::string text;
  for (int i = 0; i < 4; ++i) {
    const std::string folder = fmt::format("/sys/devices/system/cpu/cpu0/cache/index{}/", i);
    std::string level, size, type;
    std::ifstream(folder + "level") >> level;
    std::ifstream(folder + "size") >> size;
    std::ifstream(folder + "type") >> type;
    if (level.empty() || type == "Instruction") continue;
    text += fmt::format("{}L{} {}", text.empty() ? "" : ", ", level, size);
  }
  return text.empty() ? "unknown" : text;
}

class CpuDevice final : public MeasuredDevice {
 public:
  CpuDevice() : blas_(open_blas()), overhead_(clock_overhead()) {
    title_ = first_value("/proc/cpuinfo", "model name");
    if (title_.empty()) title_ = "unknown processor";
    rate_ = multiply_rate();
  }
  [[nodiscard]] ProfileRun identity() const override;
  [[nodiscard]] DevicePeaks peaks() const override;
  [[nodiscard]] Preparation prepare(const KernelShape& shape, std::uint64_t seed) override;
  [[nodiscard]] double clock() override {
    const double rate = multiply_rate(), mhz = clock_mhz(rate);
    // Clocks rise under load: what the fastest moment allows is the peak.
    rate_ = std::max(rate_, rate);
    return mhz > 0 ? mhz : rate;
  }
  [[nodiscard]] double now_ns() override { return wall_ns(); }
  void sleep_ns(double ns) override {
    timespec pause{};
    pause.tv_sec = static_cast<time_t>(ns / 1e9);
    pause.tv_nsec = static_cast<long>(ns - static_cast<double>(pause.tv_sec) * 1e9);
    ::nanosleep(&pause, nullptr);
  }

 private:
  const Blas& blas_;
  LaunchTime overhead_;
  std::string title_{};
  double rate_ = 0;
};

ProfileRun CpuDevice::identity() const {
  ProfileRun run;
  run.device = cpu_device_name(title_);
  run.device_title = title_ + ", one thread";
  utsname system{};
  if (::uname(&system) == 0) run.driver = fmt::format("{} {}", system.sysname, system.release);
  run.library = "OpenBLAS";
  run.library_version = blas_.version + " " + blas_.core;
  run.sm_clock_mhz = clock_mhz(rate_);
  const bool hidden = first_value("/proc/cpuinfo", "flags").find("hypervisor") != std::string::npos;
  run.notes = fmt::format(
      "caches {}; {}; matrix products by OpenBLAS, softmax, norms, activation, rotation and copies "
      "by loops of this tool; operands float32, random; cold: every operand's lines flushed",
      caches(), hidden ? "virtual machine" : "no hypervisor seen");
  return run;
}

/// Two fused multiply-adds of 16 numbers a cycle is the most that any x86-64 core does in float32.
DevicePeaks CpuDevice::peaks() const {
  DevicePeaks peaks;
  peaks.flops_per_second["fp32"] = clock_mhz(rate_) * 1e6 * 64;
  return peaks;
}

Preparation CpuDevice::prepare(const KernelShape& shape, std::uint64_t seed) {
  Recipe recipe;
  if (shape.op == "gemm" && shape.compute == "fp32" && shape.stored == "fp32")
    recipe = gemm_recipe(shape, blas_);
  else if ((shape.op == "decode_attention" || shape.op == "prefill_attention") &&
           shape.compute == "fp32" && shape.window == 0)
    recipe = attention_recipe(shape, blas_);
  else if (shape.op == "elementwise")
    recipe = elementwise_recipe(shape);
  if (recipe.sizes.empty()) return {nullptr, "the CPU has no kernel for " + describe(shape)};
  std::size_t bytes = 0;
  for (const std::size_t size : recipe.sizes) bytes += size * sizeof(float);
  if (bytes > available_memory() / 2)
    return {nullptr,
            fmt::format("operands of {} MiB are more than half of the free memory", bytes >> 20U)};
  SplitMix random(seed);
  Arrays arrays;
  for (const std::size_t size : recipe.sizes) {
    arrays.emplace_back(size);
    arrays.back().fill(random);
  }
  auto kernel = std::make_unique<CpuKernel>(std::move(arrays), overhead_);
  kernel->launch = std::move(recipe.launch);
  kernel->compare = std::move(recipe.compare);
  return {std::move(kernel), {}};
}

}  // namespace

std::string cpu_device_name(const std::string& title) {
  std::string name = "cpu";
  bool gap = true;
  for (const char c : title) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter) {
      if (gap) name += '-';
      name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    gap = !letter;
  }
  return name + "-1t";
}

std::unique_ptr<MeasuredDevice> cpu_device() { return std::make_unique<CpuDevice>(); }

}  // namespace headroom
