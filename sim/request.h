// Requests: what a source announces, what policies may see of one, what is recorded when it leaves.
//
// Law: a policy sees a request through `RequestView`, which has no way to the true output length.
#pragma once

#include <cstdint>
#include <span>

#include "sim/units.h"

namespace headroom {

/// Largest number of tokens one request may ask for; readers refuse more.
constexpr Tokens kMaxRequestTokens{1 << 28};

/// One request as a source announces it.
struct RequestSpec {
  Instant arrival;
  Tokens prompt{1};               ///< prompt length, >= 1
  Tokens output{1};               ///< true output length, >= 1; hidden from policies
  std::uint64_t session = 0;      ///< source's own label (session or client), 0 for none
  std::uint32_t turn = 0;         ///< index within its session
  std::uint32_t class_index = 0;  ///< service class, 0 unless the workload names several
  /// Chained prefix block hashes of the prompt, if the trace has them. Valid until the source's
  /// next `take`.
  std::span<const std::uint64_t> prefix_blocks{};
  Tokens prefix_block_tokens{0};  ///< tokens per entry of `prefix_blocks`
};

enum class RequestState : std::uint8_t {
  waiting,    ///< in a replica's queue
  running,    ///< holds KV blocks, in prefill or decode
  swapped,    ///< KV in host memory
  held,       ///< its tokens are done, its result is kept until its batch ends (static batching)
  migrating,  ///< between two pools: its KV waits to move or moves
  finished,
};

enum class RejectReason : std::uint8_t {
  admission,        ///< refused by the admission policy
  prompt_too_long,  ///< the prompt alone exceeds what the engine accepts
  never_fits,       ///< needs more KV blocks than the replica has
  replica_lost,     ///< its replica failed and nobody takes it up again
};
constexpr int kRejectReasons = 4;
[[nodiscard]] const char* to_string(RejectReason reason);

/// The part of a live request that every iteration touches: one cache line.
struct alignas(64) LiveRequest {
  Instant arrival;
  Instant last_token;  ///< when its newest output token came out
  std::int32_t prompt = 0;
  std::int32_t output = 0;       ///< true output length: never leaves the core
  std::int32_t predicted = 0;    ///< what a scheduler believes the output to be
  std::int32_t computed = 0;     ///< tokens whose KV exists
  std::int32_t generated = 0;    ///< output tokens produced
  std::int32_t restarted = 0;    ///< tokens to compute again since the last recomputation began
  std::int32_t blocks = 0;       ///< KV blocks held on the device
  std::int32_t host_blocks = 0;  ///< KV blocks held in host memory
  RequestState state = RequestState::waiting;
  std::uint8_t in_flight = 0;  ///< 1 while in a batch that runs
  std::uint16_t preemptions = 0;
  std::uint32_t id = 0;  ///< RequestId
  std::uint32_t class_index = 0;
  std::int32_t shared_units =
      0;  ///< units of its prompt that others may hold too (sim/prefix_cache.h)

  /// Tokens whose KV must exist before the next token can be sampled.
  [[nodiscard]] std::int32_t target() const { return prompt + generated; }
  [[nodiscard]] std::int32_t missing() const { return target() - computed; }
  /// True when exactly the last token is missing: the next step is a decode step. The last chunk of
  /// a recomputation is not, even where it is one token.
  [[nodiscard]] bool decoding() const {
    return generated > 0 && missing() == 1 && computed >= restarted;
  }
};

static_assert(sizeof(LiveRequest) == 64);

/// What a policy may see of a request.
class RequestView {
 public:
  RequestView(RequestSlot slot, const LiveRequest& request) : slot_(slot), request_(&request) {}
  [[nodiscard]] RequestSlot slot() const { return slot_; }
  [[nodiscard]] RequestId id() const { return RequestId(request_->id); }
  [[nodiscard]] Instant arrival() const { return request_->arrival; }
  [[nodiscard]] Tokens prompt() const { return Tokens(request_->prompt); }
  [[nodiscard]] Tokens generated() const { return Tokens(request_->generated); }
  [[nodiscard]] Tokens computed() const { return Tokens(request_->computed); }
  /// Tokens to compute before the next output token: the prompt at first, 1 while decoding, all of
  /// it after a preemption by recompute.
  [[nodiscard]] Tokens missing() const { return Tokens(request_->missing()); }
  [[nodiscard]] bool decoding() const { return request_->decoding(); }
  [[nodiscard]] Blocks blocks() const { return Blocks(request_->blocks); }
  [[nodiscard]] Blocks host_blocks() const { return Blocks(request_->host_blocks); }
  [[nodiscard]] bool in_flight() const { return request_->in_flight != 0; }
  [[nodiscard]] std::uint32_t class_index() const { return request_->class_index; }
  /// Output length as the scenario's predictor believes it (exact only under the `oracle`
  /// predictor).
  [[nodiscard]] Tokens predicted_output() const { return Tokens(request_->predicted); }

 private:
  RequestSlot slot_;
  const LiveRequest* request_;
};

/// A request that left the system with all its tokens.
/// Law: queued + prefill + preempted + transfer + stalled + decode == finish - arrival, to the
/// nanosecond.
struct FinishedRequest {
  RequestId id;
  ReplicaId replica;
  std::uint32_t class_index = 0;
  std::uint64_t session = 0;
  std::uint32_t turn = 0;
  Instant arrival;
  Instant first_scheduled;  ///< start of the first iteration that computed one of its tokens
  Instant first_token;
  Instant finish;
  Tokens prompt;
  Tokens output;
  Duration queued;     ///< arrival to first_scheduled
  Duration prefill;    ///< first_scheduled to first_token, less time preempted
  Duration preempted;  ///< from each preemption until it is back on the device
  Duration transfer;  ///< between pools: prompt done until KV has landed, waiting for room included
  Duration stalled;   ///< after the first token: time added by other requests' prefill
  Duration decode;    ///< the rest
  std::uint32_t preemptions = 0;

  [[nodiscard]] Duration ttft() const { return first_token - arrival; }
  [[nodiscard]] Duration end_to_end() const { return finish - arrival; }
  /// Mean time per output token after the first; 0 for a single token.
  [[nodiscard]] Duration tpot() const {
    return output.value() > 1 ? (finish - first_token) / (output.value() - 1) : Duration(0);
  }
};

/// A request that left without an answer.
struct RejectedRequest {
  RequestId id;
  std::uint32_t class_index = 0;
  Instant arrival;
  Instant when;
  Tokens prompt;
  Tokens output;
  RejectReason reason = RejectReason::admission;
};

}  // namespace headroom
