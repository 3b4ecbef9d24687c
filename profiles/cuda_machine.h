// One CUDA GPU as what measured work needs, and the time between two points of its stream.
//
// Law: a timed launch starts when all launches of its sample are queued (a gate holds the stream),
// so no sample contains the host's time; a gate that nobody opened in two seconds spoils the
// sample, which is taken again. Cost: a sample's own time and some microseconds.
// Not here: what is timed (profiles/cuda_work.h), schedules (profiles/measure.h).
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "profiles/cuda_blas.h"
#include "profiles/cuda_cudnn.h"
#include "profiles/cuda_facts.h"
#include "profiles/cuda_gpu.h"
#include "profiles/cuda_launch.h"

namespace headroom::gpu {

/// GPUs of this machine; the reason when there is none.
struct GpuCount {
  int count = 0;
  std::string why_none{};
};
[[nodiscard]] GpuCount count_gpus();

class CudaGpu final : public Gpu {
 public:
  /// Throws GpuRefusal.
  explicit CudaGpu(int ordinal);
  ~CudaGpu() override;

  [[nodiscard]] void* allocate(std::size_t bytes) override;
  [[nodiscard]] void* allocate_host(std::size_t bytes) override;
  void release(void* memory) noexcept override;
  void release_host(void* memory) noexcept override;
  void upload(void* to, const void* from, std::size_t bytes) override;
  void download(void* to, const void* from, std::size_t bytes) override;
  void set_bytes(void* to, int value, std::size_t bytes) override;
  void wait() override;
  [[nodiscard]] std::int64_t processors() const override { return facts_.processors; }

  void run(const Fill::Call& call, Lane lane) override { queue(call, lane.blocks, at(lane)); }
  void run(const CountPoison::Call& call, Lane lane) override {
    queue(call, lane.blocks, at(lane));
  }
  void run(const RmsNorm::Call& call, Lane lane) override { queue(call, lane.blocks, at(lane)); }
  void run(const SiluMul::Call& call, Lane lane) override { queue(call, lane.blocks, at(lane)); }
  void run(const Rope::Call& call, Lane lane) override { queue(call, lane.blocks, at(lane)); }
  void run(const MoveRows::Call& call, Lane lane) override { queue(call, lane.blocks, at(lane)); }
  void run(const WeightedSum::Call& call, Lane lane) override {
    queue(call, lane.blocks, at(lane));
  }
  void run(const QuantizeRows::Call& call, Lane lane) override {
    queue(call, lane.blocks, at(lane));
  }
  void decode(const AttentionCall& call, std::int64_t head_dim, Lane lane) override {
    queue_decode(call, head_dim, lane.blocks, at(lane));
  }
  void prefill(const AttentionCall& call, std::int64_t head_dim, Lane lane) override {
    queue_prefill(call, head_dim, lane.blocks, at(lane));
  }
  void copy(void* to, const void* from, std::size_t bytes, CopyWay way, Lane lane) override;
  [[nodiscard]] VendorChoice gemm(const GemmCall& call) override { return blas_->gemm(call); }
  [[nodiscard]] VendorChoice grouped(const GroupedCall& call) override {
    return blas_->grouped(call);
  }
  [[nodiscard]] VendorChoice vendor_decode(const AttentionCall& call,
                                           std::int64_t head_dim) override {
    return cudnn_decode(call, head_dim, streams_.data());
  }

  [[nodiscard]] const GpuFacts& facts() const { return facts_; }
  [[nodiscard]] StreamHandle stream(int lane) const {
    return streams_[static_cast<std::size_t>(lane)];
  }
  [[nodiscard]] std::string choices_text() const { return blas_->choices_text(); }
  /// Makes this GPU the calling thread's.
  void enter() const;
  /// Launches go to these streams until `default_streams`.
  void use_streams(StreamHandle first, StreamHandle second) { streams_ = {first, second}; }
  void default_streams() { streams_ = own_streams_; }

 private:
  [[nodiscard]] StreamHandle at(Lane lane) const { return stream(lane.stream); }
  int ordinal_;
  GpuFacts facts_{};
  std::array<StreamHandle, 2> own_streams_{}, streams_{};
  std::unique_ptr<VendorBlas> blas_{};
};

/// Events, gates, graphs and clock readings of one GPU.
class GpuTimer {
 public:
  /// Throws GpuRefusal.
  explicit GpuTimer(CudaGpu& gpu);
  ~GpuTimer();
  GpuTimer(const GpuTimer&) = delete;
  GpuTimer& operator=(const GpuTimer&) = delete;

  /// Whether many launches are replayed as a graph.
  enum class Replay : std::uint8_t { graph, stream };
  /// A launch on lane 0, as often as wanted.
  struct Repeated {
    std::function<void()> launch{};
    Replay replay = Replay::graph;
    void* graph = nullptr;  ///< of kGraphLaunches launches; made when first needed
  };
  static constexpr std::int64_t kGraphLaunches = 32;

  /// Nanoseconds of one of `launches`, back to back behind a gate.
  [[nodiscard]] double time(Repeated& work, std::int64_t launches);
  /// Nanoseconds of one launch on lane 0 while `partner` is launched on lane 1 from before its
  /// begin until after its end. 0: the partner could not be kept running that long.
  [[nodiscard]] double time_beside(const std::function<void()>& work, std::int64_t launches,
                                   const std::function<void()>& partner);
  /// Nanoseconds of the host from before `submit` until the GPU is idle again; no gate.
  [[nodiscard]] double time_with_host(const std::function<void()>& submit);
  /// A graph of `launches` times `launch`; the caller's to destroy.
  [[nodiscard]] void* make_graph(const std::function<void()>& launch, std::int64_t launches);
  void launch_graph(void* graph);
  static void destroy_graph(void* graph) noexcept;
  /// Writes twice the second-level cache, so that it holds nothing else.
  void evict();
  /// Clock in MHz: of the samples timed since the last call, else of a short spin. 0: unknown.
  [[nodiscard]] double clock_mhz();

 private:
  struct State;
  [[nodiscard]] double timed(Repeated& work, std::int64_t launches);
  void stamp(std::size_t which);
  void keep_clock();
  CudaGpu& gpu_;
  std::unique_ptr<State> state_;
};

}  // namespace headroom::gpu
