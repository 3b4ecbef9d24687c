// Launches of our own kernels by the CUDA runtime, and the two kernels that timing needs.
//
// Law: a launch is queued on its stream and never waits; errors are the caller's to ask for
// (cudaGetLastError). Cost: one launch. Not here: bodies (profiles/cuda_elementwise.h,
// profiles/cuda_attention.h), compiled by nvcc in cuda_kernels.cu and cuda_attention.cu alone;
// this header needs no CUDA.
#pragma once

#include "profiles/cuda_attention.h"

namespace headroom::gpu {

/// A cudaStream_t.
using StreamHandle = void*;

/// `blocks`: at most so many, 0: one an item.
void queue(const Fill::Call& call, std::int64_t blocks, StreamHandle stream);
void queue(const CountPoison::Call& call, std::int64_t blocks, StreamHandle stream);
void queue(const RmsNorm::Call& call, std::int64_t blocks, StreamHandle stream);
void queue(const SiluMul::Call& call, std::int64_t blocks, StreamHandle stream);
void queue(const Rope::Call& call, std::int64_t blocks, StreamHandle stream);
void queue(const MoveRows::Call& call, std::int64_t blocks, StreamHandle stream);
void queue(const WeightedSum::Call& call, std::int64_t blocks, StreamHandle stream);
void queue(const QuantizeRows::Call& call, std::int64_t blocks, StreamHandle stream);
/// head_dim 64 or 128; with more than one split their sum follows.
void queue_decode(const AttentionCall& call, std::int64_t head_dim, std::int64_t blocks,
                  StreamHandle stream);
void queue_prefill(const AttentionCall& call, std::int64_t head_dim, std::int64_t blocks,
                   StreamHandle stream);
/// Does nothing: what a launch costs.
void queue_empty(StreamHandle stream);

/// What a gate and its host share, in pinned memory.
struct Gate {
  volatile std::uint32_t open;  ///< by the host
  volatile std::uint32_t late;  ///< by the GPU: nobody opened it in time
};
/// Holds the stream until the host opens the gate, at most `most_ns`: what is queued behind it
/// starts without waiting for the host.
void queue_gate(Gate* gate, std::uint64_t most_ns, StreamHandle stream);

/// Cycles and nanoseconds of one multiprocessor at one moment.
struct ClockStamp {
  std::uint64_t cycles = 0, nanoseconds = 0;
};
/// Each multiprocessor that gets a block writes stamps[its number]; `blocks` should be a few times
/// their number.
void queue_clock_stamp(ClockStamp* stamps, std::int64_t blocks, StreamHandle stream);
/// Keeps `blocks` multiprocessors busy for `least_ns`.
void queue_spin(std::uint64_t least_ns, std::int64_t blocks, StreamHandle stream);

}  // namespace headroom::gpu
