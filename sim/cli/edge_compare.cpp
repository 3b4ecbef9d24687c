// `headroom edge compare`: policies of edge sites over loads, fleets and clouds, over many seeds.
#include <fmt/format.h>

#include <algorithm>

#include "reports/edge_comparison.h"
#include "reports/edge_report.h"
#include "reports/output_file.h"
#include "sim/check.h"
#include "sim/cli/commands.h"
#include "sim/cli/edge_assemble.h"
#include "sim/cli/exit_codes.h"
#include "sim/cli/parallel.h"
#include "sim/cli/scenario_files.h"
#include "sim/cli/terminal.h"
#include "sim/edge_policy.h"
#include "sim/edge_presets.h"
#include "sim/edge_scenario_reader.h"
#include "sim/quantity_text.h"

namespace headroom {
namespace {

constexpr std::int64_t kMostSeeds = 10'000;

std::vector<std::string> split(const std::string& text, const std::string& flag) {
  std::vector<std::string> words(1);
  for (const char c : text) {
    if (c == ',') {
      words.emplace_back();
    } else {
      words.back() += c;
    }
  }
  if (std::any_of(words.begin(), words.end(), [](const std::string& w) { return w.empty(); })) {
    throw InputError(flag, "expected names separated by commas, got " + headroom::quoted(text) +
                               "; name at least one");
  }
  return words;
}

std::vector<std::string> words_of(const Invocation& call, const char* option,
                                  const std::vector<std::string>& otherwise) {
  const auto text = call.value(option);
  return text ? split(*text, std::string("--") + option) : otherwise;
}

/// One run of the grid.
struct Cell {
  std::string load, cloud, drones;
};

bool has_released_form(const std::string& policy) {
  const auto* entry =
      PolicyRegistry<DispatchPolicy>::instance().find(policy.substr(0, policy.find(':')));
  return entry != nullptr &&
         std::any_of(entry->parameters.begin(), entry->parameters.end(),
                     [](const ParameterSpec& spec) { return spec.name == "faithful"; });
}

/// What the scenario and the options ask for.
struct Grid {
  ScenarioText text;
  std::vector<std::string> policies, loads, drones, clouds;
  std::uint64_t first_seed = 1, seeds = 10;
  bool released = false;  ///< every policy as it was released, where there is such a form

  [[nodiscard]] std::vector<Cell> cells() const {
    std::vector<Cell> all;
    for (const std::string& cloud : clouds) {
      for (const std::string& load : loads) {
        for (const std::string& count : drones) all.push_back({load, cloud, count});
      }
    }
    return all;
  }
  /// The scenario of a run. An empty word leaves the scenario's own value.
  [[nodiscard]] EdgeScenario scenario(const Cell& cell, const std::string& policy,
                                      std::uint64_t seed) const {
    ScenarioText changed = text;
    const auto set = [&](const char* path, const std::string& value, const char* flag) {
      if (value.empty()) return;
      changed.overrides.push_back(
          {path, value, ValueSource::command_line, flag, OverrideForm::guess});
    };
    // NAME, then any number of :FLAG and :PARAMETER=VALUE.
    std::size_t end = policy.find(':');
    set("edge.policy", policy.substr(0, end), "--policies");
    while (end != std::string::npos) {
      const std::size_t from = end + 1;
      end = policy.find(':', from);
      const std::string parameter = policy.substr(from, end - from);
      const std::size_t equals = parameter.find('=');
      set(("edge.policy." + parameter.substr(0, equals)).c_str(),
          equals == std::string::npos ? "true" : parameter.substr(equals + 1), "--policies");
    }
    if (released && has_released_form(policy)) set("edge.policy.faithful", "true", "--released");
    set("edge.load", cell.load, "--loads");
    set("edge.fleet.drones", cell.drones, "--drones");
    set("edge.cloud.quality", cell.cloud, "--clouds");
    set("seed", fmt::format("{}", seed), "--seeds");
    return read_edge_scenario(changed).scenario;
  }
};

struct RunFigures {
  double completion = 0, task_utility = 0, window_utility = 0, cost = 0, loss = 0;
};

RunFigures run_one(const EdgeScenario& scenario) {
  const std::unique_ptr<EdgeAssembly> assembly = assemble_edges(scenario);
  assembly->setup.stop = &interrupted();
  const EdgeSummary summary =
      summarise_edges(simulate_edges(assembly->setup), edge_report_context(scenario, *assembly));
  return {summary.completion, summary.task_utility, summary.window_utility, summary.cost_usd,
          summary.mean_loss};
}

Grid grid_of(const Invocation& call) {
  Grid grid;
  grid.text = scenario_text(call);
  if (!is_edge_scenario(grid.text)) {
    throw InputError(grid.text.file,
                     "expected a scenario of edge sites, got none with the key \"edge\"; try the "
                     "bundled scenario drones");
  }
  const EdgeScenario scenario = read_edge_scenario(grid.text).scenario;
  if (scenario.serving) {
    throw InputError(grid.text.file + ": /serving",
                     "expected a cloud that is drawn, got a serving system; use headroom run for "
                     "each policy, or remove it");
  }
  std::vector<std::string> policies, loads, clouds;
  for (const auto& entry : PolicyRegistry<DispatchPolicy>::instance().entries()) {
    policies.push_back(entry.name);
  }
  for (const EdgeLoad& load : edge_loads()) loads.emplace_back(load.name);
  for (const CloudQuality& quality : cloud_qualities()) clouds.emplace_back(quality.name);
  const bool own_tasks = scenario.load.empty();
  const bool own_fleet = scenario.trace.empty();
  grid.policies = words_of(call, "policies", policies);
  grid.loads = words_of(call, "loads", own_tasks ? std::vector<std::string>{""} : loads);
  grid.drones = words_of(
      call, "drones",
      own_fleet ? std::vector<std::string>{"2", "3", "4", "5", "6"} : std::vector<std::string>{""});
  grid.clouds = words_of(call, "clouds", clouds);
  if (call.has("seeds")) {
    grid.seeds = static_cast<std::uint64_t>(whole_option(call, "seeds", 1, kMostSeeds));
  }
  grid.first_seed = scenario.seed;
  grid.released = call.has("released");
  return grid;
}

EdgeComparison compare(const Grid& grid, int jobs) {
  const std::vector<Cell> cells = grid.cells();
  const std::size_t per_cell = grid.policies.size() * grid.seeds;
  std::vector<RunFigures> figures(cells.size() * per_cell);
  in_parallel(figures.size(), jobs, &interrupted(), [&](std::size_t i) {
    const Cell& cell = cells[i / per_cell];
    const std::string& policy = grid.policies[i % per_cell / grid.seeds];
    figures[i] = run_one(grid.scenario(cell, policy, grid.first_seed + i % grid.seeds));
  });
  EdgeComparison comparison;
  comparison.seeds = grid.seeds;
  comparison.first_seed = grid.first_seed;
  for (std::size_t c = 0; c < cells.size(); ++c) {
    ComparedCell compared;
    const EdgeScenario shape = grid.scenario(cells[c], grid.policies.front(), grid.first_seed);
    compared.load = shape.load.empty() ? kOwnLoad : shape.load;
    compared.cloud = shape.quality;
    compared.drones = shape.trace.empty() ? shape.fleet.drones : 0;
    compared.sites = shape.fleet.sites;
    for (std::size_t p = 0; p < grid.policies.size(); ++p) {
      ComparedPolicy policy;
      policy.policy = grid.policies[p];
      if (policy.policy == "dems") comparison.reference = "dems";
      for (std::uint64_t s = 0; s < grid.seeds; ++s) {
        const RunFigures& run = figures[c * per_cell + p * grid.seeds + s];
        policy.completion.push_back(run.completion);
        policy.task_utility.push_back(run.task_utility);
        policy.window_utility.push_back(run.window_utility);
        policy.cost_usd.push_back(run.cost);
        policy.loss.push_back(run.loss);
      }
      compared.policies.push_back(std::move(policy));
    }
    comparison.cells.push_back(std::move(compared));
  }
  return comparison;
}

}  // namespace

int command_edge_compare(const Invocation& call) {
  const Grid grid = grid_of(call);
  watch_interrupts();
  std::unique_ptr<OutputFile> csv;
  if (const auto path = call.value("csv")) csv = std::make_unique<OutputFile>(*path);
  EdgeComparison comparison = compare(grid, jobs_of(call));
  if (interrupted().load()) {
    complain("headroom edge compare: interrupted; no file was written; run it again");
    return kExitInterrupted;
  }
  const std::string& name = call.arguments().front();
  comparison.title = fmt::format("Policies of edge sites compared: {}, {} cells, {} policies{}",
                                 name, comparison.cells.size(), grid.policies.size(),
                                 grid.released ? ", each as it was released" : "");
  if (csv) {
    csv->write(edge_comparison_csv(comparison));
    csv->commit();
  }
  if (call.value("csv") != "-") print(edge_comparison_text(comparison));
  return kExitYes;
}

}  // namespace headroom
