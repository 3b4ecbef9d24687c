// A serving engine with known costs: iteration-level batching on a clock that its caller moves.
//
// Requests pass a front end, are taken in at the end of a step, and get their first token from the
// step that computes their prompt; every later step gives each of them one more. Law: times follow
// from the costs and the arrivals alone.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <utility>
#include <vector>

namespace headroom::known {

struct Costs {
  double base = 8e-3, per_decode = 1e-3, per_context = 2e-6;  ///< a step with decodes
  double alone = 100e-3, beside = 60e-3;  ///< a step's prompts, without and with decodes
  double per_prompt_token = 8e-5;
  double ingest = 50e-3, ingest_per_token = 6e-5;
  std::size_t most_running = 1000;
};

class Engine {
 public:
  explicit Engine(const Costs& costs) : costs_(costs) {}

  struct Token {
    std::size_t request = 0;
    bool last = false;
  };

  void submit(std::size_t request, double now, std::int64_t prompt, std::int64_t output) {
    waiting_.push_back({request,
                        now + costs_.ingest + costs_.ingest_per_token * static_cast<double>(prompt),
                        prompt, output, 0});
    std::stable_sort(waiting_.begin(), waiting_.end(),
                     [](const Running& a, const Running& b) { return a.ready < b.ready; });
  }

  /// When something happens next; infinity when nothing will.
  [[nodiscard]] double next() const {
    if (in_step_) return end_;
    return waiting_.empty() ? std::numeric_limits<double>::infinity()
                            : std::max(end_, waiting_.front().ready);
  }

  /// What happens at `next()`: the tokens of the step that ends then.
  std::vector<Token> advance() {
    const double now = next();
    std::vector<Token> tokens;
    if (in_step_) {
      for (Running& request : running_)
        tokens.push_back({request.id, ++request.made >= request.output});
      std::erase_if(running_, [](const Running& r) { return r.made >= r.output; });
    }
    begin_step(now);
    return tokens;
  }

  [[nodiscard]] double step(double decodes, double context) const {
    return costs_.base + costs_.per_decode * decodes + costs_.per_context * context;
  }

 private:
  struct Running {
    std::size_t id = 0;
    double ready = 0;
    std::int64_t prompt = 0, output = 0, made = 0;
  };

  void begin_step(double now) {
    double decodes = 0, context = 0, prompts = 0;
    for (const Running& request : running_) {
      decodes += 1;
      context += static_cast<double>(request.prompt + request.made);
    }
    bool any_prompt = false;
    while (!waiting_.empty() && waiting_.front().ready <= now &&
           running_.size() < costs_.most_running) {
      prompts += static_cast<double>(waiting_.front().prompt);
      any_prompt = true;
      running_.push_back(waiting_.front());
      waiting_.pop_front();
    }
    in_step_ = !running_.empty();
    double cost = decodes > 0 ? step(decodes, context) : 0;
    if (any_prompt)
      cost += (decodes > 0 ? costs_.beside : costs_.alone) + costs_.per_prompt_token * prompts;
    end_ = now + cost;
  }

  Costs costs_;
  std::deque<Running> waiting_{};
  std::vector<Running> running_{};
  bool in_step_ = false;
  double end_ = 0;
};

}  // namespace headroom::known
