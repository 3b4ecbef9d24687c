// One line a task, written while edge sites run: where it went, when, and why it missed.
//
// Law: a file that is complete under its name, or not there at all (reports/output_file.h). The
// columns arrival_s, site, drone, type, deadline_s, edge_ms, cloud_ms make it a trace of tasks
// again: actual times are given for the place where a task ran.
// Cost: one line of about 120 bytes a task.
#pragma once

#include <string>
#include <vector>

#include "reports/output_file.h"
#include "sim/edge_metrics.h"
#include "sim/edge_task.h"

namespace headroom {

class EdgeTasksCsv final : public EdgeObserver {
 public:
  /// `types` outlives this. Throws InputError.
  EdgeTasksCsv(const std::string& path, const std::vector<EdgeTaskType>& types);
  void on_task(std::uint32_t site, const EdgeResult& result, MissCause cause,
               const CloudCall* call) override;
  void commit() { file_.commit(); }

 private:
  OutputFile file_;
  const std::vector<EdgeTaskType>& types_;
};

}  // namespace headroom
