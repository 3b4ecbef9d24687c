// What `headroom validate --resume FILE` has found so far: one line a result, added as soon
// as it is there.
//
// Law: that of profiles/line_journal.h, but for power cuts; a recalled result equals the one that
// was kept, bit for bit; a file that another build, other options or changed inputs wrote is
// refused, not mixed in. Cost: one write a point. May be used from several threads.
// Not here: what a result is told by (sim/cli/validate_run.cpp, validate_open.cpp).
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "profiles/line_journal.h"
#include "reports/validation.h"
#include "sim/cli/validate_plan.h"

namespace headroom {

/// What results depend on beside the point: this build, the habits, the files that these name.
[[nodiscard]] std::string validate_identity(const BenchmarkHabits& habits);

class PointJournal {
 public:
  /// Throws InputError as LineJournal does.
  PointJournal(std::string path, const std::string& identity);

  /// Lays what an earlier call found over `result`; false where it has not come so far. `what`
  /// ran: all that tells its result from others'.
  [[nodiscard]] bool recall(std::string_view what, ValidatedPoint& result) const;
  /// Throws InputError where the file cannot grow.
  void keep(std::string_view what, const ValidatedPoint& result);
  [[nodiscard]] std::size_t size() const;

 private:
  LineJournal file_;
  mutable std::mutex mutex_;
  std::map<std::uint64_t, std::string> lines_;  ///< results by what ran
};

}  // namespace headroom
