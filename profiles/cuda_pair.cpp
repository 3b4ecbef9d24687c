#include "profiles/cuda_pair.h"

#include <sstream>

namespace headroom::gpu {

std::optional<PairShape> pair_of(const KernelShape& shape) {
  if (shape.op != "pair") return {};
  std::istringstream words(shape.variant);
  PairShape pair;
  std::string how, cache;
  char slash = 0;
  words >> pair.own >> how;
  if (how == "beside")
    words >> pair.partner;
  else if (how != "alone")
    return {};
  words >> pair.share >> slash >> pair.of >> cache;
  const bool whole = pair.share == pair.of;
  if (!words || slash != '/' || pair.share < 1 || pair.share > pair.of || (whole && pair.of != 1))
    return {};
  return pair;
}

std::optional<KernelShape> kernel_of_pair(const KernelShape& pair, const std::string& name) {
  KernelShape shape;
  shape.op = name;
  shape.compute = shape.stored = "bf16";
  shape.variant = "hot";
  if (name == "gemm") {
    shape.m = pair.m;
    shape.n = pair.n;
    shape.k = pair.k;
    return shape;
  }
  if (name == "decode_attention") {
    shape.batch = pair.batch;
    shape.heads = pair.heads;
    shape.kv_heads = pair.kv_heads;
    shape.head_dim = pair.head_dim;
    shape.context = pair.context;
    return shape;
  }
  if (name != "copy") return {};
  shape.op = "elementwise";
  shape.variant = "kv_gather hot";
  shape.k = 2 * pair.kv_heads * pair.head_dim;
  if (shape.k <= 0) return {};
  shape.m = pair.bytes / (4 * shape.k);
  shape.bytes = 4 * shape.m * shape.k;
  return shape;
}

}  // namespace headroom::gpu
