#include "profiles/cuda_nccl.h"

#include <dlfcn.h>

#include <cstring>

namespace headroom::gpu {
namespace {

template <class Function>
bool found(void* library, Function& function, const char* name) {
  void* const address = ::dlsym(library, name);
  static_assert(sizeof function == sizeof address);
  std::memcpy(&function, &address, sizeof function);
  return address != nullptr;
}

/// Without a version where there is none.
Nccl load() {
  Nccl nccl;
  void* const library = ::dlopen("libnccl.so.2", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return nccl;
  const bool whole = found(library, nccl.get_version, "ncclGetVersion") &&
                     found(library, nccl.init_all, "ncclCommInitAll") &&
                     found(library, nccl.destroy, "ncclCommDestroy") &&
                     found(library, nccl.error_text, "ncclGetErrorString") &&
                     found(library, nccl.group_start, "ncclGroupStart") &&
                     found(library, nccl.group_end, "ncclGroupEnd") &&
                     found(library, nccl.all_reduce, "ncclAllReduce") &&
                     found(library, nccl.all_gather, "ncclAllGather") &&
                     found(library, nccl.reduce_scatter, "ncclReduceScatter") &&
                     found(library, nccl.send, "ncclSend") &&
                     found(library, nccl.receive, "ncclRecv");
  int version = 0;
  if (!whole || nccl.get_version(&version) != 0) return nccl;
  // 22809: 2.28.9.
  nccl.version = std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
                 std::to_string(version % 100);
  return nccl;
}

}  // namespace

const Nccl* find_nccl() {
  static const Nccl kNccl = load();
  return kNccl.version.empty() ? nullptr : &kNccl;
}

}  // namespace headroom::gpu
