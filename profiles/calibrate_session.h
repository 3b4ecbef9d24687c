// A calibration's way through its experiments on one server.
//
// Law: requests are those of the plan; only the moments of late requests follow from what was seen,
// so that the time at which the server takes a request in is halved in on. A stop ends it between
// two experiments or within one; profiles/calibrate_journal.h keeps what was answered.
// Cost: the server's time.
// Not here: HTTP (profiles/calibrate_http.h), fitting (profiles/calibrate_model.h).
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <stdexcept>
#include <vector>

#include "profiles/calibrate_model.h"
#include "profiles/calibrate_plan.h"

namespace headroom {

/// A server did not answer as a streaming completions server does; the whole line for people.
class ServerFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class CompletionServer {
 public:
  virtual ~CompletionServer() = default;
  /// Sends the requests of one experiment and waits for all of them. Nothing when stopped. Throws
  /// ServerFailure.
  [[nodiscard]] virtual std::optional<std::vector<ServedRequest>> serve(
      const Experiment& experiment) = 0;
};

struct CalibrationProgress {
  std::int64_t done = 0, all = 0;  ///< experiments
};

/// Two requests that show whether the server can be calibrated at all. Throws ServerFailure; false
/// when stopped.
[[nodiscard]] bool probe_server(CompletionServer& server, const CalibrationSettings& settings);

/// All experiments, the same ones for the same answers. Nothing when stopped. Throws ServerFailure.
[[nodiscard]] std::optional<CalibrationObservations> observe_server(
    CompletionServer& server, const CalibrationSettings& settings,
    const std::function<void(const CalibrationProgress&)>& progress = {});

}  // namespace headroom
