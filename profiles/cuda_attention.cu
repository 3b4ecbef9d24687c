// The attention kernels for the CUDA runtime.
#include "profiles/cuda_own.cuh"

namespace headroom::gpu {
namespace {

template <int kTiles>
void queue_attention(const AttentionCall& call, std::int64_t head_dim, std::int64_t blocks,
                     StreamHandle stream) {
  if (head_dim == 128)
    queue_body<Attention<128, kTiles>>(call, blocks, stream);
  else
    queue_body<Attention<64, kTiles>>(call, blocks, stream);
  if (call.splits > 1) queue_body<JoinSplits>({call, head_dim}, blocks, stream);
}

}  // namespace

void queue_decode(const AttentionCall& call, std::int64_t head_dim, std::int64_t blocks,
                  StreamHandle stream) {
  queue_attention<1>(call, head_dim, blocks, stream);
}
void queue_prefill(const AttentionCall& call, std::int64_t head_dim, std::int64_t blocks,
                   StreamHandle stream) {
  queue_attention<2>(call, head_dim, blocks, stream);
}

}  // namespace headroom::gpu
