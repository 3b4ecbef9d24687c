// What the measured work needs from a GPU: memory, copies, our kernels, the vendor's products.
//
// Law: launches of one stream run in their order; those of two streams may overlap; memory is
// released with its owner. Cost: one virtual call a launch.
// Not here: CUDA (profiles/cuda_device.cu); tests emulate a GPU on the CPU behind this interface
// (tests/profiles/cuda_emulated.h), so that everything above it is tested without one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "profiles/cuda_attention.h"

namespace headroom::gpu {

/// Where and how widely a launch runs.
struct Lane {
  int stream = 0;           ///< 0: the one that is timed; 1: its partner's
  std::int64_t blocks = 0;  ///< own kernels: at most so many blocks; 0: one an item of work
};

/// out = a w^T, row-major: a [m, k], w [n, k], out [m, n] in bf16, or fp16 when `format` is that.
struct GemmCall {
  const void* a;
  const void* w;
  void* out;
  std::int64_t m, n, k;
  Element format;           ///< of a and w
  std::int64_t processors;  ///< that the vendor's choice may use; 0: all
};

/// For each expert e its rows times its matrix, bf16: a [sum of rows, k], w [experts, n, k].
struct GroupedCall {
  const void* a;
  const void* w;
  void* out;
  std::vector<std::int64_t> rows{};  ///< of each expert
  std::int64_t n, k;
};

/// Where a copy's memory is.
enum class CopyWay : std::uint8_t { on_device, to_device, from_device };

/// A vendor's kernel chosen for a shape.
class VendorCall {
 public:
  VendorCall() = default;
  VendorCall(const VendorCall&) = delete;
  VendorCall& operator=(const VendorCall&) = delete;
  virtual ~VendorCall() = default;
  virtual void launch(Lane lane) = 0;
};

/// A call, or why the vendor has none.
struct VendorChoice {
  std::unique_ptr<VendorCall> call{};
  std::string refusal{};
};

/// Reasons that a GPU gives for what it cannot do (no memory, an error of the driver): the kernel
/// is left out and the measurement goes on.
struct GpuRefusal {
  std::string why{};
};

class Gpu {
 public:
  Gpu() = default;
  Gpu(const Gpu&) = delete;
  Gpu& operator=(const Gpu&) = delete;
  virtual ~Gpu() = default;

  /// Aligned to 256 bytes. Throws GpuRefusal.
  [[nodiscard]] virtual void* allocate(std::size_t bytes) = 0;
  /// Pinned memory of the host that the GPU copies to and from. Throws GpuRefusal.
  [[nodiscard]] virtual void* allocate_host(std::size_t bytes) = 0;
  virtual void release(void* memory) noexcept = 0;
  virtual void release_host(void* memory) noexcept = 0;
  /// These three wait for everything before them.
  virtual void upload(void* to, const void* from, std::size_t bytes) = 0;
  virtual void download(void* to, const void* from, std::size_t bytes) = 0;
  virtual void set_bytes(void* to, int value, std::size_t bytes) = 0;
  /// Until all streams are empty. Throws GpuRefusal when a launch failed.
  virtual void wait() = 0;
  [[nodiscard]] virtual std::int64_t processors() const = 0;

  virtual void run(const Fill::Call& call, Lane lane) = 0;
  virtual void run(const CountPoison::Call& call, Lane lane) = 0;
  virtual void run(const RmsNorm::Call& call, Lane lane) = 0;
  virtual void run(const SiluMul::Call& call, Lane lane) = 0;
  virtual void run(const Rope::Call& call, Lane lane) = 0;
  virtual void run(const MoveRows::Call& call, Lane lane) = 0;
  virtual void run(const WeightedSum::Call& call, Lane lane) = 0;
  virtual void run(const QuantizeRows::Call& call, Lane lane) = 0;
  /// Head sizes 64 and 128; the splits' sum included.
  virtual void decode(const AttentionCall& call, std::int64_t head_dim, Lane lane) = 0;
  virtual void prefill(const AttentionCall& call, std::int64_t head_dim, Lane lane) = 0;
  virtual void copy(void* to, const void* from, std::size_t bytes, CopyWay way, Lane lane) = 0;

  [[nodiscard]] virtual VendorChoice gemm(const GemmCall& call) = 0;
  [[nodiscard]] virtual VendorChoice grouped(const GroupedCall& call) = 0;
  /// Paged decode attention of the vendor's; one split.
  [[nodiscard]] virtual VendorChoice vendor_decode(const AttentionCall& call,
                                                   std::int64_t head_dim) = 0;
};

/// Memory of a GPU (or pinned on its host) with its owner.
class GpuMemory {
 public:
  enum class Side : std::uint8_t { device, host };
  GpuMemory() = default;
  GpuMemory(Gpu& gpu, std::size_t bytes, Side side = Side::device)
      : gpu_(&gpu),
        side_(side),
        bytes_(bytes),
        data_(side == Side::device ? gpu.allocate(bytes) : gpu.allocate_host(bytes)) {}
  GpuMemory(GpuMemory&& other) noexcept { swap(other); }
  GpuMemory& operator=(GpuMemory&& other) noexcept {
    swap(other);
    return *this;
  }
  GpuMemory(const GpuMemory&) = delete;
  GpuMemory& operator=(const GpuMemory&) = delete;
  ~GpuMemory() {
    if (data_ == nullptr) return;
    side_ == Side::device ? gpu_->release(data_) : gpu_->release_host(data_);
  }
  [[nodiscard]] void* data() const { return data_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  template <class T>
  [[nodiscard]] T* as() const {
    return static_cast<T*>(data_);
  }

 private:
  void swap(GpuMemory& other) noexcept {
    std::swap(gpu_, other.gpu_);
    std::swap(side_, other.side_);
    std::swap(bytes_, other.bytes_);
    std::swap(data_, other.data_);
  }
  Gpu* gpu_ = nullptr;
  Side side_ = Side::device;
  std::size_t bytes_ = 0;
  void* data_ = nullptr;
};

}  // namespace headroom::gpu
