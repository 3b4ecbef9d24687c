// What a run's report needs beside Metrics, gathered while it runs.
//
// Law: looks on, changes nothing.
// Cost: O(1) a request and a run of iterations; where prompts share prefixes, 8 bytes a distinct
// block up to kMostBlocks and 4 bytes a request.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "models/lower_bound.h"
#include "sim/metrics.h"
#include "sim/request_source.h"

namespace headroom {

/// Passes a source's requests on and notes how much of each prompt an earlier one had already.
class PrefixWatch final : public RequestSource {
 public:
  explicit PrefixWatch(RequestSource& source) : source_(source) {}
  [[nodiscard]] Instant next_arrival() const override { return source_.next_arrival(); }
  [[nodiscard]] RequestSpec take() override;
  void on_left(const RequestSpec& request, Instant when) override {
    source_.on_left(request, when);
  }
  /// Leading prompt tokens that an earlier request had, at most; never less than the truth.
  [[nodiscard]] Tokens shared(RequestId id) const;

 private:
  /// Distinct blocks beyond which every further one counts as seen: the bound stays a bound.
  static constexpr std::size_t kMostBlocks = std::size_t{1} << 22;
  RequestSource& source_;
  std::set<std::uint64_t> seen_;
  std::vector<std::uint32_t> shared_;  ///< by request id, as far as any was above 0
  std::uint32_t taken_ = 0;
};

/// Device-time by activity and the unavoidable work of what was served.
class RunAccount final : public MetricsSink {
 public:
  RunAccount(const LoadWork& empty, const PrefixWatch& prefixes, std::size_t replicas)
      : work_(empty), prefixes_(prefixes), phases_(replicas) {}
  void on_finished(const FinishedRequest& request) override;
  void on_iterations(const IterationRun& run) override;

  struct Phases {
    Duration prefill{0};  ///< in iterations with any prefill
    Duration decode{0};
  };
  [[nodiscard]] const LoadWork& work() const { return work_; }
  [[nodiscard]] const std::vector<Phases>& phases() const { return phases_; }

 private:
  LoadWork work_;
  const PrefixWatch& prefixes_;
  std::vector<Phases> phases_;
};

}  // namespace headroom
