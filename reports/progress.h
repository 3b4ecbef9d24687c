// One line on stderr that says how far a long simulation is.
//
// A MetricsSink that looks on. On a terminal the line appears after one second and is rewritten in
// place; elsewhere a full line is printed every 30 s; with Progress::Where::nowhere, never.
// Law: it writes to stderr only and changes nothing in the simulation: this is the one place of
// reports/ that looks at the wall clock, for reports/watch.h too.
// Cost: one clock reading per 64 finished requests.
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <optional>
#include <string>

#include "sim/metrics.h"

namespace headroom {

/// Seconds of the steady clock, since an instant of its own.
[[nodiscard]] double steady_seconds();
/// At once, not when the buffer is full.
void write_stderr(const std::string& text);
/// "simulated 12 s, 5 of 10 requests (50 %), 2.5 requests/s, 2 s left", after `elapsed` seconds;
/// `expected` 0: unknown.
[[nodiscard]] std::string progress_line(double elapsed, Instant now, std::uint64_t done,
                                        std::uint64_t expected);

class Progress final : public MetricsSink {
 public:
  enum class Where : std::uint8_t { nowhere, terminal, log };
  struct Options {
    Where where = Where::nowhere;
    std::optional<std::uint64_t> requests{};  ///< expected number, for the ETA; empty: unknown
    std::function<double()> clock{};          ///< seconds, never falling; empty: the steady clock
    std::function<void(const std::string&)> write{};  ///< empty: stderr
  };
  /// terminal if stderr is one, else log.
  [[nodiscard]] static Where detect();

  explicit Progress(Options options);
  ~Progress() override;
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void on_finished(const FinishedRequest& request) override;
  void on_rejected(const RejectedRequest& request) override;
  void on_sample(const ClusterSample& sample) override;
  /// Clears the line; called by the destructor too.
  void finish();

 private:
  void step(Instant now);
  void look(Instant now);

  Options options_;
  double start_ = 0;
  double next_ = 0;  ///< clock reading at which the next line is due
  std::uint64_t done_ = 0;
  std::uint64_t calls_ = 0;
  bool shown_ = false;  ///< a line stands on the terminal
};

}  // namespace headroom
