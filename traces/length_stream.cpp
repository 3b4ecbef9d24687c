#include "traces/length_stream.h"

#include <algorithm>

#include "sim/check.h"
#include "traces/row_builder.h"

namespace headroom {

PrefixTable::PrefixTable(const WorkloadSpec& spec, std::uint64_t seed)
    : count_(spec.shared_prefixes), tokens_(spec.shared_prefix_tokens) {
  if (count_ == 0) {
    tokens_ = Tokens(0);
    return;
  }
  if (tokens_.value() < 1 || tokens_ > kMaxRequestTokens) {
    throw InputError("/workload/shared_prefix_tokens",
                     "expected tokens from 1 to " + std::to_string(kMaxRequestTokens.value()) +
                         ", got " + std::to_string(tokens_.value()) + "; correct the number");
  }
  blocks_each_ = static_cast<std::size_t>(tokens_ / kGeneratedBlockTokens);
  constexpr std::uint64_t kMost = std::uint64_t{1} << 26;
  if (count_ > kMost / std::max<std::uint64_t>(1, blocks_each_)) {
    throw InputError("/workload/shared_prefixes",
                     "expected at most 2^26 blocks in all prefixes, got " + std::to_string(count_) +
                         " prefixes of " + std::to_string(blocks_each_) + "; ask for fewer");
  }
  hashes_.reserve(count_ * blocks_each_);
  for (std::uint64_t prefix = 0; prefix < count_; ++prefix) {
    std::uint64_t hash = chain_hash(seed, prefix);
    for (std::size_t i = 0; i < blocks_each_; ++i) hashes_.push_back(hash = chain_hash(hash, i));
  }
}

std::span<const std::uint64_t> PrefixTable::blocks(std::uint64_t which) const {
  return std::span(hashes_).subspan(static_cast<std::size_t>(which) * blocks_each_, blocks_each_);
}

DrawnLengths::DrawnLengths(const WorkloadSpec& spec, std::uint64_t seed)
    : prompt_law_(spec.prompt, "/workload/prompt"),
      output_law_(spec.output, "/workload/output"),
      prompt_(seed, "prompt"),
      output_(seed, "output"),
      prefix_(seed, "prefix"),
      prefixes_(spec, seed) {}

bool DrawnLengths::next(RequestSpec& spec) {
  spec.prompt = prompt_law_.draw_tokens(prompt_);
  spec.output = output_law_.draw_tokens(output_);
  if (prefixes_.count() == 0) return true;
  spec.prompt = std::min(spec.prompt + prefixes_.tokens(), kMaxRequestTokens);
  spec.prefix_blocks = prefixes_.blocks(prefix_.below(prefixes_.count()));
  spec.prefix_block_tokens = kGeneratedBlockTokens;
  return true;
}

RequestSpec request_of(const TraceRow& row) {
  RequestSpec spec;
  spec.prompt = row.prompt;
  spec.output = row.output;
  spec.session = row.session;
  spec.turn = row.turn;
  spec.class_index = row.class_index;
  spec.prefix_blocks = row.prefix_blocks;
  spec.prefix_block_tokens = row.prefix_block_tokens;
  return spec;
}

bool TraceLengths::next(RequestSpec& spec) {
  const std::optional<TraceRow> row = reader_->next();
  if (!row) return false;
  spec = request_of(*row);
  if (spec.prefix_blocks.empty()) return true;
  std::vector<std::uint64_t>& kept = hashes_[turn_ ^= 1];
  kept.assign(spec.prefix_blocks.begin(), spec.prefix_blocks.end());
  spec.prefix_blocks = kept;
  return true;
}

}  // namespace headroom
