// Asks cuDNN, without a GPU, for engines of the planned decode attention on three GPUs; a program
// of its own, compiled by cudnn_test.cpp where cuDNN is. One line a shape.
#include <cstdio>

#include "profiles/cuda_cudnn.h"

namespace {

using namespace headroom::gpu;

GpuFacts gpu_of(int major) {
  GpuFacts facts;
  facts.major = major;
  facts.driver = 13000;
  facts.processors = major == 8 ? 108 : major == 9 ? 132 : 148;
  facts.sm_mhz = major == 8 ? 1410 : 1980;
  facts.memory_mhz = 2619;
  facts.l2_bytes = std::int64_t{50} << 20;
  facts.memory_bytes = std::int64_t{80} << 30;
  return facts;
}

AttentionCall decode(std::int64_t sequences, std::int64_t heads, std::int64_t kv_heads,
                     std::int64_t context) {
  AttentionCall call{};
  call.sequences = sequences;
  call.heads = heads;
  call.kv_heads = kv_heads;
  call.queries = 1;
  call.context = context;
  call.pages_a_sequence = (context + kPageTokens - 1) / kPageTokens;
  call.splits = 1;
  return call;
}

}  // namespace

int main() {
  std::printf("%s\n", cudnn_text().c_str());
  for (const int major : {8, 9, 10})
    for (const AttentionCall& call : {decode(1, 32, 8, 256), decode(128, 32, 8, 4096)}) try {
        const CudnnEngines engines = cudnn_engines(call, 128, gpu_of(major));
        std::printf("sm_%d0 batch=%lld context=%lld: %d of %d compiled %s\n", major,
                    static_cast<long long>(call.sequences), static_cast<long long>(call.context),
                    engines.compiled, engines.candidates, engines.why.c_str());
      } catch (const GpuRefusal& refusal) {
        std::printf("sm_%d0: 0 of 0 compiled %s\n", major, refusal.why.c_str());
      }
  return 0;
}
