// Continuous batching over a real llama.cpp: a trace replayed on a virtual clock, every call
// logged.
//
// The clock advances by the processor time of this process, which computes with one thread, so
// others on the machine cost it caches and clocks but no waiting. Requests take the lowest free
// slot in order of arrival; a slot's number is its sequence in llama.cpp. A call is composed as
// llama.cpp's server does (`together`: one token for each generating slot, then prompts in the
// order of slots up to the batch size), or in two other ways that serving systems use: prompts and
// generation in calls of their own, in turn (`in-turn`) or prompts before everything
// (`prompts-first`). Law: the log's calls and gaps add up to its clock. Not here: which traces; the
// simulated counterpart is policies/llama_cpp.cpp.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <vector>

#include "profiles/measure_plan.h"
#include "tests/validation/llama_cpp/call_log.h"
#include "tests/validation/llama_cpp/llama_library.h"

namespace headroom::llama_cpp {

/// Nanoseconds of processor time that this process has used.
[[nodiscard]] std::int64_t processor_ns();

/// Tokens `from` to `from + count` of a prompt, of which the last asks for output where `outputs`.
/// Which tokens does not matter, the arithmetic is the same.
[[nodiscard]] std::vector<LlamaEngine::Token> prompt_tokens(const LlamaEngine& engine,
                                                            std::int32_t sequence,
                                                            std::int32_t from, std::int32_t count,
                                                            bool outputs = true);

/// Calls of fixed shapes on sequences of their own, behind those of the slots: generation of few
/// and of many rows, pieces of a prompt of different lengths, for a busy machine slows them unlike.
class AnchorCalls {
 public:
  static constexpr std::int32_t kDecodes = 8;
  static constexpr std::int32_t kContext = 256;
  /// Of one prompt; all different.
  static constexpr std::array<std::int32_t, 3> kChunks{64, 32, 128};
  /// Sequences that it needs.
  static constexpr std::int32_t kSequences = kDecodes + 1;
  /// Uses `kSequences` sequences of the engine from `first` on.
  AnchorCalls(LlamaEngine& engine, std::int32_t first);
  [[nodiscard]] std::vector<AnchorCall> measure();

 private:
  struct Chain {
    std::int32_t rows, calls;
  };
  /// About equal times each.
  static constexpr std::array<Chain, 4> kChains{{{1, 8}, {2, 2}, {4, 2}, {8, 1}}};
  void generate(const Chain& chain);
  void prompt();

  LlamaEngine& engine_;
  std::int32_t first_;
  std::vector<AnchorCall> calls_{};  ///< of the anchor in progress
};

class VirtualEngine {
 public:
  /// An anchor comes at the start, at the end and behind half to one and a half times
  /// `anchor_every` microseconds of calls, at random: stalls that recur would meet a regular one
  /// always or never. 0: none.
  VirtualEngine(LlamaEngine& engine, Composition how, std::int64_t anchor_every);
  /// Serves requests in order of arrival. Requires prompt + output <= slot_tokens of each.
  [[nodiscard]] CallLog serve(const std::vector<LoggedRequest>& requests);

 private:
  struct Slot {
    std::int32_t request = -1;  ///< -1: free
    std::int32_t computed = 0;  ///< tokens in the KV cache
    std::int32_t produced = 0;  ///< output tokens so far
    std::int32_t last = 0;      ///< the newest of them
  };
  void admit();
  [[nodiscard]] bool prompts_wait() const;
  [[nodiscard]] bool generating() const;
  /// Adds what the next call computes to `parts_` and `tokens_`.
  void compose();
  void add_generating();
  void add_prompts();
  void call();
  void anchor();
  /// The last call once more, outside the clock: anchors leave other data in the caches.
  void repeat_call();
  void take_results(const std::vector<std::int32_t>& sampled, std::int64_t now);

  LlamaEngine& engine_;
  Composition how_;
  std::int64_t anchor_every_;
  std::int64_t to_anchor_ = 0;  ///< us of calls until the next
  SplitMix random_{1};
  AnchorCalls anchors_;
  CallLog log_{};
  std::vector<Slot> slots_{};
  std::deque<std::int32_t> waiting_{};
  std::size_t next_ = 0;  ///< first request that has not arrived
  std::size_t served_ = 0;
  bool last_generated_ = false;  ///< the last call held generated tokens
  std::int64_t clock_ = 0;       ///< us
  std::int64_t gap_ = 0;         ///< idle time before the next call
  std::int64_t mark_ = 0;        ///< processor time at the end of the last call, us
  std::vector<LlamaEngine::Token> tokens_{};
  std::vector<CallPart> parts_{};
};

}  // namespace headroom::llama_cpp
