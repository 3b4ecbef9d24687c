// Host code alone, compiled by the C++ compiler (cmake/cuda.cmake).
#include <cuda.h>
#include <cuda_runtime.h>

#include <array>
#include <cstring>
#include <utility>

#include "profiles/cuda_partition.h"

namespace headroom::gpu {
namespace {

/// The driver's functions; CUDA 12.4 brought them. The runtime finds them, so that nothing links to
/// the driver.
struct Driver {
  decltype(&cuDeviceGetDevResource) resource = nullptr;
  decltype(&cuDevSmResourceSplitByCount) split = nullptr;
  decltype(&cuDevResourceGenerateDesc) describe = nullptr;
  decltype(&cuGreenCtxCreate) create = nullptr;
  decltype(&cuGreenCtxDestroy) destroy = nullptr;
  decltype(&cuGreenCtxStreamCreate) stream = nullptr;
  decltype(&cuStreamDestroy) destroy_stream = nullptr;

  /// Empty, or the function that is missing.
  [[nodiscard]] std::string load() {
    return find(resource, "cuDeviceGetDevResource") + find(split, "cuDevSmResourceSplitByCount") +
           find(describe, "cuDevResourceGenerateDesc") + find(create, "cuGreenCtxCreate") +
           find(destroy, "cuGreenCtxDestroy") + find(stream, "cuGreenCtxStreamCreate") +
           find(destroy_stream, "cuStreamDestroy");
  }

 private:
  template <class Function>
  static std::string find(Function& function, const char* name) {
    constexpr unsigned kVersion = 12050;  // the youngest of them: cuGreenCtxStreamCreate
    void* address = nullptr;
    cudaDriverEntryPointQueryResult result{};
    if (cudaGetDriverEntryPointByVersion(name, &address, kVersion, cudaEnableDefault, &result) !=
            cudaSuccess ||
        result != cudaDriverEntryPointSuccess || address == nullptr) {
      static_cast<void>(cudaGetLastError());
      return std::string("the driver has no ") + name + "; ";
    }
    static_assert(sizeof function == sizeof address);
    std::memcpy(&function, &address, sizeof function);
    return {};
  }
};

}  // namespace

struct SmPartition::Parts {
  Driver driver{};
  std::array<CUgreenCtx, 2> contexts{};
  std::array<CUstream, 2> streams{};
  std::array<int, 2> processors{};

  Parts() = default;
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;
  ~Parts() {
    for (CUstream stream : streams)
      if (stream != nullptr) static_cast<void>(driver.destroy_stream(stream));
    for (CUgreenCtx context : contexts)
      if (context != nullptr) static_cast<void>(driver.destroy(context));
  }

  [[nodiscard]] bool split(int ordinal, int first) {
    CUdevResource all{}, part{}, rest{};
    unsigned groups = 1;
    if (driver.resource(ordinal, &all, CU_DEV_RESOURCE_TYPE_SM) != CUDA_SUCCESS) return false;
    if (driver.split(&part, &groups, &all, &rest, 0, static_cast<unsigned>(first)) !=
            CUDA_SUCCESS ||
        groups != 1 || rest.sm.smCount == 0)
      return false;
    return make(ordinal, 0, part) && make(ordinal, 1, rest);
  }
  [[nodiscard]] bool make(int ordinal, std::size_t which, CUdevResource& resource) {
    CUdevResourceDesc description{};
    processors[which] = static_cast<int>(resource.sm.smCount);
    return driver.describe(&description, &resource, 1) == CUDA_SUCCESS &&
           driver.create(&contexts[which], description, ordinal, CU_GREEN_CTX_DEFAULT_STREAM) ==
               CUDA_SUCCESS &&
           driver.stream(&streams[which], contexts[which], CU_STREAM_NON_BLOCKING, 0) ==
               CUDA_SUCCESS;
  }
};

SmPartition::SmPartition(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
SmPartition::~SmPartition() = default;

std::unique_ptr<SmPartition> SmPartition::make(int ordinal, int first, std::string& why_not) {
  auto parts = std::make_unique<Parts>();
  why_not = parts->driver.load();
  if (!why_not.empty()) return nullptr;
  if (!parts->split(ordinal, first)) {
    why_not = "the driver does not split this GPU";
    return nullptr;
  }
  return std::make_unique<SmPartition>(std::move(parts));
}

int SmPartition::processors(int part) const {
  return parts_->processors[static_cast<std::size_t>(part)];
}
StreamHandle SmPartition::stream(int part) const {
  return parts_->streams[static_cast<std::size_t>(part)];
}

}  // namespace headroom::gpu
