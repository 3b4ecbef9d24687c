// Host code alone, compiled by the C++ compiler (cmake/cuda.cmake).
#include <cuda_runtime.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "profiles/cuda_machine.h"
#include "profiles/measure_stats.h"

namespace headroom::gpu {
namespace {

void require(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  static_cast<void>(cudaGetLastError());
  throw GpuRefusal{fmt::format("{}: {}", what, cudaGetErrorString(status))};
}
cudaStream_t cuda(StreamHandle stream) { return static_cast<cudaStream_t>(stream); }

int attribute(cudaDeviceAttr which, int ordinal) {
  int value = 0;
  require(cudaDeviceGetAttribute(&value, which, ordinal), "cudaDeviceGetAttribute");
  return value;
}

constexpr std::uint64_t kMostGateNs = 2'000'000'000;
/// Launches that a stream's queue certainly holds while a gate keeps it waiting.
constexpr std::int64_t kMostHeld = 256;
constexpr int kAttempts = 8;

}  // namespace

GpuCount count_gpus() {
  GpuCount found;
  const cudaError_t status = cudaGetDeviceCount(&found.count);
  if (status == cudaSuccess && found.count > 0) return found;
  found.count = 0;
  found.why_none = status == cudaSuccess ? "none is visible" : cudaGetErrorString(status);
  static_cast<void>(cudaGetLastError());
  return found;
}

CudaGpu::CudaGpu(int ordinal) : ordinal_(ordinal) {
  enter();
  cudaDeviceProp properties{};
  require(cudaGetDeviceProperties(&properties, ordinal), "cudaGetDeviceProperties");
  facts_.title = properties.name;
  std::array<char, 32> bus{};
  require(cudaDeviceGetPCIBusId(bus.data(), static_cast<int>(bus.size()), ordinal),
          "cudaDeviceGetPCIBusId");
  facts_.bus_id = bus.data();
  facts_.major = properties.major;
  facts_.minor = properties.minor;
  facts_.processors = properties.multiProcessorCount;
  facts_.sm_mhz = attribute(cudaDevAttrClockRate, ordinal) / 1000.0;
  facts_.memory_mhz = attribute(cudaDevAttrMemoryClockRate, ordinal) / 1000.0;
  facts_.bus_bits = attribute(cudaDevAttrGlobalMemoryBusWidth, ordinal);
  facts_.l2_bytes = attribute(cudaDevAttrL2CacheSize, ordinal);
  facts_.memory_bytes = static_cast<std::int64_t>(properties.totalGlobalMem);
  require(cudaDriverGetVersion(&facts_.driver), "cudaDriverGetVersion");
  require(cudaRuntimeGetVersion(&facts_.runtime), "cudaRuntimeGetVersion");
  for (StreamHandle& stream : own_streams_) {
    cudaStream_t made = nullptr;
    require(cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking), "cudaStreamCreate");
    stream = made;
  }
  streams_ = own_streams_;
  blas_ = std::make_unique<VendorBlas>(streams_.data());
}

CudaGpu::~CudaGpu() {
  blas_.reset();
  for (StreamHandle stream : own_streams_)
    if (stream != nullptr) static_cast<void>(cudaStreamDestroy(cuda(stream)));
}

void CudaGpu::enter() const { require(cudaSetDevice(ordinal_), "cudaSetDevice"); }

void* CudaGpu::allocate(std::size_t bytes) {
  enter();
  void* memory = nullptr;
  require(cudaMalloc(&memory, std::max<std::size_t>(bytes, 16)), "operands");
  return memory;
}
void* CudaGpu::allocate_host(std::size_t bytes) {
  void* memory = nullptr;
  require(cudaMallocHost(&memory, std::max<std::size_t>(bytes, 16)), "pinned memory");
  return memory;
}
void CudaGpu::release(void* memory) noexcept { static_cast<void>(cudaFree(memory)); }
void CudaGpu::release_host(void* memory) noexcept { static_cast<void>(cudaFreeHost(memory)); }

void CudaGpu::upload(void* to, const void* from, std::size_t bytes) {
  wait();
  require(cudaMemcpy(to, from, bytes, cudaMemcpyHostToDevice), "cudaMemcpy");
}
void CudaGpu::download(void* to, const void* from, std::size_t bytes) {
  wait();
  require(cudaMemcpy(to, from, bytes, cudaMemcpyDeviceToHost), "cudaMemcpy");
}
void CudaGpu::set_bytes(void* to, int value, std::size_t bytes) {
  if (bytes == 0) return;
  wait();
  require(cudaMemset(to, value, bytes), "cudaMemset");
  wait();
}
void CudaGpu::wait() {
  enter();
  require(cudaDeviceSynchronize(), "a launch");
  require(cudaGetLastError(), "a launch");
}
void CudaGpu::copy(void* to, const void* from, std::size_t bytes, CopyWay way, Lane lane) {
  const cudaMemcpyKind kind = way == CopyWay::to_device     ? cudaMemcpyHostToDevice
                              : way == CopyWay::from_device ? cudaMemcpyDeviceToHost
                                                            : cudaMemcpyDeviceToDevice;
  require(cudaMemcpyAsync(to, from, bytes, kind, cuda(at(lane))), "cudaMemcpyAsync");
}

struct GpuTimer::State {
  explicit State(CudaGpu& gpu)
      : gate_memory(gpu, 2 * sizeof(Gate), GpuMemory::Side::host),
        stamp_memory(gpu, 2 * stamps(gpu) * sizeof(ClockStamp), GpuMemory::Side::host),
        flood(gpu, 2 * static_cast<std::size_t>(std::max<std::int64_t>(gpu.facts().l2_bytes, 1))) {
    for (cudaEvent_t& event : events) require(cudaEventCreate(&event), "cudaEventCreate");
  }
  ~State() {
    for (cudaEvent_t event : events)
      if (event != nullptr) static_cast<void>(cudaEventDestroy(event));
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  /// One a multiprocessor, and room for numbers beyond their count.
  static std::size_t stamps(const CudaGpu& gpu) {
    return static_cast<std::size_t>(std::max<std::int64_t>(2 * gpu.processors(), 256));
  }
  [[nodiscard]] Gate& gate(std::size_t which) const { return gate_memory.as<Gate>()[which]; }

  GpuMemory gate_memory, stamp_memory, flood;
  /// Begin and end of the timed one; begin, first launch's end and end of its partner.
  std::array<cudaEvent_t, 5> events{};
  std::vector<double> clocks{};  ///< MHz, of samples since the last question
};

GpuTimer::GpuTimer(CudaGpu& gpu) : gpu_(gpu), state_(std::make_unique<State>(gpu)) {}
GpuTimer::~GpuTimer() = default;

void* GpuTimer::make_graph(const std::function<void()>& launch, std::int64_t launches) {
  gpu_.enter();
  const cudaStream_t stream = cuda(gpu_.stream(0));
  require(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "capture of a graph");
  cudaGraph_t graph = nullptr;
  try {
    for (std::int64_t i = 0; i < launches; ++i) launch();
  } catch (...) {
    // A capture that stays open would fail everything after it.
    static_cast<void>(cudaStreamEndCapture(stream, &graph));
    if (graph != nullptr) static_cast<void>(cudaGraphDestroy(graph));
    static_cast<void>(cudaGetLastError());
    throw;
  }
  require(cudaStreamEndCapture(stream, &graph), "capture of a graph");
  cudaGraphExec_t ready = nullptr;
  const cudaError_t status = cudaGraphInstantiate(&ready, graph, 0);
  static_cast<void>(cudaGraphDestroy(graph));
  require(status, "cudaGraphInstantiate");
  return ready;
}
void GpuTimer::launch_graph(void* graph) {
  require(cudaGraphLaunch(static_cast<cudaGraphExec_t>(graph), cuda(gpu_.stream(0))),
          "cudaGraphLaunch");
}
void GpuTimer::destroy_graph(void* graph) noexcept {
  if (graph != nullptr)
    static_cast<void>(cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(graph)));
}

double GpuTimer::time(Repeated& work, std::int64_t launches) {
  gpu_.enter();
  if (launches >= kGraphLaunches && work.replay == Replay::graph && work.graph == nullptr)
    work.graph = make_graph(work.launch, kGraphLaunches);
  for (int attempt = 0; attempt < kAttempts; ++attempt)
    if (const double took = timed(work, launches); took > 0) return took;
  throw GpuRefusal{"a gate stayed shut: the host did not queue its launches within two seconds"};
}

/// One attempt; 0 when the gate was not opened in time.
double GpuTimer::timed(Repeated& work, std::int64_t launches) {
  const cudaStream_t stream = cuda(gpu_.stream(0));
  Gate& gate = state_->gate(0);
  gate.open = 0;
  gate.late = 0;
  queue_gate(&gate, kMostGateNs, stream);
  stamp(0);
  require(cudaEventRecord(state_->events[0], stream), "cudaEventRecord");
  std::int64_t held = 0, left = launches;
  const auto held_one = [&] {
    if (++held == kMostHeld) gate.open = 1;
  };
  for (; work.graph != nullptr && left >= kGraphLaunches; left -= kGraphLaunches, held_one())
    launch_graph(work.graph);
  for (; left > 0; --left, held_one()) work.launch();
  require(cudaEventRecord(state_->events[1], stream), "cudaEventRecord");
  stamp(1);
  gate.open = 1;
  require(cudaStreamSynchronize(stream), "a launch");
  if (gate.late != 0) return 0;
  float milliseconds = 0;
  require(cudaEventElapsedTime(&milliseconds, state_->events[0], state_->events[1]),
          "cudaEventElapsedTime");
  keep_clock();
  // Events count in steps of half a microsecond; no sample is shorter than nothing.
  return std::max(1.0, static_cast<double>(milliseconds) * 1e6) / static_cast<double>(launches);
}

double GpuTimer::time_beside(const std::function<void()>& work, std::int64_t launches,
                             const std::function<void()>& partner) {
  gpu_.enter();
  const cudaStream_t own = cuda(gpu_.stream(0)), other = cuda(gpu_.stream(1));
  const auto& events = state_->events;
  std::int64_t turns = 4;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    Gate& gate = state_->gate(1);
    gate.open = 0;
    gate.late = 0;
    queue_gate(&gate, kMostGateNs, other);
    partner();
    require(cudaEventRecord(events[3], other), "cudaEventRecord");
    for (std::int64_t i = 1; i < turns; ++i) partner();
    require(cudaEventRecord(events[4], other), "cudaEventRecord");
    // The partner has begun and settled when its first launch is over.
    require(cudaStreamWaitEvent(own, events[3], 0), "cudaStreamWaitEvent");
    require(cudaEventRecord(events[0], own), "cudaEventRecord");
    for (std::int64_t i = 0; i < launches; ++i) work();
    require(cudaEventRecord(events[1], own), "cudaEventRecord");
    gate.open = 1;
    require(cudaStreamSynchronize(own), "a launch");
    require(cudaStreamSynchronize(other), "a launch");
    float took = 0, beyond = 0;
    require(cudaEventElapsedTime(&took, events[0], events[1]), "cudaEventElapsedTime");
    require(cudaEventElapsedTime(&beyond, events[1], events[4]), "cudaEventElapsedTime");
    if (gate.late == 0 && beyond > 0)
      return std::max(1.0, static_cast<double>(took) * 1e6) / static_cast<double>(launches);
    turns = std::min<std::int64_t>(2 * turns, kMostHeld);
  }
  return 0;
}

double GpuTimer::time_with_host(const std::function<void()>& submit) {
  gpu_.enter();
  require(cudaStreamSynchronize(cuda(gpu_.stream(0))), "a launch");
  const auto begin = std::chrono::steady_clock::now();
  submit();
  require(cudaStreamSynchronize(cuda(gpu_.stream(0))), "a launch");
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
  return std::max(1.0, took.count());
}

void GpuTimer::evict() {
  gpu_.enter();
  require(cudaMemsetAsync(state_->flood.data(), 0x5a, state_->flood.bytes(), cuda(gpu_.stream(0))),
          "cudaMemsetAsync");
}

void GpuTimer::stamp(std::size_t which) {
  ClockStamp* const stamps = state_->stamp_memory.as<ClockStamp>() + which * State::stamps(gpu_);
  queue_clock_stamp(stamps, 2 * gpu_.processors(), gpu_.stream(0));
}

/// Of the multiprocessors that wrote both stamps, when enough time lies between them that the
/// timer's steps (a microsecond on some GPUs) are below a hundredth.
void GpuTimer::keep_clock() {
  const std::size_t count = State::stamps(gpu_);
  ClockStamp* const begin = state_->stamp_memory.as<ClockStamp>();
  std::vector<double> clocks;
  for (std::size_t i = 0; i < count; ++i) {
    const ClockStamp& a = begin[i];
    const ClockStamp& b = begin[count + i];
    if (a.nanoseconds == 0 || b.nanoseconds < a.nanoseconds + 100'000) continue;
    clocks.push_back(static_cast<double>(b.cycles - a.cycles) * 1e3 /
                     static_cast<double>(b.nanoseconds - a.nanoseconds));
  }
  std::fill_n(begin, 2 * count, ClockStamp{});
  if (!clocks.empty()) state_->clocks.push_back(quantile(clocks, 0.5));
}

double GpuTimer::clock_mhz() {
  if (state_->clocks.empty()) {
    gpu_.enter();
    stamp(0);
    queue_spin(200'000, gpu_.processors(), gpu_.stream(0));
    stamp(1);
    require(cudaStreamSynchronize(cuda(gpu_.stream(0))), "a spin");
    keep_clock();
  }
  const double clock = quantile(state_->clocks, 0.5);
  state_->clocks.clear();
  return clock;
}

}  // namespace headroom::gpu
