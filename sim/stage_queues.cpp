#include "sim/stage_queues.h"

#include <utility>

#include "sim/check.h"
#include "sim/transfer.h"

namespace headroom {

StageQueues::StageQueues(ReplicaId id, StageQueuesSetup setup, SimulationState& state)
    : id_(id), setup_(std::move(setup)), state_(state), stages_(setup_.stages.size()) {
  SIM_CHECK(!stages_.empty(), "a replica has at least one stage");
}

void StageQueues::request_decision() {
  if (decision_requested_) return;
  decision_requested_ = true;
  state_.ready.push_back(id_);
}

void StageQueues::enqueue(RequestSlot slot) {
  state_.requests.history(slot).replica = id_;
  state_.record(Milestone::routed, slot);
  stages_.front().prefill.push_back({slot, 0});
  ++came_;
  ++outstanding_;
  outstanding_prompt_ += Tokens(state_.requests[slot].prompt);
  request_decision();
}

std::size_t StageQueues::running() const {
  return static_cast<std::size_t>(outstanding_) - waiting();
}

std::size_t StageQueues::waiting() const {
  const Stage& first = stages_.front();
  return setup_.role == ReplicaRole::decode ? offered_.size() + first.decode.size()
                                            : first.prefill.size();
}

void StageQueues::offer(RequestSlot slot) {
  offered_.push_back(slot);
  ++came_;
  ++outstanding_;
  outstanding_prompt_ += Tokens(state_.requests[slot].prompt);
  request_decision();
}

void StageQueues::accept(Transfers& transfers) {
  for (const RequestSlot slot : offered_) transfers.start(slot, id_, Blocks(0));
  offered_.clear();
}

void StageQueues::join(RequestSlot slot) {
  state_.requests[slot].state = RequestState::running;
  stages_.front().decode.push_back(slot);
}

void StageQueues::release(const Departed& departed) {
  --outstanding_;
  outstanding_prompt_ -= Tokens(state_.requests[departed.slot].prompt);
}

bool StageQueues::is_current(std::uint32_t stage) const { return stages_[stage].busy; }

void StageQueues::decide() {
  decision_requested_ = false;
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    if (!stages_[i].busy) start_step(i);
  }
}

void StageQueues::start_step(std::size_t index) {
  Stage& stage = stages_[index];
  if (stage.prefill.empty() && stage.decode.empty()) return;
  stage.step.clear();
  stage.step_is_prefill = !stage.prefill.empty();
  if (stage.step_is_prefill) {
    take_prompts(index);
  } else {
    take_decodes(stage);
  }
  stage.busy = true;
  if (busy_stages_++ == 0) busy_since_ = state_.now();
  price_step(index);
}

void StageQueues::take_prompts(std::size_t index) {
  Stage& stage = stages_[index];
  if (index > 0) {
    stage.step_batch = stage.prefill.front().batch;
    while (!stage.prefill.empty() && stage.prefill.front().batch == stage.step_batch) {
      stage.step.push_back(stage.prefill.front().slot);
      stage.prefill.pop_front();
    }
    return;
  }
  stage.step_batch = ++next_batch_;
  Tokens room = setup_.prefill_capacity;
  while (!stage.prefill.empty()) {
    const RequestSlot slot = stage.prefill.front().slot;
    const Tokens prompt(state_.requests[slot].prompt);
    // A prompt beyond the whole capacity runs alone; the original would wait for ever.
    if (prompt > room && !stage.step.empty()) return;
    room -= prompt;
    stage.step.push_back(slot);
    stage.prefill.pop_front();
    state_.requests.history(slot).first_scheduled = state_.now();
    state_.record(Milestone::scheduled, slot);
  }
}

void StageQueues::take_decodes(Stage& stage) const {
  Tokens room = setup_.decode_budget;
  while (!stage.decode.empty()) {
    const RequestSlot slot = stage.decode.front();
    const Tokens context(state_.requests[slot].target());
    if (context > room && !stage.step.empty()) return;
    room -= context;
    stage.step.push_back(slot);
    stage.decode.pop_front();
  }
}

void StageQueues::price_step(std::size_t index) {
  Stage& stage = stages_[index];
  BatchShape shape;
  chunks_.clear();
  for (const RequestSlot slot : stage.step) {
    const LiveRequest& request = state_.requests[slot];
    if (stage.step_is_prefill) {
      chunks_.push_back({request.prompt, 0, 1});
    } else {
      ++shape.decodes;
      shape.decode_context += request.target();
    }
  }
  shape.prefills = chunks_;
  shape.prefill_tokens_before = std::exchange(stage.prefill_tokens_before, shape.prefill_tokens());
  const Duration lasts = setup_.stages[index]->price(shape).stage;
  setup_.stages[index]->charge(shape, state_.metrics.ledger);
  if (index == 0) {
    ++totals_.iterations;
    totals_.batched_requests += static_cast<std::int64_t>(stage.step.size());
    totals_.decode_tokens += shape.decodes;
    if (stage.step_is_prefill) ++totals_.prefill_iterations;
    totals_.prefill_tokens += shape.prefill_tokens();
  }
  state_.queue.push(state_.now() + lasts, Phase::completion, EventKind::iteration_end, id_.index(),
                    static_cast<std::uint32_t>(index));
}

void StageQueues::on_iteration_end(std::uint32_t index) {
  Stage& stage = stages_[index];
  stage.busy = false;
  if (--busy_stages_ == 0) totals_.busy += state_.now() - busy_since_;
  const bool last = index + 1 == stages_.size();
  for (const RequestSlot slot : stage.step) {
    if (last && stage.step_is_prefill) {
      first_token(slot);
    } else if (last) {
      next_token(slot);
    } else if (stage.step_is_prefill) {
      stages_[index + 1].prefill.push_back({slot, stage.step_batch});
    } else {
      stages_[index + 1].decode.push_back(slot);
    }
  }
  request_decision();
}

void StageQueues::first_token(RequestSlot slot) {
  LiveRequest& request = state_.requests[slot];
  request.computed = request.prompt;
  request.generated = 1;
  request.last_token = state_.now();
  state_.requests.history(slot).first_token = state_.now();
  state_.record(Milestone::first_token, slot);
  if (request.generated >= request.output) return leave(slot);
  if (setup_.role == ReplicaRole::prefill) {
    request.state = RequestState::migrating;
    state_.requests.history(slot).handed_over = state_.now();
    ++totals_.handed_over;
    state_.handed_over.push_back(slot);
    return;
  }
  stages_.front().decode.push_back(slot);
}

void StageQueues::next_token(RequestSlot slot) {
  LiveRequest& request = state_.requests[slot];
  ++request.computed;
  ++request.generated;
  state_.metrics.token_gaps.add((state_.now() - request.last_token).value());
  request.last_token = state_.now();
  if (request.generated >= request.output) return leave(slot);
  stages_.front().decode.push_back(slot);
}

void StageQueues::leave(RequestSlot slot) {
  --outstanding_;
  outstanding_prompt_ -= Tokens(state_.requests[slot].prompt);
  ++totals_.finished;
  state_.finish(slot);
}

namespace {

[[noreturn]] void no_failures(const char* asked) {
  law_broken("DistServe's simulator knows no failures", asked, __FILE__, __LINE__);
}

}  // namespace

void StageQueues::withdraw(RequestSlot /*slot*/) { no_failures("withdraw"); }
void StageQueues::call_off(RequestSlot /*slot*/) { no_failures("call_off"); }
std::vector<RequestSlot> StageQueues::lose_all(const std::vector<RequestSlot>& /*handed_over*/) {
  no_failures("lose_all");
}

}  // namespace headroom
