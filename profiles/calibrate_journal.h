// A server whose answers are kept on disk, so that a calibration that was stopped, killed or whose
// server failed goes on where it was.
//
// Law: experiments are a function of the settings and of earlier answers
// (profiles/calibrate_session.h), so a later process asks the same ones again and gets the kept
// answers, bit for bit, until it comes to the first that was never answered; an experiment that
// differs ends what is kept before it. Cost: one line an experiment, written between experiments.
// Not here: files (profiles/line_journal.h), sending (profiles/calibrate_http.h).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "profiles/calibrate_session.h"
#include "profiles/line_journal.h"

namespace headroom {

class RecordedServer final : public CompletionServer {
 public:
  /// `identity`: all that tells its answers from others' of the same experiments. Throws InputError
  /// as LineJournal does.
  RecordedServer(CompletionServer& server, std::string path, const std::string& identity);
  /// Deletes a file that keeps nothing.
  ~RecordedServer() override;
  RecordedServer(const RecordedServer&) = delete;
  RecordedServer& operator=(const RecordedServer&) = delete;

  [[nodiscard]] std::optional<std::vector<ServedRequest>> serve(
      const Experiment& experiment) override;

  /// Experiments whose answers are on disk.
  [[nodiscard]] std::size_t kept() const { return file_.lines().size(); }
  [[nodiscard]] const std::string& path() const { return file_.path(); }
  /// Deletes the file: the calibration is done, or has nothing to go on from.
  void remove() { file_.remove(); }

 private:
  CompletionServer& server_;
  LineJournal file_;
  std::size_t next_ = 0;  ///< experiments served so far
};

/// One line; the same for the same settings alone.
[[nodiscard]] std::string describe(const CalibrationSettings& settings);

}  // namespace headroom
