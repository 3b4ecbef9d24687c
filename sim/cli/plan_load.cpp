#include "sim/cli/plan_load.h"

#include <algorithm>
#include <memory>
#include <numeric>

#include "sim/check.h"
#include "sim/cli/assemble.h"

namespace headroom {

std::uint64_t PlanLoad::count(std::uint64_t first,
                              const std::optional<std::uint32_t>& request_class) const {
  const std::uint64_t most = first > 0 ? std::min(first, size()) : size();
  if (!request_class) return most;
  const auto end = classes.begin() + static_cast<std::ptrdiff_t>(most);
  return static_cast<std::uint64_t>(std::count(classes.begin(), end, *request_class));
}

double PlanLoad::per_second() const {
  return span > Duration(0) ? static_cast<double>(size() - 1) / seconds(span) : 0;
}

double PlanLoad::output_tokens() const {
  return std::accumulate(outputs.begin(), outputs.end(), 0.0);
}

PlanLoad read_load(const Scenario& scenario) {
  PlanLoad load;
  const std::unique_ptr<RequestSource> source = open_workload(scenario);
  Instant first = Instant::never();
  Instant last;
  while (source->next_arrival() < Instant::never()) {
    const RequestSpec request = source->take();
    // Sessions announce a turn once its question is answered; here it is at once.
    source->on_left(request, request.arrival);
    if (load.prompts.empty()) first = request.arrival;
    last = request.arrival;
    load.shared = load.shared || !request.prefix_blocks.empty() || request.turn > 0;
    load.prompts.push_back(static_cast<std::uint32_t>(request.prompt.value()));
    load.outputs.push_back(static_cast<std::uint32_t>(request.output.value()));
    load.classes.push_back(static_cast<std::uint16_t>(request.class_index));
  }
  if (load.prompts.empty()) {
    throw InputError(scenario.file + ": /workload",
                     "expected at least one request to plan for, got none; widen the window");
  }
  load.span = last - first;
  return load;
}

}  // namespace headroom
