#include "reports/edge_tasks_csv.h"

#include <fmt/format.h>

#include "reports/number_text.h"

namespace headroom {
namespace {

/// A name as a CSV field.
std::string field(const std::string& name) {
  if (name.find_first_of(",\"\r\n") == std::string::npos) return name;
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

std::string s(Instant t) { return exact_decimal(t.ns(), 9); }
std::string ms(Duration d) { return exact_decimal(d.value(), 6); }

}  // namespace

EdgeTasksCsv::EdgeTasksCsv(const std::string& path, const std::vector<EdgeTaskType>& types)
    : file_(path), types_(types) {
  file_.write(
      "arrival_s,site,drone,type,deadline_s,edge_ms,cloud_ms,outcome,cause,started_s,ended_s,"
      "call_waited_ms,call_network_ms,call_cold_start_ms\n");
}

void EdgeTasksCsv::on_task(std::uint32_t site, const EdgeResult& result, MissCause cause,
                           const CloudCall* call) {
  const EdgeTask& task = result.task;
  const bool at_edge = result.outcome == EdgeOutcome::edge ||
                       result.outcome == EdgeOutcome::stolen ||
                       result.outcome == EdgeOutcome::missed_edge;
  const bool ran = at_edge || call != nullptr;
  file_.write(fmt::format(
      "{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n", s(task.received), site, task.drone,
      field(types_[task.type].name), s(task.deadline), at_edge ? ms(result.actual) : "",
      call != nullptr ? ms(call->execution) : "", to_string(result.outcome), to_string(cause),
      ran ? s(task.started) : "", s(result.when), call != nullptr ? ms(call->waited) : "",
      call != nullptr ? ms(call->network) : "", call != nullptr ? ms(call->cold_start) : ""));
}

}  // namespace headroom
