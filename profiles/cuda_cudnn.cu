// Host code alone, compiled by the C++ compiler (cmake/cuda.cmake); HEADROOM_CUDNN where cuDNN is.
#include "profiles/cuda_cudnn.h"

#if !defined(HEADROOM_CUDNN)

namespace headroom::gpu {

CudnnEngines cudnn_engines(const AttentionCall&, std::int64_t, const GpuFacts&) {
  return {0, 0, "built without cuDNN"};
}
VendorChoice cudnn_decode(const AttentionCall&, std::int64_t, const StreamHandle*) {
  return {nullptr, "built without cuDNN"};
}
std::string cudnn_text() { return "no cuDNN"; }

}  // namespace headroom::gpu

#else

#include <cuda_runtime.h>
#include <cudnn_graph.h>

#include <array>
#include <cmath>
#include <utility>
#include <vector>

namespace headroom::gpu {
namespace {

void require(cudnnStatus_t status, const char* what) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  std::array<char, 512> text{};
  cudnnGetLastErrorString(text.data(), text.size());
  throw GpuRefusal{std::string(what) + ": " + cudnnGetErrorString(status) + " " + text.data()};
}
void require(cudaError_t status, const char* what) {
  if (status != cudaSuccess)
    throw GpuRefusal{std::string(what) + ": " + cudaGetErrorString(status)};
}

/// One of cuDNN's descriptors with its owner.
class Descriptor {
 public:
  explicit Descriptor(cudnnBackendDescriptorType_t type) {
    require(cudnnBackendCreateDescriptor(type, &raw_), "cudnnBackendCreateDescriptor");
  }
  Descriptor(Descriptor&& other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(raw_, other.raw_);
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (raw_ != nullptr) static_cast<void>(cudnnBackendDestroyDescriptor(raw_));
  }
  void set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::size_t count,
           const void* values) {
    require(cudnnBackendSetAttribute(raw_, name, type, static_cast<std::int64_t>(count), values),
            "cudnnBackendSetAttribute");
  }
  void set(cudnnBackendAttributeName_t name, const Descriptor& other) {
    set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &other.raw_);
  }
  void set(cudnnBackendAttributeName_t name, const std::vector<std::int64_t>& values) {
    set(name, CUDNN_TYPE_INT64, values.size(), values.data());
  }
  void finish(const char* what) { require(cudnnBackendFinalize(raw_), what); }
  [[nodiscard]] cudnnBackendDescriptor_t raw() const { return raw_; }

 private:
  cudnnBackendDescriptor_t raw_ = nullptr;
};

// Names of the operation's tensors.
enum Id : std::int64_t { kQ = 1, kO, kK, kV, kTableK, kTableV, kLengthQ, kLengthKv, kScale };

Descriptor tensor(Id id, cudnnDataType_t type, const std::vector<std::int64_t>& sizes,
                  const std::vector<std::int64_t>& strides) {
  Descriptor made(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  made.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, {id});
  made.set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type);
  made.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, {16});
  made.set(CUDNN_ATTR_TENSOR_DIMENSIONS, sizes);
  made.set(CUDNN_ATTR_TENSOR_STRIDES, strides);
  const bool by_value = id == kScale;
  made.set(CUDNN_ATTR_TENSOR_IS_BY_VALUE, CUDNN_TYPE_BOOLEAN, 1, &by_value);
  made.finish("a tensor");
  return made;
}

/// Decode attention over pages as a graph of one operation.
class Operation {
 public:
  Operation(const AttentionCall& c, std::int64_t d)
      : operation_(CUDNN_BACKEND_OPERATION_SDPA_FWD_DESCRIPTOR),
        graph_(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR) {
    const std::int64_t b = c.sequences, pages = c.pages_a_sequence, token = c.kv_heads * d;
    const std::vector<std::int64_t> q{b, c.heads, 1, d}, q_strides{c.heads * d, d, c.heads * d, 1};
    // [page][token][head] in memory, as page, head, token to cuDNN.
    const std::vector<std::int64_t> kv{b * pages, c.kv_heads, kPageTokens, d};
    const std::vector<std::int64_t> kv_strides{kPageTokens * token, d, token, 1};
    const std::vector<std::int64_t> table{b, 1, pages, 1}, table_strides{pages, pages, 1, 1};
    const std::vector<std::int64_t> each{b, 1, 1, 1}, one{1, 1, 1, 1};
    add(CUDNN_ATTR_OPERATION_SDPA_FWD_QDESC, tensor(kQ, CUDNN_DATA_BFLOAT16, q, q_strides));
    add(CUDNN_ATTR_OPERATION_SDPA_FWD_ODESC, tensor(kO, CUDNN_DATA_BFLOAT16, q, q_strides));
    add(CUDNN_ATTR_OPERATION_SDPA_FWD_KDESC, tensor(kK, CUDNN_DATA_BFLOAT16, kv, kv_strides));
    add(CUDNN_ATTR_OPERATION_SDPA_FWD_VDESC, tensor(kV, CUDNN_DATA_BFLOAT16, kv, kv_strides));
    add(CUDNN_ATTR_OPERATION_SDPA_FWD_PAGE_TABLE_KDESC,
        tensor(kTableK, CUDNN_DATA_INT32, table, table_strides));
    add(CUDNN_ATTR_OPERATION_SDPA_FWD_PAGE_TABLE_VDESC,
        tensor(kTableV, CUDNN_DATA_INT32, table, table_strides));
    add(CUDNN_ATTR_OPERATION_SDPA_FWD_SEQ_LEN_QDESC, tensor(kLengthQ, CUDNN_DATA_INT32, each, one));
    add(CUDNN_ATTR_OPERATION_SDPA_FWD_SEQ_LEN_KVDESC,
        tensor(kLengthKv, CUDNN_DATA_INT32, each, one));
    add(CUDNN_ATTR_OPERATION_SDPA_FWD_SCALEDESC, tensor(kScale, CUDNN_DATA_FLOAT, one, one));
    operation_.finish("attention");
    graph_.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, operation_);
  }
  void use(cudnnHandle_t handle) {
    graph_.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &handle);
  }
  void finish() { graph_.finish("a graph"); }
  [[nodiscard]] const Descriptor& graph() const { return graph_; }

 private:
  void add(cudnnBackendAttributeName_t role, Descriptor made) {
    operation_.set(role, made);
    tensors_.push_back(std::move(made));
  }
  Descriptor operation_, graph_;
  std::vector<Descriptor> tensors_{};
};

/// What the heuristics propose, best first; `properties` describe a GPU that is not here.
std::vector<Descriptor> proposals(const Operation& operation, const Descriptor* properties) {
  Descriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  const cudnnBackendHeurMode_t mode = CUDNN_HEUR_MODE_A;
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, operation.graph());
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
  if (properties != nullptr) heuristics.set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, *properties);
  heuristics.finish("heuristics");
  std::int64_t count = 0;
  require(cudnnBackendGetAttribute(heuristics.raw(), CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                   CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, &count, nullptr),
          "heuristics");
  std::vector<Descriptor> found;
  std::vector<cudnnBackendDescriptor_t> raw;
  for (std::int64_t i = 0; i < count; ++i) {
    found.emplace_back(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    raw.push_back(found.back().raw());
  }
  if (count > 0)
    require(cudnnBackendGetAttribute(heuristics.raw(), CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                     CUDNN_TYPE_BACKEND_DESCRIPTOR, count, &count, raw.data()),
            "heuristics");
  found.erase(found.begin() + count, found.end());
  return found;
}

/// The properties that cuDNN asks for. What `GpuFacts` does not hold is equal on compute
/// capabilities 8.0, 9.0 and 10.0 (CUDA C++ Programming Guide, table of technical specifications)
/// but for a block's shared memory.
std::string properties_text(const GpuFacts& facts) {
  const auto field = [](const char* name, std::int64_t value) {
    return std::string(",\"") + name + "\":" + std::to_string(value);
  };
  const std::int64_t version = facts.major * 100 + facts.minor * 10;
  const std::int64_t block_bytes = (facts.major == 8 ? 163 : 227) * 1024;
  return "{\"deviceName\":\"GPU\",\"maxGridSize\":[2147483647,65535,65535],"
         "\"maxBlockSize\":[1024,1024,64]" +
         field("deviceVer", version) + field("smVersion", version) +
         field("driverVer", facts.driver) + field("cudaDeviceId", 0) + field("pciDeviceId", 0) +
         field("multiProcessorCount", facts.processors) + field("warpSize", 32) +
         field("regsPerBlock", 65536) + field("maxRegistersPerSM", 65536) +
         field("maxSharedMemoryPerBlock", 49152) +
         field("maxSharedMemoryPerBlockOptin", block_bytes) +
         field("reservedSharedMemoryPerBlock", 1024) + field("maxCtasPerSM", 32) +
         field("maxThreadsPerBlock", 1024) + field("maxThreadsPerSM", 2048) +
         field("isTccDriver", 0) + field("supportCoopLaunch", 1) +
         field("smClockRateKHz", static_cast<std::int64_t>(facts.sm_mhz * 1000)) +
         field("memClockRateKHz", static_cast<std::int64_t>(facts.memory_mhz * 1000)) +
         field("l2CacheSize", facts.l2_bytes) + field("totalGlobalMem", facts.memory_bytes) + "}";
}

/// Memory of the GPU with some numbers in it.
class Uploaded {
 public:
  Uploaded(const void* from, std::size_t bytes) {
    require(cudaMalloc(&data_, bytes), "cudaMalloc");
    if (from != nullptr)
      require(cudaMemcpy(data_, from, bytes, cudaMemcpyHostToDevice), "cudaMemcpy");
  }
  ~Uploaded() { static_cast<void>(cudaFree(data_)); }
  Uploaded(const Uploaded&) = delete;
  Uploaded& operator=(const Uploaded&) = delete;
  [[nodiscard]] void* data() const { return data_; }

 private:
  void* data_ = nullptr;
};

struct Handle {
  cudnnHandle_t raw = nullptr;
  Handle() { require(cudnnCreate(&raw), "cudnnCreate"); }
  ~Handle() { static_cast<void>(cudnnDestroy(raw)); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
};

class PagedDecode final : public VendorCall {
 public:
  PagedDecode(const AttentionCall& call, std::int64_t head_dim, const StreamHandle* streams)
      : call_(call),
        streams_(streams),
        scale_(1.0F / std::sqrt(static_cast<float>(head_dim))),
        ones_(lengths(1)),
        contexts_(lengths(static_cast<std::int32_t>(call.context))),
        operation_(call, head_dim),
        plan_(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR) {
    operation_.use(handle_.raw);
    operation_.finish();
  }
  /// Empty, or why there is none.
  [[nodiscard]] std::string choose() {
    std::string why = "cuDNN's heuristics propose nothing";
    for (const Descriptor& proposal : proposals(operation_, nullptr)) {
      Descriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
      plan.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &handle_.raw);
      plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, proposal);
      const cudnnStatus_t status = cudnnBackendFinalize(plan.raw());
      if (status == CUDNN_STATUS_SUCCESS) {
        plan_ = std::move(plan);
        bind();
        return {};
      }
      why = std::string("cuDNN has no engine for it: ") + cudnnGetErrorString(status);
    }
    return why;
  }
  void launch(Lane lane) override {
    require(cudnnSetStream(handle_.raw, static_cast<cudaStream_t>(streams_[lane.stream])),
            "cudnnSetStream");
    require(cudnnBackendExecute(handle_.raw, plan_.raw(), pack_.raw()), "cudnnBackendExecute");
  }

 private:
  [[nodiscard]] std::vector<std::int32_t> lengths(std::int32_t length) const {
    return std::vector<std::int32_t>(static_cast<std::size_t>(call_.sequences), length);
  }
  void bind() {
    std::int64_t bytes = 0, count = 0;
    require(cudnnBackendGetAttribute(plan_.raw(), CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
                                     CUDNN_TYPE_INT64, 1, &count, &bytes),
            "a plan's workspace");
    workspace_ = std::make_unique<Uploaded>(nullptr, static_cast<std::size_t>(bytes) + 16);
    const std::size_t size = ones_.size() * sizeof(std::int32_t);
    q_lengths_ = std::make_unique<Uploaded>(ones_.data(), size);
    kv_lengths_ = std::make_unique<Uploaded>(contexts_.data(), size);
    const std::vector<std::int64_t> ids{kQ,      kO,       kK,        kV,    kTableK,
                                        kTableV, kLengthQ, kLengthKv, kScale};
    const std::array<const void*, 9> data{
        call_.q,     call_.out,          call_.keys,          call_.values, call_.pages,
        call_.pages, q_lengths_->data(), kv_lengths_->data(), &scale_};
    void* const workspace = workspace_->data();
    pack_.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, ids);
    pack_.set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, data.size(), data.data());
    pack_.set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace);
    pack_.finish("a plan's operands");
  }

  AttentionCall call_;
  const StreamHandle* streams_;
  float scale_;
  std::vector<std::int32_t> ones_, contexts_;
  Handle handle_{};
  Operation operation_;
  Descriptor plan_, pack_{CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR};
  std::unique_ptr<Uploaded> workspace_{}, q_lengths_{}, kv_lengths_{};
};

}  // namespace

CudnnEngines cudnn_engines(const AttentionCall& call, std::int64_t head_dim,
                           const GpuFacts& facts) {
  CudnnEngines engines;
  Operation operation(call, head_dim);
  operation.finish();
  const std::string text = properties_text(facts);
  Descriptor properties(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  properties.set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR, text.size(),
                 text.c_str());
  properties.finish("a GPU's properties");
  for (const Descriptor& proposal : proposals(operation, &properties)) {
    ++engines.candidates;
    Descriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, proposal);
    plan.set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, properties);
    const cudnnStatus_t status = cudnnBackendFinalize(plan.raw());
    // Without a driver the last step, loading what was compiled, is the one that fails.
    if (status == CUDNN_STATUS_SUCCESS || status == CUDNN_STATUS_EXECUTION_FAILED_CUDA_DRIVER)
      ++engines.compiled;
    else
      engines.why = cudnnGetErrorString(status);
  }
  return engines;
}

VendorChoice cudnn_decode(const AttentionCall& call, std::int64_t head_dim,
                          const StreamHandle* streams) {
  auto decode = std::make_unique<PagedDecode>(call, head_dim, streams);
  std::string refusal = decode->choose();
  if (!refusal.empty()) return {nullptr, std::move(refusal)};
  return {std::move(decode), {}};
}

std::string cudnn_text() {
  const std::size_t version = cudnnGetVersion();  // 91900: 9.19.0
  return "cuDNN " + std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) +
         "." + std::to_string(version % 100);
}

}  // namespace headroom::gpu

#endif
