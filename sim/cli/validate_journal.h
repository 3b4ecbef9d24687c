// What `headroom validate --resume FILE` has found so far: one line a point, added as soon as the
// point is simulated.
//
// Law: a recalled result equals the one that was kept, bit for bit; after a kill the file holds
// whole lines, and what was torn is cut off when it is opened again; a file that another build,
// other options or changed inputs wrote is refused, not mixed in. Two processes never write one.
// Cost: one write a point. May be used from several threads.
// Not here: runs of many requests and forward passes, which take a second in all.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "reports/validation.h"
#include "sim/cli/validate_plan.h"
#include "traces/serving_points.h"

namespace headroom {

/// What results depend on beside the point: this build, the habits, the files that these name.
[[nodiscard]] std::string validate_identity(const BenchmarkHabits& habits);

class PointJournal {
 public:
  /// Opens or creates, and locks. Throws InputError: another identity, in use, not ours, not
  /// writable.
  PointJournal(std::string path, const std::string& identity);
  ~PointJournal();
  PointJournal(const PointJournal&) = delete;
  PointJournal& operator=(const PointJournal&) = delete;

  /// Lays what an earlier call found over `result`; false where it has not come so far.
  [[nodiscard]] bool recall(const ServingPoint& point, ValidatedPoint& result) const;
  /// Throws InputError where the file cannot grow.
  void keep(const ServingPoint& point, const ValidatedPoint& result);
  [[nodiscard]] std::size_t size() const;

 private:
  void recover(const std::string& header);
  void write_line(const std::string& payload);

  std::string path_;
  int file_ = -1;
  mutable std::mutex mutex_;
  std::map<std::uint64_t, std::string> lines_;  ///< results by what ran
};

}  // namespace headroom
