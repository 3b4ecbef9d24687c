// headroom plan: the cheapest deployment that holds the service levels.
#include <algorithm>
#include <thread>

#include "reports/output_file.h"
#include "sim/check.h"
#include "sim/cli/commands.h"
#include "sim/cli/exit_codes.h"
#include "sim/cli/plan_output.h"
#include "sim/cli/plan_search.h"
#include "sim/cli/terminal.h"

namespace headroom {

int command_plan(const Invocation& call) {
  const auto path = call.value("json");
  if (path && *path != "-") static_cast<void>(OutputFile(*path));  // fails now, leaves nothing
  const PlanSpace space = plan_space(call);
  PlanSearchOptions options;
  options.jobs =
      static_cast<int>(call.has("jobs") ? whole_option(call, "jobs", 1, 1024)
                                        : std::max(1U, std::thread::hardware_concurrency()));
  options.stop = &interrupted();
  watch_interrupts();
  const PlanAnswer answer = search_plan(space, options);
  if (interrupted().load()) {
    complain("headroom plan: interrupted; run the same command again");
    return kExitInterrupted;
  }
  if (path) write_document(*path, plan_json(space, answer));
  if (path != "-") print(plan_console(space, answer));
  return answer.ranked.empty() ? kExitNo : kExitYes;
}

}  // namespace headroom
