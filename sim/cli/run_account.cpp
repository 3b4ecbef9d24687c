#include "sim/cli/run_account.h"

#include <algorithm>

namespace headroom {

RequestSpec PrefixWatch::take() {
  const RequestSpec request = source_.take();
  std::int64_t shared = 0;
  bool leading = true;
  for (const std::uint64_t block : request.prefix_blocks) {
    const bool full = seen_.size() >= kMostBlocks;
    const bool known = full || !seen_.insert(block).second;
    leading = leading && known;
    if (leading) shared += request.prefix_block_tokens.value();
  }
  // A later turn repeats its session's history; without hashes all of it may be shared.
  if (request.prefix_blocks.empty() && request.turn > 0) shared = request.prompt.value();
  shared = std::min(shared, request.prompt.value());
  if (shared > 0) {
    shared_.resize(taken_ + std::size_t{1}, 0);
    shared_[taken_] = static_cast<std::uint32_t>(shared);
  }
  ++taken_;
  return request;
}

Tokens PrefixWatch::shared(RequestId id) const {
  return Tokens(id.index() < shared_.size() ? shared_[id.index()] : 0);
}

void RunAccount::on_finished(const FinishedRequest& request) {
  work_.add(request.prompt, request.output, std::min(prefixes_.shared(request.id), request.prompt));
}

void RunAccount::on_iterations(const IterationRun& run) {
  if (run.replica.index() >= phases_.size()) return;
  Phases& phases = phases_[run.replica.index()];
  (run.prefill_tokens > 0 ? phases.prefill : phases.decode) += run.end - run.start;
}

}  // namespace headroom
