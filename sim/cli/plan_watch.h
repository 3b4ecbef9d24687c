// Counts misses of every service level as requests leave, and ends a run that cannot hold any more.
//
// Law: says "holds" of exactly the runs whose report says that the service levels are met.
// Cost: O(limits) a request.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/cli/plan_load.h"
#include "sim/metrics.h"
#include "sim/scenario.h"

namespace headroom {

class MissWatch final : public MetricsSink {
 public:
  /// Which metrics count, and of how many requests: the first `first` (0: all) of the load.
  struct Scope {
    bool ttft = true, tpot = true, end_to_end = true;
    std::uint64_t first = 0;
    bool may_cut = true;  ///< stop once too many have missed
  };
  /// `stop`, which may be null, ends the run too.
  MissWatch(const SloSpec& slo, const PlanLoad& load, const Scope& scope,
            const std::atomic<bool>* stop);
  void on_finished(const FinishedRequest& request) override;
  void on_rejected(const RejectedRequest& request) override;
  [[nodiscard]] const std::atomic<bool>* stop() const { return &stop_; }
  [[nodiscard]] bool cut() const { return cut_; }
  [[nodiscard]] std::uint64_t met() const { return met_; }
  [[nodiscard]] std::uint64_t seen() const { return seen_; }
  /// Every limit was held by as many as it asks for; requests that never left count as misses.
  [[nodiscard]] bool holds() const;
  /// The limit with the least share held beyond the share asked for, and that difference.
  struct Slack {
    double slack = 1;
    std::string limit;
  };
  [[nodiscard]] Slack worst() const;

 private:
  enum Part { kTtft, kTpot, kEndToEnd, kParts };
  struct Criterion {
    std::string name;  ///< empty: of several parts together
    std::array<std::optional<Duration>, kParts> limits{};
    std::optional<std::uint32_t> request_class{};
    double share = 1;
    std::uint64_t requests = 0, allowed = 0, seen = 0, missed = 0;
    std::array<std::uint64_t, kParts> misses{};  ///< of each part
  };
  void add(Criterion criterion, const PlanLoad& load, const Scope& scope);
  void count(std::uint32_t request_class, const std::array<Duration, kParts>& times);
  [[nodiscard]] static std::uint64_t all_missed(const Criterion& criterion);

  std::vector<Criterion> criteria_;
  bool may_cut_;
  const std::atomic<bool>* outer_;
  std::atomic<bool> stop_{false};
  bool cut_ = false;
  std::uint64_t met_ = 0, seen_ = 0;
};

}  // namespace headroom
