// One model replica: iteration-level continuous batching over a paged KV pool.
//
// An iteration starts when the replica is free and something may run: the batch policy plans it,
// the cost model prices it, one event ends it. Runs of equal decode iterations are one event; an
// arrival cuts the run at the next iteration boundary, exactly where the plain path would look at
// its queue again.
// Laws: KV blocks conserved; a request is in at most one batch; a replica with work always has an
// event pending; the compressed path gives the same bytes as the plain one
// (tests/laws/fast_path_test.cpp).
// Cost: O(requests in the batch) a run of iterations, no allocation once warm.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/batch_plan.h"
#include "sim/cost_model.h"
#include "sim/decode_run.h"
#include "sim/kv_pool.h"
#include "sim/prefix_cache.h"
#include "sim/replica_engine.h"
#include "sim/simulation_state.h"

namespace headroom {

class BatchPolicy;

/// What a replica is made of.
struct ReplicaSetup {
  std::unique_ptr<BatchPolicy> batch;
  /// A fresh one, for a replica that starts again; empty: it keeps the one it has.
  std::function<std::unique_ptr<BatchPolicy>()> new_batch{};
  std::string batch_name;           ///< for messages
  const CostModel* cost = nullptr;  ///< outlives the simulation
  Blocks kv_blocks{0};
  Blocks host_blocks{0};             ///< room for swapped KV
  TierBlocks kept_below{};           ///< room for prefixes that the device evicts
  BytesPerSecond disk_bandwidth{0};  ///< at which they come back from disk
  Tokens block_tokens{16};
  Tokens max_model_len{1 << 20};     ///< longest prompt + output
  Bytes block_bytes{0};              ///< of one KV block, all layers, all shards; for swap traffic
  std::int64_t pipeline_stages = 1;  ///< batches in flight at most
  Scheduling scheduling = Scheduling::in_step;
  ReplicaRole role = ReplicaRole::joint;
  TransferRules transfer{};                ///< of a decode replica
  std::vector<ReplicaFailure> failures{};  ///< not of a prefill replica
};

class Replica final : public ReplicaEngine {
 public:
  Replica(ReplicaId id, ReplicaSetup setup, SimulationState& state, RunCompression compression);
  ~Replica() override;
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;

  void enqueue(RequestSlot slot) override;
  void decide() override;
  [[nodiscard]] bool is_current(std::uint32_t generation) const override;
  void on_iteration_end(std::uint32_t generation) override;
  void on_stage_free() override { request_decision(); }
  void on_failure(const ReplicaFailure& failure) override;

  [[nodiscard]] ReplicaRole role() const override { return setup_.role; }
  [[nodiscard]] Bytes kv_bytes(Tokens tokens) const override;
  [[nodiscard]] bool could_hold(RequestSlot slot) const override;
  void offer(RequestSlot slot) override;
  void accept(Transfers& transfers) override;
  void join(RequestSlot slot) override;
  void release(const Departed& departed) override;
  [[nodiscard]] std::vector<RequestSlot> in_line() const override {
    return {offered_.begin(), offered_.end()};
  }
  void withdraw(RequestSlot slot) override;
  void call_off(RequestSlot slot) override;
  [[nodiscard]] std::vector<RequestSlot> lose_all(
      const std::vector<RequestSlot>& handed_over) override;
  void book_so_far() override;

  [[nodiscard]] std::int64_t outstanding() const override { return outstanding_; }
  [[nodiscard]] Tokens outstanding_prompt() const override { return outstanding_prompt_; }
  [[nodiscard]] std::uint64_t came() const override { return came_; }
  [[nodiscard]] std::size_t waiting() const override { return waiting_.size() + coming_.size(); }
  [[nodiscard]] std::size_t running() const override { return running_.size(); }
  [[nodiscard]] std::size_t swapped() const override { return swapped_.size(); }
  [[nodiscard]] std::int64_t in_flight() const override { return in_flight_; }
  /// O(batch) inside a compressed run.
  [[nodiscard]] Blocks used_blocks_now() const override;
  [[nodiscard]] Blocks total_blocks() const override { return kv_.total(); }
  [[nodiscard]] Tokens max_model_len() const override { return setup_.max_model_len; }
  [[nodiscard]] ReplicaTotals totals() const override;
  [[nodiscard]] bool shares_prefixes() const override { return prefixes_.has_value(); }
  [[nodiscard]] Tokens cached_prefix(RequestSlot slot) override;

 private:
  friend class BatchPlan;

  struct PrefillPart {
    RequestSlot slot;
    std::int32_t tokens;
  };
  /// One batch in flight: `iterations` equal iterations (1 unless compressed).
  struct Batch {
    std::vector<RequestSlot> decodes;
    std::vector<PrefillPart> prefills;
    std::vector<PrefillChunk> chunks;  ///< same order as `prefills`
    std::int64_t decode_context = 0;
    std::int64_t padded = 0;
    std::int64_t lookahead = 0;
    std::int64_t iterations = 1;
    std::int64_t min_remaining = 0;  ///< fewest output tokens a decode of the batch still needs
    std::uint32_t generation = 0;
    Arrivals arrivals = Arrivals::matter;
    bool active = false;
    std::int64_t prefill_tokens_before = 0;  ///< as in `BatchShape`
    /// Decodes only, one pipeline stage, nothing swapped, no prompts before that matter.
    bool compressible = false;
    Bytes host_transfer{0};
    Duration disk_wait{0};  ///< until KV has come from disk; the copy to the device follows
    Instant start;
    Instant end;
    Duration first;  ///< duration of the first iteration
    /// What its prefill adds to the wait of decoding requests; not what that of the iteration
    /// before does (`CostModel::has_memory`).
    Duration stall{0};
    DecodeRun run;  ///< of a compressible batch

    [[nodiscard]] std::size_t requests() const { return decodes.size() + prefills.size(); }
    [[nodiscard]] BatchShape shape() const;
    [[nodiscard]] std::int64_t prefill_tokens() const { return shape().prefill_tokens(); }
  };

  /// Marks the replica for a decision in this instant.
  void request_decision();
  /// A decode replica's line or room is other than before: it looks again at its next boundary.
  void look_again();
  /// A request is outstanding from now on, or no longer.
  void count_in(const LiveRequest& request) {
    ++came_;
    ++outstanding_;
    outstanding_prompt_ += Tokens(request.prompt);
  }
  void count_out(const LiveRequest& request) {
    --outstanding_;
    outstanding_prompt_ -= Tokens(request.prompt);
  }
  /// Lets requests into the queue that an overlapped scheduler sees by now: those that came before
  /// the iteration that has just ended began, and all where the replica stood idle.
  void see_arrivals();
  [[nodiscard]] bool has_requests() const;

  // Blocks.
  /// Takes n free blocks, evicting what they held; false, and nothing changed, when they are not
  /// free.
  [[nodiscard]] bool take_blocks(Blocks n);
  /// Takes all blocks of a request from it.
  void give_back_all(RequestSlot slot);
  void publish(RequestSlot slot, std::int64_t computed);

  // Planning, called by BatchPlan.
  void reuse(RequestSlot slot);
  void let_go(RequestSlot slot);
  void share_within(RequestSlot slot, std::uint64_t group, Tokens tokens);
  void order_waiting(std::span<const RequestSlot> order);
  [[nodiscard]] bool grow(LiveRequest& request, std::int64_t tokens, std::int64_t lookahead);
  [[nodiscard]] bool raise_to(LiveRequest& request, std::int64_t blocks);
  void admit(RequestSlot slot);
  void add_to_batch(RequestSlot slot, std::int32_t tokens);
  void preempt(RequestSlot slot, Preemption how);
  [[nodiscard]] bool swap_in(RequestSlot slot);
  void drop(RequestSlot slot, RejectReason reason);
  void order_running_by_arrival();
  void rotate_scheduled();

  // Starting.
  void plan_batch();
  void start_batch();
  /// What contexts that are not equal cost, in tokens of context.
  [[nodiscard]] std::int64_t skew_of(const Batch& batch) const;
  void price_batch(Batch& batch);
  [[nodiscard]] std::int64_t steady_iterations(const Batch& batch, const DecodeLine& line) const;
  void check_progress();
  // Ending.
  void cut_run();
  /// Ends the run `more` iterations after the next boundary, whatever its batch said of arrivals.
  void cut_run_now(std::int64_t more = 0);
  /// Lets a finished prompt go to another replica.
  void hand_over(RequestSlot slot);
  [[nodiscard]] Blocks joining_blocks(RequestSlot slot) const;
  [[nodiscard]] Blocks kv_of(const LiveRequest& request) const;
  [[nodiscard]] bool accepts_more();
  /// Whether the pull might decide otherwise at the next boundary although nothing ends before.
  [[nodiscard]] bool pull_is_open() const;
  void finish_iterations(Batch& batch);
  void finish_prefills(Batch& batch);
  void finish_decodes(Batch& batch);
  void leave(RequestSlot slot);
  void retire(RequestSlot slot);
  void sweep_running();
  /// Lets go of results that waited for their batch, once nobody of it runs any more.
  void release_held();
  void book(const Batch& batch);
  void push_end(Batch& batch);
  // Failing.
  /// Nothing is in flight: preempts whoever lost its KV since the last time.
  void lose_kv();
  /// Takes what it holds and has computed from a request.
  void forget(RequestSlot slot);
  /// A request leaves the device without being done, and comes back to one.
  void suspend_accounts(RequestSlot slot);
  void resume_accounts(RequestSlot slot);
  [[nodiscard]] Batch& free_batch();
  /// Blocks a request holds after its KV has grown one token at a time to `tokens`.
  [[nodiscard]] std::int64_t grown_blocks(const LiveRequest& request, std::int64_t tokens,
                                          std::int64_t lookahead) const;

  ReplicaId id_;
  ReplicaSetup setup_;
  SimulationState& state_;
  RunCompression compression_;
  KvPool kv_;
  std::optional<PrefixCache> prefixes_;  ///< nothing where prompts share nothing
  BatchPlan plan_;
  std::int64_t block_tokens_;
  bool skewed_;              ///< whether the cost model tells batches of unequal contexts apart
  bool remembers_;           ///< whether what the iteration before computed enters its prices
  std::int64_t max_blocks_;  ///< of one request

  struct Coming {
    RequestSlot slot;
    Instant since;
  };
  std::deque<Coming> coming_;  ///< not yet seen by an overlapped scheduler, in order of arrival
  Instant last_start_;         ///< of the last iteration that began
  Instant last_end_;           ///< of the last one that ended
  std::int64_t last_prefill_tokens_ = 0;  ///< of the last one that began, where prices remember
  std::deque<RequestSlot> waiting_;
  std::vector<RequestSlot> running_;
  std::vector<RequestSlot> swapped_;
  std::vector<RequestSlot> held_;    ///< done, released with their batch
  std::vector<Batch> batches_;       ///< pipeline_stages entries
  std::vector<Instant> stage_free_;  ///< when each pipeline stage can take its next batch
  Batch* planning_ = nullptr;
  std::int64_t in_flight_ = 0;
  std::int64_t outstanding_ = 0;
  Tokens outstanding_prompt_{0};
  std::uint64_t came_ = 0;
  std::uint32_t next_generation_ = 0;
  bool decision_requested_ = false;
  bool running_changed_ = false;  ///< some entry of running_ left
  /// A plan without a batch still preempted, dropped or swapped.
  bool plan_changed_something_ = false;
  Instant down_until_;  ///< nothing starts before
  std::vector<std::uint32_t>
      lost_;               ///< by failures whose iteration is still under way: one in so many
  Bytes plan_swapped_{0};  ///< since the last batch started; the next one waits for it
  Bytes plan_loaded_{0};   ///< the same for prefixes brought back
  Duration plan_disk_wait_{0};
  // Pools.
  std::deque<RequestSlot> offered_;  ///< decode: in line, their KV elsewhere
  std::int64_t handed_over_ = 0;     ///< prefill: done, their KV still here
  std::int64_t inbound_ = 0;         ///< decode: accepted, not landed
  Blocks inbound_blocks_{0};         ///< KV of those
  Blocks inbound_room_{0};           ///< taken for those
  Blocks fresh_blocks_{0};           ///< KV landed since the last batch started
  Duration stall_clock_{0};
  Instant busy_since_;
  ReplicaTotals totals_;
};

}  // namespace headroom
