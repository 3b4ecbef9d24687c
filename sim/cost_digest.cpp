#include "sim/cost_digest.h"

#include <array>

namespace headroom {

namespace {

class Fnv1a {
 public:
  void add(std::int64_t value) {
    auto bits = static_cast<std::uint64_t>(value);
    for (int byte = 0; byte < 8; ++byte) {
      hash_ = (hash_ ^ (bits & 0xff)) * 1099511628211ULL;
      bits >>= 8;
    }
  }
  void add(const IterationPrice& price) {
    add(price.stage.value());
    add(price.handoff.value());
  }
  [[nodiscard]] std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_ = 14695981039346656037ULL;
};

}  // namespace

std::uint64_t cost_digest(const CostModel& cost) {
  Fnv1a digest;
  for (std::int64_t decodes = 1; decodes <= 1024; decodes *= 2) {
    for (std::int64_t context = 16; context <= 65'536; context *= 2) {
      BatchShape shape;
      // Off the powers of two, where tables have their nodes.
      shape.decodes = decodes + decodes / 3;
      shape.decode_context = shape.decodes * (context + context / 5);
      digest.add(cost.price(shape));
    }
  }
  for (const DecodesBeside beside : {DecodesBeside::nothing, DecodesBeside::prompts})
    for (std::int64_t decodes = 2; decodes <= 1024; decodes *= 2)
      if (const std::int64_t share = cost.skew_share(decodes, beside); share != 0)
        digest.add(IterationPrice{Duration(share)});
  for (std::int32_t tokens = 1; tokens <= 16'384; tokens *= 2) {
    for (const std::int32_t cached : {0, 1000, 30'000}) {
      for (const std::int64_t decodes : {0, 5, 120}) {
        const PrefillChunk chunk{tokens + tokens / 3, cached, 1};
        BatchShape shape;
        shape.prefills = {&chunk, 1};
        shape.decodes = decodes;
        shape.decode_context = decodes * 700;
        digest.add(cost.price(shape));
        if (!cost.has_memory()) continue;
        // Such a model is one of whole calls, in which chunks share.
        const std::array<PrefillChunk, 2> two{
            {{chunk.tokens, cached, 0}, {chunk.tokens, cached, 0}}};
        shape.prefills = two;
        digest.add(cost.price(shape));
        if (decodes == 0) continue;
        shape.prefills = {};
        shape.prefill_tokens_before = chunk.tokens;
        digest.add(cost.price(shape));
      }
    }
  }
  return digest.value();
}

}  // namespace headroom
