#include "tests/validation/llama_cpp/virtual_engine.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "sim/check.h"

namespace headroom::llama_cpp {
namespace {

std::int32_t prompt_token(std::int32_t request, std::int32_t position, std::int32_t vocabulary) {
  return (request * 7919 + position * 104'729 + 1) % vocabulary;
}

}  // namespace

std::int64_t processor_ns() {
  std::timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

std::vector<LlamaEngine::Token> prompt_tokens(const LlamaEngine& engine, std::int32_t sequence,
                                              std::int32_t from, std::int32_t count, bool outputs) {
  std::vector<LlamaEngine::Token> tokens;
  for (std::int32_t position = from; position < from + count; ++position)
    tokens.push_back({sequence, position, prompt_token(1, position, engine.vocabulary()),
                      static_cast<std::int8_t>(outputs && position + 1 == from + count ? 1 : 0)});
  return tokens;
}

AnchorCalls::AnchorCalls(LlamaEngine& engine, std::int32_t first) : engine_(engine), first_(first) {
  static_cast<void>(engine.compute(prompt_tokens(engine, first, 0, kContext)));
  const std::vector<std::uint8_t> state = engine.state(first);
  for (std::int32_t i = 1; i < kDecodes; ++i) engine.restore(first + i, state);
}

std::vector<AnchorCall> AnchorCalls::measure() {
  calls_.clear();
  for (const Chain& chain : kChains) generate(chain);
  prompt();
  return std::move(calls_);
}

/// The first call of a chain, which follows other work, is not counted.
void AnchorCalls::generate(const Chain& chain) {
  std::int64_t mark = 0;
  for (std::int32_t step = 0; step <= chain.calls; ++step) {
    std::vector<LlamaEngine::Token> tokens;
    for (std::int32_t i = 0; i < chain.rows; ++i)
      tokens.push_back({first_ + i, kContext + step, 1 + i, 1});
    static_cast<void>(engine_.compute(tokens));
    const std::int64_t now = processor_ns() / 1000;
    if (step > 0) calls_.push_back({true, chain.rows, now - mark});
    mark = now;
  }
  for (std::int32_t i = 0; i < chain.rows; ++i) engine_.forget(first_ + i, kContext);
}

void AnchorCalls::prompt() {
  const std::int32_t sequence = first_ + kDecodes;
  std::int32_t from = 0;
  for (const std::int32_t count : kChunks) {
    const std::int64_t mark = processor_ns() / 1000;
    static_cast<void>(engine_.compute(prompt_tokens(engine_, sequence, from, count)));
    calls_.push_back({false, count, processor_ns() / 1000 - mark});
    from += count;
  }
  engine_.forget(sequence, 0);
}

VirtualEngine::VirtualEngine(LlamaEngine& engine, Composition how, std::int64_t anchor_every)
    : engine_(engine),
      how_(std::move(how)),
      anchor_every_(anchor_every),
      anchors_(engine, how_.slots) {
  slots_.resize(static_cast<std::size_t>(how_.slots));
}

CallLog VirtualEngine::serve(const std::vector<LoggedRequest>& requests) {
  for (const LoggedRequest& request : requests)
    SIM_CHECK(request.prompt + request.output <= how_.slot_tokens, "a request fits its slot");
  log_ = {};
  log_.composition = how_;
  log_.requests = requests;
  clock_ = gap_ = 0;
  next_ = served_ = 0;
  last_generated_ = false;
  random_ = SplitMix(1);
  if (anchor_every_ > 0) anchor();
  mark_ = processor_ns() / 1000;
  while (served_ < requests.size()) {
    admit();
    if (!generating() && !prompts_wait()) {
      const std::int64_t arrival = requests[next_].arrival;
      gap_ += arrival - clock_;
      clock_ = arrival;
      continue;
    }
    call();
    const bool due = to_anchor_ <= 0 || served_ == requests.size();
    if (anchor_every_ <= 0 || !due) continue;
    anchor();
    repeat_call();
    mark_ = processor_ns() / 1000;
  }
  return std::move(log_);
}

void VirtualEngine::anchor() {
  log_.anchors.push_back({std::ssize(log_.calls), anchors_.measure()});
  const auto every = static_cast<std::uint64_t>(anchor_every_);
  to_anchor_ = anchor_every_ / 2 + static_cast<std::int64_t>(random_.next() % every);
}

void VirtualEngine::admit() {
  while (next_ < log_.requests.size() && log_.requests[next_].arrival <= clock_)
    waiting_.push_back(static_cast<std::int32_t>(next_++));
  for (Slot& slot : slots_) {
    if (waiting_.empty()) return;
    if (slot.request >= 0) continue;
    slot = {waiting_.front(), 0, 0, 0};
    waiting_.pop_front();
  }
}

bool VirtualEngine::prompts_wait() const {
  return std::any_of(slots_.begin(), slots_.end(),
                     [](const Slot& slot) { return slot.request >= 0 && slot.produced == 0; });
}

bool VirtualEngine::generating() const {
  return std::any_of(slots_.begin(), slots_.end(),
                     [](const Slot& slot) { return slot.request >= 0 && slot.produced > 0; });
}

void VirtualEngine::add_generating() {
  for (std::size_t s = 0; s < slots_.size(); ++s) {
    const Slot& slot = slots_[s];
    if (slot.request < 0 || slot.produced == 0) continue;
    tokens_.push_back({static_cast<std::int32_t>(s), slot.computed, slot.last, 1});
    parts_.push_back({slot.request, 1});
  }
}

void VirtualEngine::add_prompts() {
  for (std::size_t s = 0; s < slots_.size(); ++s) {
    const Slot& slot = slots_[s];
    if (slot.request < 0 || slot.produced > 0) continue;
    const std::int32_t prompt = log_.requests[static_cast<std::size_t>(slot.request)].prompt;
    const std::int32_t room = how_.batch - static_cast<std::int32_t>(tokens_.size());
    const std::int32_t count = std::min(room, prompt - slot.computed);
    if (count <= 0) return;
    for (std::int32_t i = 0; i < count; ++i) {
      const std::int32_t position = slot.computed + i;
      tokens_.push_back({static_cast<std::int32_t>(s), position,
                         prompt_token(slot.request, position, engine_.vocabulary()),
                         static_cast<std::int8_t>(position + 1 == prompt ? 1 : 0)});
    }
    parts_.push_back({slot.request, count});
  }
}

void VirtualEngine::compose() {
  tokens_.clear();
  parts_.clear();
  const bool prompts = prompts_wait();
  const bool apart = how_.order != "together";
  const bool prompts_now =
      prompts && (how_.order == "prompts-first" || last_generated_ || !generating());
  if (!apart || !prompts_now) add_generating();
  last_generated_ = !tokens_.empty();
  if (!apart || prompts_now) add_prompts();
}

void VirtualEngine::call() {
  compose();
  const std::vector<std::int32_t> sampled = engine_.compute(tokens_);
  const std::int64_t now = processor_ns() / 1000;
  const std::int64_t duration = now - mark_;
  mark_ = now;
  clock_ += duration;
  to_anchor_ -= duration;
  log_.calls.push_back({gap_, duration, parts_});
  gap_ = 0;
  take_results(sampled, clock_);
}

void VirtualEngine::repeat_call() {
  const auto left = [this](const LlamaEngine::Token& token) {
    return slots_[static_cast<std::size_t>(token.sequence)].request < 0;
  };
  std::erase_if(tokens_, left);
  if (tokens_.empty()) return;
  for (std::size_t i = tokens_.size(); i-- > 0;)
    engine_.forget(tokens_[i].sequence, tokens_[i].position);
  static_cast<void>(engine_.compute(tokens_));
}

void VirtualEngine::take_results(const std::vector<std::int32_t>& sampled, std::int64_t now) {
  std::size_t result = 0;
  for (const LlamaEngine::Token& token : tokens_) {
    Slot& slot = slots_[static_cast<std::size_t>(token.sequence)];
    ++slot.computed;
    if (token.wants_output == 0) continue;
    LoggedRequest& request = log_.requests[static_cast<std::size_t>(slot.request)];
    slot.last = sampled[result++];
    if (slot.produced++ == 0) request.first_token = now;
    if (slot.produced < request.output) continue;
    request.finish = now;
    ++served_;
    engine_.forget(token.sequence, 0);
    slot.request = -1;
  }
}

}  // namespace headroom::llama_cpp
