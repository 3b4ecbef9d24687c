// Host code alone, compiled by the C++ compiler (cmake/cuda.cmake).
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>
#include <utility>

#include "profiles/cuda_collectives.h"
#include "profiles/cuda_device.h"
#include "profiles/cuda_facts.h"
#include "profiles/cuda_machine.h"
#include "profiles/cuda_nvml.h"
#include "profiles/cuda_pair.h"
#include "profiles/cuda_partition.h"
#include "profiles/cuda_work.h"
#include "profiles/measure_plan.h"
#include "sim/check.h"

namespace headroom::gpu {
namespace {

/// A GPU that cannot go on ends the measurement in one line.
[[noreturn]] void give_up(const GpuRefusal& refusal) {
  throw InputError("--device cuda", "expected the GPU to go on, got " + refusal.why +
                                        "; finished steps are kept, the same command goes on");
}
template <class Function>
auto guarded(const Function& function) {
  try {
    return function();
  } catch (const GpuRefusal& refusal) {
    give_up(refusal);
  }
}

/// A kernel whose refusals leave it out while the GPU goes on, and end the measurement when an
/// error stays.
class GuardedKernel final : public ReadyKernel {
 private:
  template <class Function>
  auto refusable(const Function& function) {
    try {
      return function();
    } catch (const GpuRefusal& refusal) {
      guarded([&] { gpu_.wait(); });
      throw KernelRefusal(refusal.why);
    }
  }

 public:
  GuardedKernel(CudaGpu& gpu, std::unique_ptr<ReadyKernel> kernel)
      : gpu_(gpu), kernel_(std::move(kernel)) {}
  [[nodiscard]] std::string check() override {
    return refusable([&] { return kernel_->check(); });
  }
  void evict() override {
    refusable([&] { kernel_->evict(); });
  }
  [[nodiscard]] LaunchTime time(std::int64_t launches) override {
    return refusable([&] { return kernel_->time(launches); });
  }
  [[nodiscard]] std::string about() const override { return kernel_->about(); }

 private:
  CudaGpu& gpu_;
  std::unique_ptr<ReadyKernel> kernel_;
};

class WorkKernel final : public ReadyKernel {
 public:
  WorkKernel(GpuTimer& timer, std::unique_ptr<GpuWork> work)
      : timer_(timer), work_(std::move(work)) {
    repeated_.launch = [this] { work_->launch({}); };
  }
  ~WorkKernel() override { GpuTimer::destroy_graph(repeated_.graph); }
  [[nodiscard]] std::string check() override { return work_->check(); }
  void evict() override { timer_.evict(); }
  [[nodiscard]] LaunchTime time(std::int64_t launches) override {
    return {timer_.time(repeated_, launches), 0};
  }

 private:
  GpuTimer& timer_;
  std::unique_ptr<GpuWork> work_;
  GpuTimer::Repeated repeated_{};
};

/// Empty kernels one by one, or as a graph: what the host and the queue cost.
class LaunchKernel final : public ReadyKernel {
 public:
  LaunchKernel(CudaGpu& gpu, GpuTimer& timer, const KernelShape& shape)
      : gpu_(gpu), timer_(timer), nodes_(shape.m) {
    if (elementwise_kernel(shape) == "launch_graph")
      graph_ = timer.make_graph([&] { queue_empty(gpu_.stream(0)); }, nodes_);
  }
  ~LaunchKernel() override { GpuTimer::destroy_graph(graph_); }
  [[nodiscard]] std::string check() override {
    static_cast<void>(time(1));
    return {};
  }
  void evict() override {}
  [[nodiscard]] LaunchTime time(std::int64_t launches) override {
    double sum = 0;
    for (std::int64_t i = 0; i < launches; ++i)
      sum += timer_.time_with_host([&] {
        if (graph_ != nullptr) {
          timer_.launch_graph(graph_);
          return;
        }
        for (std::int64_t node = 0; node < nodes_; ++node) queue_empty(gpu_.stream(0));
      });
    return {sum / static_cast<double>(launches), 0};
  }

 private:
  CudaGpu& gpu_;
  GpuTimer& timer_;
  std::int64_t nodes_;
  void* graph_ = nullptr;
};

/// A kernel with its share of the multiprocessors while another one has the rest.
class PairKernel final : public ReadyKernel {
 public:
  PairKernel(CudaGpu& gpu, GpuTimer& timer, int ordinal, const KernelShape& shape,
             const PairShape& pair)
      : gpu_(gpu), timer_(timer) {
    if (pair.of > 1) divide(ordinal, pair);
    own_ = work_of(shape, pair.own, 0, 1);
    if (!pair.partner.empty()) partner_ = work_of(shape, pair.partner, 1, 2);
    const Streams streams(*this);
    repeated_.replay = GpuTimer::Replay::stream;
    repeated_.launch = [this] { own_->launch(lane(0)); };
    // Whether the two can run beside each other is known before anything is measured.
    if (partner_ != nullptr && timed(1) <= 0)
      throw GpuRefusal{"the partner could not be kept running beside it"};
  }

  [[nodiscard]] std::string check() override {
    const Streams streams(*this);
    return own_->check();
  }
  [[nodiscard]] std::string about() const override { return about_; }
  void evict() override {}
  [[nodiscard]] LaunchTime time(std::int64_t launches) override {
    const Streams streams(*this);
    const double took = timed(launches);
    if (took <= 0) throw GpuRefusal{"the partner could not be kept running"};
    return {took, 0};
  }

 private:
  /// While it lives, launches go to the partition's streams; lane 0 is `first`'s of the two
  /// kernels.
  class Streams {
   public:
    explicit Streams(const PairKernel& pair, std::size_t first = 0) : gpu_(pair.gpu_) {
      if (pair.partition_ != nullptr)
        gpu_.use_streams(pair.partition_->stream(pair.parts_[first]),
                         pair.partition_->stream(pair.parts_[1 - first]));
    }
    ~Streams() { gpu_.default_streams(); }
    Streams(const Streams&) = delete;
    Streams& operator=(const Streams&) = delete;

   private:
    CudaGpu& gpu_;
  };

  /// Green contexts; where there are none, kernels are limited to two blocks a multiprocessor of
  /// their share. The driver rounds up the part that it is asked for: that is the smaller one, so
  /// that the exchanged pair's division is the same; of two halves it is that of the timed kernel.
  void divide(int ordinal, const PairShape& pair) {
    const int all = static_cast<int>(gpu_.processors());
    const bool smaller = 2 * pair.share <= pair.of;
    const int small = all * std::min(pair.share, pair.of - pair.share) / pair.of;
    parts_ = {smaller ? 0 : 1, smaller ? 1 : 0};
    processors_ = {smaller ? small : all - small, smaller ? all - small : small};
    std::string why_not;
    partition_ = SmPartition::make(ordinal, small, why_not);
    if (partition_ != nullptr)
      processors_ = {partition_->processors(parts_[0]), partition_->processors(parts_[1])};
    else
      blocks_ = {2 * processors_[0], 2 * processors_[1]};
    about_ = fmt::format(
        "{}/{} is {} of {} multiprocessors{}", pair.share, pair.of, processors_[0],
        processors_[0] + processors_[1],
        partition_ != nullptr
            ? ""
            : " by limited blocks of own kernels and a hint to cuBLASLt (" + why_not + ")");
  }
  [[nodiscard]] std::unique_ptr<GpuWork> work_of(const KernelShape& pair, const std::string& name,
                                                 std::size_t part, std::uint64_t seed) {
    const std::optional<KernelShape> shape = kernel_of_pair(pair, name);
    if (!shape) throw GpuRefusal{"no kernel of a pair is called " + name};
    // The vendor's candidates are tried on the part that the kernel will have.
    const Streams streams(*this, part);
    PreparedWork prepared = make_work(gpu_, *shape, seed, processors_[part]);
    if (prepared.work == nullptr) throw GpuRefusal{prepared.refusal};
    return std::move(prepared.work);
  }
  [[nodiscard]] Lane lane(int stream) const {
    return {stream, blocks_[static_cast<std::size_t>(stream)]};
  }
  [[nodiscard]] double timed(std::int64_t launches) {
    if (partner_ == nullptr) return timer_.time(repeated_, launches);
    return timer_.time_beside(repeated_.launch, launches, [this] { partner_->launch(lane(1)); });
  }

  CudaGpu& gpu_;
  GpuTimer& timer_;
  std::string about_{};
  std::array<int, 2> parts_{0, 1};  ///< of the partition, for the own kernel and its partner
  std::array<int, 2> processors_{};
  std::array<std::int64_t, 2> blocks_{};
  std::unique_ptr<SmPartition> partition_{};
  std::unique_ptr<GpuWork> own_{}, partner_{};
  GpuTimer::Repeated repeated_{};
};

class CudaDevice final : public MeasuredDevice {
 public:
  explicit CudaDevice(int ordinal)
      : ordinal_(ordinal),
        gpu_(ordinal),
        timer_(gpu_),
        nvml_(Nvml::open(gpu_.facts().bus_id)),
        collectives_(ordinal) {}

  [[nodiscard]] ProfileRun identity() const override;
  [[nodiscard]] std::string unit() const override {
    const std::string uuid = nvml_ ? nvml_->uuid() : "";
    return uuid.empty() ? "PCI " + gpu_.facts().bus_id : uuid;
  }
  [[nodiscard]] DevicePeaks peaks() const override { return peaks_of(gpu_.facts()); }
  [[nodiscard]] Preparation prepare(const KernelShape& shape, std::uint64_t seed) override;
  [[nodiscard]] double clock() override {
    return guarded([&] { return timer_.clock_mhz(); });
  }
  [[nodiscard]] double now_ns() override {
    const std::chrono::duration<double, std::nano> now =
        std::chrono::steady_clock::now().time_since_epoch();
    return now.count();
  }
  void sleep_ns(double ns) override {
    std::this_thread::sleep_for(std::chrono::duration<double, std::nano>(ns));
  }

 private:
  [[nodiscard]] Preparation kernel_for(const KernelShape& shape, std::uint64_t seed);
  [[nodiscard]] std::string state_text() const;

  int ordinal_;
  CudaGpu gpu_;
  GpuTimer timer_;
  std::optional<Nvml> nvml_;
  Collectives collectives_;
};

Preparation CudaDevice::kernel_for(const KernelShape& shape, std::uint64_t seed) {
  if (Collectives::knows(shape)) return collectives_.prepare(shape, seed);
  if (const std::optional<PairShape> pair = pair_of(shape))
    return {std::make_unique<PairKernel>(gpu_, timer_, ordinal_, shape, *pair), {}};
  if (shape.op == "elementwise" && shape.m > 0 && shape.variant.starts_with("launch_"))
    return {std::make_unique<LaunchKernel>(gpu_, timer_, shape), {}};
  PreparedWork prepared = make_work(gpu_, shape, seed);
  if (prepared.work == nullptr) return {nullptr, prepared.refusal};
  return {std::make_unique<WorkKernel>(timer_, std::move(prepared.work)), {}};
}

Preparation CudaDevice::prepare(const KernelShape& shape, std::uint64_t seed) {
  Preparation ready;
  try {
    ready = kernel_for(shape, seed);
  } catch (const GpuRefusal& refusal) {
    ready.refusal = refusal.why;
  }
  // What a shape is refused for leaves the GPU as it was; an error that stays ends the measurement.
  guarded([&] { gpu_.wait(); });
  if (ready.kernel != nullptr)
    ready.kernel = std::make_unique<GuardedKernel>(gpu_, std::move(ready.kernel));
  return ready;
}

/// Clocks, heat, power and brakes just now.
std::string CudaDevice::state_text() const {
  if (!nvml_) return "no NVML: clocks by the GPU's own counters, power and heat unknown";
  std::string text = nvml_->modes();
  const auto add = [&text](const std::string& more) {
    if (!more.empty()) text += (text.empty() ? "" : ", ") + more;
  };
  if (const auto mhz = nvml_->sm_mhz()) add(fmt::format("{} MHz", *mhz));
  if (const auto heat = nvml_->celsius()) add(fmt::format("{} C", *heat));
  if (const auto watts = nvml_->watts()) add(fmt::format("{:.0f} W", *watts));
  if (const auto reasons = nvml_->slow_reasons()) add(slow_reason_text(*reasons));
  add(nvml_->uuid());
  return text;
}

ProfileRun CudaDevice::identity() const {
  const GpuFacts& facts = gpu_.facts();
  ProfileRun run;
  run.device = cuda_device_name(facts.title);
  run.device_title = facts.title;
  run.driver = nvml_ ? nvml_->driver() : "";
  if (run.driver.empty()) run.driver = "CUDA " + cuda_version_text(facts.driver);
  run.library = "cuBLASLt";
  run.library_version = VendorBlas::version();
  run.sm_clock_mhz = facts.sm_mhz;
  run.memory_clock_mhz = facts.memory_mhz;
  if (nvml_) run.power_limit_watts = nvml_->watt_limit().value_or(0);
  run.notes = fmt::format(
      "compute capability {}.{}, {} multiprocessors, L2 {} MiB, memory {} MiB, bus {} bits, PCI "
      "{}; CUDA runtime {}, driver {}; {}; {}, {}; {}; attention, norms, activation, rotation, "
      "page moves and quantisation by kernels of this tool; cold: second-level cache overwritten "
      "before each launch, hot: launches back to back, replayed as graphs (pairs: as launched; "
      "collectives: from the host's calls on); clocks are the highest, attention of an engine may "
      "be faster",
      facts.major, facts.minor, facts.processors, facts.l2_bytes >> 20U, facts.memory_bytes >> 20U,
      facts.bus_bits, facts.bus_id, cuda_version_text(facts.runtime),
      cuda_version_text(facts.driver), state_text(), collectives_.text(), cudnn_text(),
      gpu_.choices_text());
  return run;
}

}  // namespace

std::unique_ptr<MeasuredDevice> cuda_device(int ordinal) {
  const std::string place = "--device cuda:" + std::to_string(ordinal);
  const GpuCount gpus = count_gpus();
  if (gpus.count == 0)
    throw InputError(place, "expected an NVIDIA GPU with its driver, got none (" + gpus.why_none +
                                "); measure on a machine that has one, or use --device cpu");
  if (ordinal >= gpus.count)
    throw InputError(place, fmt::format("expected a GPU from 0 to {}, got {}; name one of them",
                                        gpus.count - 1, ordinal));
  try {
    return std::make_unique<CudaDevice>(ordinal);
  } catch (const GpuRefusal& refusal) {
    throw InputError(place, "expected a GPU that can be used, got " + refusal.why +
                                "; see what nvidia-smi says of it");
  }
}

}  // namespace headroom::gpu
