// A live view of a long run on a terminal: how far it is, queues and KV over simulated time,
// latencies so far; redrawn in place a few times a second and gone when the run ends.
//
// Law: it writes to stderr only and changes nothing in the simulation; no line is wider than 80
// columns. Like the progress line it looks at the wall clock (reports/progress.h).
// Cost: one clock reading per 64 finished requests, two histograms.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sim/histogram.h"
#include "sim/metrics.h"

namespace headroom {

class Watch final : public MetricsSink {
 public:
  struct Options {
    std::string title;
    std::uint64_t requests = 0;     ///< expected; 0: unknown
    std::function<double()> clock;  ///< seconds, never falling
    std::function<void(const std::string&)> write;
  };
  /// On stderr, by the steady clock.
  [[nodiscard]] static Options on_terminal(std::string title, std::uint64_t requests);

  explicit Watch(Options options);
  ~Watch() override;
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  void on_finished(const FinishedRequest& request) override;
  void on_rejected(const RejectedRequest& request) override;
  void on_sample(const ClusterSample& sample) override;
  /// Clears the view; called by the destructor too.
  void finish();
  /// What stands on the terminal, a line each.
  [[nodiscard]] std::vector<std::string> picture(double elapsed) const;

 private:
  void step(Instant now);
  void draw(double elapsed);

  Options options_;
  double start_ = 0, next_ = 0;
  std::uint64_t finished_ = 0, rejected_ = 0, calls_ = 0;
  std::size_t drawn_ = 0;  ///< lines that stand on the terminal
  Instant now_;
  LogHistogram ttft_, tpot_;
  std::vector<ClusterSample> samples_;  ///< thinned to at most twice the columns
  std::size_t stride_ = 1, skipped_ = 0;
};

}  // namespace headroom
