// Asks cuDNN, without a GPU, for engines of decode attention on three GPUs; a program of its own,
// compiled by cudnn_test.cpp where cuDNN is. Shapes come on standard input, a line each: sequences,
// heads, KV heads, head size, context. One line a GPU and shape.
#include <cstdio>
#include <iostream>
#include <vector>

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

struct Shape {
  AttentionCall call{};
  std::int64_t head_dim = 0;
};

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
  std::vector<Shape> shapes;
  std::int64_t sequences = 0, heads = 0, kv_heads = 0, head_dim = 0, context = 0;
  while (std::cin >> sequences >> heads >> kv_heads >> head_dim >> context)
    shapes.push_back({decode(sequences, heads, kv_heads, context), head_dim});
  for (const int major : {8, 9, 10})
    for (const auto& [call, size] : shapes) try {
        const CudnnEngines engines = cudnn_engines(call, size, gpu_of(major));
        std::printf("sm_%d0 batch=%lld head=%lld context=%lld: %d of %d compiled %s\n", major,
                    static_cast<long long>(call.sequences), static_cast<long long>(size),
                    static_cast<long long>(call.context), engines.compiled, engines.candidates,
                    engines.why.c_str());
      } catch (const GpuRefusal& refusal) {
        std::printf("sm_%d0: 0 of 0 compiled %s\n", major, refusal.why.c_str());
      }
  return 0;
}
