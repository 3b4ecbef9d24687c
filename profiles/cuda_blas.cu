// Host code alone, compiled by the C++ compiler (cmake/cuda.cmake).
#include <cublasLt.h>
#include <cublas_v2.h>
#include <cuda_runtime.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "profiles/cuda_blas.h"
#include "profiles/measure_stats.h"

namespace headroom::gpu {
namespace {

// 32 MiB is what NVIDIA recommends for Hopper (cuBLAS documentation, cublasSetWorkspace); a smaller
// one would change the algorithm.
constexpr std::size_t kWorkspaceBytes = std::size_t{32} << 20U;
constexpr int kCandidates = 8;
constexpr int kTrials = 5;

void require(cublasStatus_t status, const char* what) {
  if (status != CUBLAS_STATUS_SUCCESS)
    throw GpuRefusal{fmt::format("{}: {}", what, cublasGetStatusString(status))};
}
void require(cudaError_t status, const char* what) {
  if (status != cudaSuccess)
    throw GpuRefusal{fmt::format("{}: {}", what, cudaGetErrorString(status))};
}

cudaDataType_t type_of(Element format) {
  return format == Element::e4m3   ? CUDA_R_8F_E4M3
         : format == Element::fp16 ? CUDA_R_16F
                                   : CUDA_R_16BF;
}

/// Destroys a handle of cuBLASLt.
template <class Handle, cublasStatus_t (*kDestroy)(Handle)>
struct Destroy {
  using pointer = Handle;
  void operator()(Handle handle) const { static_cast<void>(kDestroy(handle)); }
};
template <class Handle, cublasStatus_t (*kDestroy)(Handle)>
using Owned = std::unique_ptr<Handle, Destroy<Handle, kDestroy>>;
using Operation = Owned<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy>;
using Layout = Owned<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy>;
using Preference = Owned<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy>;

Layout layout(cudaDataType_t type, std::int64_t rows, std::int64_t columns) {
  cublasLtMatrixLayout_t handle = nullptr;
  require(cublasLtMatrixLayoutCreate(&handle, type, static_cast<std::uint64_t>(rows),
                                     static_cast<std::uint64_t>(columns), rows),
          "cublasLtMatrixLayoutCreate");
  return Layout(handle);
}

/// Time between two points of a stream.
class Stopwatch {
 public:
  Stopwatch() {
    require(cudaEventCreate(&begin_), "cudaEventCreate");
    require(cudaEventCreate(&end_), "cudaEventCreate");
  }
  ~Stopwatch() {
    static_cast<void>(cudaEventDestroy(begin_));
    static_cast<void>(cudaEventDestroy(end_));
  }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;
  void start(cudaStream_t stream) { require(cudaEventRecord(begin_, stream), "cudaEventRecord"); }
  [[nodiscard]] float stop(cudaStream_t stream) {
    require(cudaEventRecord(end_, stream), "cudaEventRecord");
    require(cudaEventSynchronize(end_), "a product");
    float milliseconds = 0;
    require(cudaEventElapsedTime(&milliseconds, begin_, end_), "cudaEventElapsedTime");
    return milliseconds;
  }

 private:
  cudaEvent_t begin_ = nullptr, end_ = nullptr;
};

}  // namespace

struct VendorBlas::Handles {
  const StreamHandle* streams = nullptr;
  cublasLtHandle_t light = nullptr;
  cublasHandle_t full = nullptr;
  std::array<void*, 2> workspaces{};  ///< one a stream
  float* one = nullptr;               ///< scale of fp8 operands
  std::int64_t chosen = 0, first_won = 0;
  std::vector<double> gains{};  ///< time of the first candidate over that of the kept one

  Handles() = default;
  Handles(const Handles&) = delete;
  Handles& operator=(const Handles&) = delete;
  ~Handles() {
    for (void* workspace : workspaces) static_cast<void>(cudaFree(workspace));
    static_cast<void>(cudaFree(one));
    if (full != nullptr) static_cast<void>(cublasDestroy(full));
    if (light != nullptr) static_cast<void>(cublasLtDestroy(light));
  }
  [[nodiscard]] cudaStream_t stream(Lane lane) const {
    return static_cast<cudaStream_t>(streams[lane.stream]);
  }
};

namespace {

/// out^T [n, m] = w [k, n]^T a^T [k, m] in cuBLAS's order of columns first.
class LightProduct final : public VendorCall {
 public:
  LightProduct(VendorBlas::Handles& handles, const GemmCall& call)
      : handles_(handles),
        call_(call),
        w_(layout(type_of(call.format), call.k, call.n)),
        a_(layout(type_of(call.format), call.k, call.m)),
        out_(layout(call.format == Element::fp16 ? CUDA_R_16F : CUDA_R_16BF, call.n, call.m)) {
    cublasLtMatmulDesc_t operation = nullptr;
    require(cublasLtMatmulDescCreate(&operation, CUBLAS_COMPUTE_32F, CUDA_R_32F),
            "cublasLtMatmulDescCreate");
    operation_.reset(operation);
    set(CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T);
    set(CUBLASLT_MATMUL_DESC_TRANSB, CUBLAS_OP_N);
    if (call.processors > 0)
      set(CUBLASLT_MATMUL_DESC_SM_COUNT_TARGET, static_cast<std::int32_t>(call.processors));
    if (call.format != Element::e4m3) return;
    const void* const scale = handles.one;
    set(CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, scale);
    set(CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, scale);
    // As fp8 inference runs it: sums of a chunk stay in the tensor cores.
    set(CUBLASLT_MATMUL_DESC_FAST_ACCUM, static_cast<std::int8_t>(1));
  }

  /// Times the heuristics' candidates and keeps the fastest. Empty, or why there is none.
  [[nodiscard]] std::string choose() {
    cublasLtMatmulPreference_t preference = nullptr;
    require(cublasLtMatmulPreferenceCreate(&preference), "cublasLtMatmulPreferenceCreate");
    const Preference owner(preference);
    const std::size_t bytes = kWorkspaceBytes;
    require(cublasLtMatmulPreferenceSetAttribute(
                preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &bytes, sizeof bytes),
            "cublasLtMatmulPreferenceSetAttribute");
    std::array<cublasLtMatmulHeuristicResult_t, kCandidates> results{};
    int found = 0;
    const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
        handles_.light, operation_.get(), w_.get(), a_.get(), out_.get(), out_.get(), preference,
        kCandidates, results.data(), &found);
    if (status != CUBLAS_STATUS_SUCCESS || found == 0)
      return fmt::format("cuBLASLt has no algorithm for it ({})", cublasGetStatusString(status));
    std::vector<std::pair<float, int>> times;
    for (int i = 0; i < found; ++i) {
      if (results[static_cast<std::size_t>(i)].state != CUBLAS_STATUS_SUCCESS) continue;
      algorithm_ = results[static_cast<std::size_t>(i)].algo;
      try {
        times.emplace_back(trial(), i);
      } catch (const GpuRefusal&) {
        // The next one may run. An error that stays is seen when the GPU is waited for.
        static_cast<void>(cudaGetLastError());
      }
    }
    if (times.empty()) return "none of cuBLASLt's algorithms for it can run";
    const auto best = *std::min_element(times.begin(), times.end());
    algorithm_ = results[static_cast<std::size_t>(best.second)].algo;
    ++handles_.chosen;
    handles_.first_won += best.second == times.front().second ? 1 : 0;
    handles_.gains.push_back(static_cast<double>(times.front().first / best.first));
    return {};
  }

  void launch(Lane lane) override {
    const float alpha = 1, beta = 0;
    require(cublasLtMatmul(handles_.light, operation_.get(), &alpha, call_.w, w_.get(), call_.a,
                           a_.get(), &beta, call_.out, out_.get(), call_.out, out_.get(),
                           &algorithm_, handles_.workspaces[static_cast<std::size_t>(lane.stream)],
                           kWorkspaceBytes, handles_.stream(lane)),
            "cublasLtMatmul");
  }

 private:
  template <class T>
  void set(cublasLtMatmulDescAttributes_t attribute, const T& value) {
    require(cublasLtMatmulDescSetAttribute(operation_.get(), attribute, &value, sizeof value),
            "cublasLtMatmulDescSetAttribute");
  }
  /// Shortest of some launches in milliseconds, the first (which loads code) left out.
  [[nodiscard]] float trial() {
    Stopwatch watch;
    const cudaStream_t stream = handles_.stream({});
    float least = 1e30F;
    for (int i = 0; i <= kTrials; ++i) {
      watch.start(stream);
      launch({});
      const float took = watch.stop(stream);
      if (i > 0) least = std::min(least, took);
    }
    return least;
  }

  VendorBlas::Handles& handles_;
  GemmCall call_;
  Operation operation_{};
  Layout w_, a_, out_;
  cublasLtMatmulAlgo_t algorithm_{};
};

/// One group an expert that has rows.
class GroupedProduct final : public VendorCall {
 public:
  GroupedProduct(VendorBlas::Handles& handles, const GroupedCall& call) : handles_(handles) {
    const auto* const a = static_cast<const Bf16*>(call.a);
    const auto* const w = static_cast<const Bf16*>(call.w);
    auto* const out = static_cast<Bf16*>(call.out);
    std::vector<const void*> ws, as;
    std::vector<void*> outs;
    std::int64_t row = 0;
    for (std::size_t expert = 0; expert < call.rows.size(); ++expert) {
      if (call.rows[expert] == 0) continue;
      n_.push_back(static_cast<int>(call.n));
      m_.push_back(static_cast<int>(call.rows[expert]));
      k_.push_back(static_cast<int>(call.k));
      ws.push_back(w + static_cast<std::int64_t>(expert) * call.n * call.k);
      as.push_back(a + row * call.k);
      outs.push_back(out + row * call.n);
      row += call.rows[expert];
    }
    const std::size_t groups = ws.size();
    flip_.assign(groups, CUBLAS_OP_T);
    keep_.assign(groups, CUBLAS_OP_N);
    alpha_.assign(groups, 1.0F);
    beta_.assign(groups, 0.0F);
    sizes_.assign(groups, 1);
    const std::size_t bytes = groups * sizeof(void*);
    require(cudaMalloc(&pointers_, 3 * bytes), "cudaMalloc");
    char* const at = static_cast<char*>(pointers_);
    require(cudaMemcpy(at, ws.data(), bytes, cudaMemcpyHostToDevice), "cudaMemcpy");
    require(cudaMemcpy(at + bytes, as.data(), bytes, cudaMemcpyHostToDevice), "cudaMemcpy");
    require(cudaMemcpy(at + 2 * bytes, outs.data(), bytes, cudaMemcpyHostToDevice), "cudaMemcpy");
  }
  ~GroupedProduct() override { static_cast<void>(cudaFree(pointers_)); }

  void launch(Lane lane) override {
    require(cublasSetStream(handles_.full, handles_.stream(lane)), "cublasSetStream");
    const std::size_t groups = sizes_.size();
    auto* const ws = static_cast<const void* const*>(pointers_);
    auto* const outs = static_cast<void* const*>(pointers_) + 2 * groups;
    require(cublasGemmGroupedBatchedEx(handles_.full, flip_.data(), keep_.data(), n_.data(),
                                       m_.data(), k_.data(), alpha_.data(), ws, CUDA_R_16BF,
                                       k_.data(), ws + groups, CUDA_R_16BF, k_.data(), beta_.data(),
                                       outs, CUDA_R_16BF, n_.data(), static_cast<int>(groups),
                                       sizes_.data(), CUBLAS_COMPUTE_32F),
            "cublasGemmGroupedBatchedEx");
  }

 private:
  VendorBlas::Handles& handles_;
  std::vector<int> n_{}, m_{}, k_{}, sizes_{};
  std::vector<cublasOperation_t> flip_{}, keep_{};
  std::vector<float> alpha_{}, beta_{};
  void* pointers_ = nullptr;
};

}  // namespace

VendorBlas::VendorBlas(const StreamHandle* streams) : handles_(std::make_unique<Handles>()) {
  handles_->streams = streams;
  require(cublasLtCreate(&handles_->light), "cublasLtCreate");
  require(cublasCreate(&handles_->full), "cublasCreate");
  for (void*& workspace : handles_->workspaces)
    require(cudaMalloc(&workspace, kWorkspaceBytes), "cudaMalloc");
  void* one = nullptr;
  require(cudaMalloc(&one, sizeof(float)), "cudaMalloc");
  handles_->one = static_cast<float*>(one);
  const float value = 1;
  require(cudaMemcpy(one, &value, sizeof value, cudaMemcpyHostToDevice), "cudaMemcpy");
}

VendorBlas::~VendorBlas() = default;

VendorChoice VendorBlas::gemm(const GemmCall& call) {
  auto product = std::make_unique<LightProduct>(*handles_, call);
  std::string refusal = product->choose();
  if (!refusal.empty()) return {nullptr, std::move(refusal)};
  return {std::move(product), {}};
}

VendorChoice VendorBlas::grouped(const GroupedCall& call) {
  return {std::make_unique<GroupedProduct>(*handles_, call), {}};
}

std::string VendorBlas::version() {
  const std::size_t version = cublasLtGetVersion();  // 130002: 13.0.2
  return fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100);
}

std::string VendorBlas::choices_text() const {
  if (handles_->chosen == 0) return "no products";
  std::vector<double> lost;
  for (const double gain : handles_->gains)
    if (gain > 1) lost.push_back((gain - 1) * 100);
  return fmt::format(
      "products: the fastest of up to {} candidates of cuBLASLt's heuristics with {} MiB of "
      "workspace; of {} choices the first candidate was the fastest {} times, else slower by "
      "{:.1f} "
      "% in the median",
      kCandidates, kWorkspaceBytes >> 20U, handles_->chosen, handles_->first_won,
      quantile(lost, 0.5));
}

}  // namespace headroom::gpu
