// The element-wise kernels, and those that timing needs, for the CUDA runtime.
#include "profiles/cuda_own.cuh"

namespace headroom::gpu {
namespace {

__device__ std::uint64_t nanoseconds_now() {
  std::uint64_t now;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
  return now;
}

__global__ void gate_kernel(Gate* gate, std::uint64_t most_ns) {
  const std::uint64_t begin = nanoseconds_now();
  while (gate->open == 0)
    if (nanoseconds_now() - begin > most_ns) {
      gate->late = 1;
      return;
    }
}

__global__ void empty_kernel() {}

__global__ void stamp_kernel(ClockStamp* stamps) {
  if (threadIdx.x != 0) return;
  std::uint32_t processor;
  asm volatile("mov.u32 %0, %%smid;" : "=r"(processor));
  stamps[processor] = {static_cast<std::uint64_t>(clock64()), nanoseconds_now()};
}

__global__ void spin_kernel(std::uint64_t least_ns) {
  const std::uint64_t begin = nanoseconds_now();
  while (nanoseconds_now() - begin < least_ns) {
  }
}

}  // namespace

void queue(const Fill::Call& call, std::int64_t blocks, StreamHandle stream) {
  queue_body<Fill>(call, blocks, stream);
}
void queue(const CountPoison::Call& call, std::int64_t blocks, StreamHandle stream) {
  queue_body<CountPoison>(call, blocks, stream);
}
void queue(const RmsNorm::Call& call, std::int64_t blocks, StreamHandle stream) {
  queue_body<RmsNorm>(call, blocks, stream);
}
void queue(const SiluMul::Call& call, std::int64_t blocks, StreamHandle stream) {
  queue_body<SiluMul>(call, blocks, stream);
}
void queue(const Rope::Call& call, std::int64_t blocks, StreamHandle stream) {
  queue_body<Rope>(call, blocks, stream);
}
void queue(const MoveRows::Call& call, std::int64_t blocks, StreamHandle stream) {
  queue_body<MoveRows>(call, blocks, stream);
}
void queue(const WeightedSum::Call& call, std::int64_t blocks, StreamHandle stream) {
  queue_body<WeightedSum>(call, blocks, stream);
}
void queue(const QuantizeRows::Call& call, std::int64_t blocks, StreamHandle stream) {
  queue_body<QuantizeRows>(call, blocks, stream);
}

void queue_empty(StreamHandle stream) {
  empty_kernel<<<1, 32, 0, static_cast<cudaStream_t>(stream)>>>();
}
void queue_gate(Gate* gate, std::uint64_t most_ns, StreamHandle stream) {
  gate_kernel<<<1, 1, 0, static_cast<cudaStream_t>(stream)>>>(gate, most_ns);
}
void queue_clock_stamp(ClockStamp* stamps, std::int64_t blocks, StreamHandle stream) {
  stamp_kernel<<<static_cast<unsigned>(blocks), 32, 0, static_cast<cudaStream_t>(stream)>>>(stamps);
}
void queue_spin(std::uint64_t least_ns, std::int64_t blocks, StreamHandle stream) {
  spin_kernel<<<static_cast<unsigned>(blocks), 32, 0, static_cast<cudaStream_t>(stream)>>>(
      least_ns);
}

}  // namespace headroom::gpu
