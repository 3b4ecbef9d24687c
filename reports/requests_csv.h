// One CSV line a request, written while the simulation runs.
//
// Law: every arrived request that left the system has exactly one line, in the order in which they
// left; times are exact decimals of the integer nanoseconds, so that the file holds all that the
// simulation knew.
// Cost: no memory that grows with the run. Columns: kRequestsCsvHeader; empty where a request has
// no such figure.
#pragma once

#include <string>

#include "reports/output_file.h"
#include "sim/metrics.h"

namespace headroom {

/// First line of the file, without line break. *_s are seconds since the start of the simulation,
/// *_ms milliseconds.
extern const char* const kRequestsCsvHeader;

class RequestsCsv final : public MetricsSink {
 public:
  /// Opens `path` ("-" is stdout). Throws InputError as OutputFile does.
  explicit RequestsCsv(std::string path);
  void on_finished(const FinishedRequest& request) override;
  void on_rejected(const RejectedRequest& request) override;
  /// Completes the file. Throws InputError; without it no file appears.
  void commit();

 private:
  OutputFile file_;
  std::string line_;
};

}  // namespace headroom
