// A replica whose pipeline stages each keep their own FIFO queues, as DistServe's simulator has it.
//
// Source: Zhong et al., "DistServe", OSDI 2024, and its released simulator `simdistserve`: a worker
// per pipeline stage, non-preemptive; prefill before decode; stage 0 forms prefill batches up to a
// token capacity, later stages take one such batch at a time; decode steps take whatever is queued
// within a token budget, so batches may merge on the way. There is no KV accounting. With one stage
// this is the same system as `Replica` under the policy `simdistserve`
// (tests/oracle/simdistserve_test.cpp holds both to the same published runs).
// Law: a request is in one queue or one step.
// Cost: O(requests in the step) an event; no compression of runs.
#pragma once

#include <deque>
#include <vector>

#include "sim/cost_model.h"
#include "sim/replica_engine.h"
#include "sim/simulation_state.h"

namespace headroom {

struct StageQueuesSetup {
  /// Cost of a step on each pipeline stage; outlive the simulation.
  std::vector<const CostModel*> stages;
  Tokens prefill_capacity{66'144};  ///< prompt tokens of one prefill step at most
  /// Sum of contexts, new tokens included, of one decode step at most.
  Tokens decode_budget{50'000};
  /// Prefill and decode replicas apart, as in DistServe's disaggregated runs: finished prompts move
  /// in no time and are never refused, for there is no KV.
  ReplicaRole role = ReplicaRole::joint;
};

class StageQueues final : public ReplicaEngine {
 public:
  StageQueues(ReplicaId id, StageQueuesSetup setup, SimulationState& state);

  void enqueue(RequestSlot slot) override;
  void decide() override;
  [[nodiscard]] bool is_current(std::uint32_t stage) const override;
  void on_iteration_end(std::uint32_t index) override;
  void on_stage_free() override {}
  [[nodiscard]] ReplicaRole role() const override { return setup_.role; }
  [[nodiscard]] Bytes kv_bytes(Tokens /*tokens*/) const override { return Bytes(0); }
  [[nodiscard]] bool could_hold(RequestSlot /*slot*/) const override { return true; }
  void offer(RequestSlot slot) override;
  void accept(Transfers& transfers) override;
  void join(RequestSlot slot) override;
  void release(const Departed& departed) override;
  // They never fail.
  [[nodiscard]] std::vector<RequestSlot> in_line() const override { return offered_; }
  void withdraw(RequestSlot slot) override;
  void call_off(RequestSlot slot) override;
  [[nodiscard]] std::vector<RequestSlot> lose_all(
      const std::vector<RequestSlot>& handed_over) override;
  [[nodiscard]] std::int64_t outstanding() const override { return outstanding_; }
  [[nodiscard]] Tokens outstanding_prompt() const override { return outstanding_prompt_; }
  [[nodiscard]] std::uint64_t came() const override { return came_; }
  /// Before the first stage: prompts, and on a decode replica requests.
  [[nodiscard]] std::size_t waiting() const override;
  [[nodiscard]] std::size_t running() const override;
  [[nodiscard]] std::size_t swapped() const override { return 0; }
  [[nodiscard]] std::int64_t in_flight() const override { return busy_stages_; }
  [[nodiscard]] Blocks used_blocks_now() const override { return Blocks(0); }
  [[nodiscard]] Blocks total_blocks() const override { return Blocks(0); }
  [[nodiscard]] Tokens max_model_len() const override { return kMaxRequestTokens * 2; }
  [[nodiscard]] ReplicaTotals totals() const override { return totals_; }

 private:
  struct Prompt {
    RequestSlot slot;
    std::uint64_t batch = 0;  ///< prompts taken together at stage 0 stay together
  };
  struct Stage {
    std::deque<Prompt> prefill;
    std::deque<RequestSlot> decode;
    std::vector<RequestSlot> step;  ///< requests of the running step
    std::uint64_t step_batch = 0;   ///< prefill: its batch number
    bool step_is_prefill = false;
    bool busy = false;
    std::int64_t prefill_tokens_before = 0;  ///< of the step before the running one
  };

  void start_step(std::size_t index);
  void take_prompts(std::size_t index);
  void take_decodes(Stage& stage) const;
  void price_step(std::size_t index);
  void first_token(RequestSlot slot);
  void next_token(RequestSlot slot);
  void leave(RequestSlot slot);
  void request_decision();

  ReplicaId id_;
  StageQueuesSetup setup_;
  SimulationState& state_;
  std::vector<Stage> stages_;
  std::vector<RequestSlot> offered_;
  std::vector<PrefillChunk> chunks_;  ///< scratch
  std::uint64_t next_batch_ = 0;
  std::int64_t busy_stages_ = 0;
  std::uint64_t came_ = 0;
  std::int64_t outstanding_ = 0;
  Tokens outstanding_prompt_{0};
  bool decision_requested_ = false;
  Instant busy_since_;
  ReplicaTotals totals_;
};

}  // namespace headroom
