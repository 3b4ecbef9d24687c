// NCCL, found while the program runs: nothing is linked, and a machine without it loses
// collectives alone.
//
// Law: the declarations are those of NCCL 2 (nccl.h of 2.28 compared by a test where it is there).
// Cost: one dlopen. Not here: what is timed (profiles/cuda_collectives.h).
#pragma once

#include <cstddef>
#include <string>

namespace headroom::gpu {

// Values of ncclRedOp_t and ncclDataType_t.
constexpr int kNcclSum = 0, kNcclInt8 = 0, kNcclFloat32 = 7, kNcclBf16 = 9;

struct Nccl {
  using Communicator = void*;
  using Stream = void*;
  int (*get_version)(int*) = nullptr;
  int (*init_all)(Communicator*, int, const int*) = nullptr;
  int (*destroy)(Communicator) = nullptr;
  const char* (*error_text)(int) = nullptr;
  int (*group_start)() = nullptr;
  int (*group_end)() = nullptr;
  /// from, to, elements, type, operation, communicator, stream
  int (*all_reduce)(const void*, void*, std::size_t, int, int, Communicator, Stream) = nullptr;
  /// from, to, elements sent, type, communicator, stream
  int (*all_gather)(const void*, void*, std::size_t, int, Communicator, Stream) = nullptr;
  /// from, to, elements received, type, operation, communicator, stream
  int (*reduce_scatter)(const void*, void*, std::size_t, int, int, Communicator, Stream) = nullptr;
  /// from or to, elements, type, peer, communicator, stream
  int (*send)(const void*, std::size_t, int, int, Communicator, Stream) = nullptr;
  int (*receive)(void*, std::size_t, int, int, Communicator, Stream) = nullptr;
  std::string version{};  ///< "2.28.9"
};

/// Null when there is no NCCL.
[[nodiscard]] const Nccl* find_nccl();

}  // namespace headroom::gpu
