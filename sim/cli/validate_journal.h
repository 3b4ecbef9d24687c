// What `headroom validate --resume FILE` has found so far: one line a result, added as soon
// as it is there.
//
// Law: a recalled result equals the one that was kept, bit for bit; after a kill the file holds
// whole lines, and what was torn is cut off when it is opened again; a file that another build,
// other options or changed inputs wrote is refused, not mixed in. Two processes never write one.
// Cost: one write a point. May be used from several threads.
// Not here: what a result is told by (sim/cli/validate_run.cpp, validate_open.cpp).
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "reports/validation.h"
#include "sim/cli/validate_plan.h"

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

  /// Lays what an earlier call found over `result`; false where it has not come so far. `what`
  /// ran: all that tells its result from others'.
  [[nodiscard]] bool recall(std::string_view what, ValidatedPoint& result) const;
  /// Throws InputError where the file cannot grow.
  void keep(std::string_view what, const ValidatedPoint& result);
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
