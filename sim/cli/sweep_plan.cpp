#include "sim/cli/sweep_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "reports/number_text.h"
#include "sim/check.h"
#include "sim/cli/commands.h"
#include "sim/cli/scenario_files.h"
#include "sim/edge_scenario_reader.h"
#include "sim/quantity_text.h"
#include "sim/random.h"

namespace headroom {
namespace {

/// Splits at commas outside quotes, brackets and braces.
std::vector<std::string> split_values(const std::string& text) {
  std::vector<std::string> values(1);
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"' && (i == 0 || text[i - 1] != '\\')) quoted = !quoted;
    if (!quoted && (c == '[' || c == '{')) ++depth;
    if (!quoted && (c == ']' || c == '}')) --depth;
    if (c == ',' && !quoted && depth == 0) {
      values.emplace_back();
    } else {
      values.back() += c;
    }
  }
  return values;
}

std::size_t grid_size(const std::vector<SweepAxis>& axes) {
  std::size_t size = 1;
  for (const SweepAxis& axis : axes) {
    if (axis.values.size() > kMostCells / size) return kMostCells + 1;
    size *= axis.values.size();
  }
  return size;
}

std::vector<std::string> grid_point(const std::vector<SweepAxis>& axes, std::size_t index) {
  std::vector<std::string> point(axes.size());
  for (std::size_t i = axes.size(); i-- > 0;) {
    point[i] = axes[i].values[index % axes[i].values.size()];
    index /= axes[i].values.size();
  }
  return point;
}

struct Axes {
  std::vector<SweepAxis> swept;
  std::vector<ScenarioOverride> fixed;  ///< keys with one value
  std::vector<std::uint64_t> seeds;     ///< of --set seed=..., if several
};

std::vector<std::uint64_t> seeds_of(const SweepAxis& axis) {
  std::vector<std::uint64_t> seeds;
  for (const std::string& text : axis.values) {
    seeds.push_back(
        static_cast<std::uint64_t>(parse_integer(text, 0, std::int64_t{1} << 53, "--set seed")));
  }
  return seeds;
}

Axes axes_of(const Invocation& call) {
  Axes axes;
  for (const auto& [name, text] : call.options()) {
    if (name != "set") continue;
    SweepAxis axis = parse_axis(text, "--set");
    const auto same = [&](const SweepAxis& other) { return other.path == axis.path; };
    if (std::any_of(axes.swept.begin(), axes.swept.end(), same)) {
      throw InputError("--set " + axis.path,
                       "expected each key once, got it twice; join its values with commas");
    }
    if (axis.path == "seed" && axis.values.size() > 1) {
      axes.seeds = seeds_of(axis);
    } else if (axis.values.size() > 1) {
      axes.swept.push_back(std::move(axis));
    } else {
      axes.fixed.push_back({axis.path, axis.values.front(), ValueSource::command_line,
                            "--set " + axis.path, OverrideForm::guess});
    }
  }
  return axes;
}

/// A table of settings: a line of keys, then a line a point, fields apart by tabs or commas.
void read_list(const std::string& path, SweepPlan& plan) {
  const std::string text = read_text_file(path);
  std::size_t line_number = 0;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    ++line_number;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty() || line.front() == '#') continue;
    std::vector<std::string> fields = split_values(line);
    if (plan.paths.empty()) {
      plan.paths = std::move(fields);
      continue;
    }
    if (fields.size() != plan.paths.size()) {
      throw InputError(fmt::format("{}:{}", path, line_number),
                       fmt::format("expected {} values, one for each key of the first line, got "
                                   "{}; put values with commas in quotes",
                                   plan.paths.size(), fields.size()));
    }
    plan.points.push_back(std::move(fields));
  }
  if (plan.points.empty()) {
    throw InputError(path,
                     "expected a line of keys and a line for each point, got no point; add "
                     "one");
  }
}

void choose_points(const Invocation& call, const Axes& axes, SweepPlan& plan) {
  const auto list = call.value("list");
  if (list) {
    if (!axes.swept.empty() || call.has("sample")) {
      throw InputError("--list", "expected either a list or swept keys, got both; remove one");
    }
    return read_list(*list, plan);
  }
  for (const SweepAxis& axis : axes.swept) plan.paths.push_back(axis.path);
  if (call.has("sample")) {
    const auto count = static_cast<std::size_t>(
        whole_option(call, "sample", 1, static_cast<std::int64_t>(kMostCells)));
    plan.points = sampled_points(axes.swept, count, plan.seeds.front());
    return;
  }
  if (grid_size(axes.swept) > kMostCells) {
    throw InputError("--set", fmt::format("expected at most {} combinations, got more; sweep fewer "
                                          "values or add --sample",
                                          kMostCells));
  }
  plan.points = grid_points(axes.swept);
}

/// Keys that lead nowhere are mistakes of the call, not rows of its answer. A value may only fit
/// together with others and is judged with them.
void check_paths(const SweepPlan& plan) {
  for (std::size_t i = 0; i < plan.paths.size(); ++i) {
    const ScenarioOverride change{plan.paths[i], plan.points.front()[i], ValueSource::command_line,
                                  "--set " + plan.paths[i], OverrideForm::guess};
    JsonNode root = parse_json(plan.base.text, plan.base.file);
    for (const ScenarioOverride& before : plan.base.overrides) apply_override(root, before);
    apply_override(root, change);
    ScenarioText one = plan.base;
    one.overrides.push_back(change);
    try {
      static_cast<void>(read_scenario(one));
    } catch (const InputError& error) {
      if (std::string_view(error.what()).find("expected a known key") != std::string_view::npos) {
        throw;
      }
    }
  }
}

}  // namespace

SweepAxis parse_axis(const std::string& text, const std::string& flag) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw InputError(flag, fmt::format("expected KEY=VALUE,VALUE,... such as "
                                       "deployment.replicas=2,4,8, got {}; add the values",
                                       headroom::quoted(text)));
  }
  SweepAxis axis{text.substr(0, equals), split_values(text.substr(equals + 1))};
  std::set<std::string> seen;
  for (const std::string& value : axis.values) {
    if (value.empty()) {
      throw InputError(flag + " " + axis.path,
                       "expected a value between commas, got nothing; remove a comma");
    }
    if (!seen.insert(value).second) {
      throw InputError(flag + " " + axis.path, "expected each value once, got " +
                                                   headroom::quoted(value) + " twice; remove one");
    }
  }
  return axis;
}

std::vector<std::vector<std::string>> grid_points(const std::vector<SweepAxis>& axes) {
  const std::size_t size = grid_size(axes);
  SIM_CHECK(size <= kMostCells, "a grid of cells within the limit");
  std::vector<std::vector<std::string>> points;
  points.reserve(size);
  for (std::size_t i = 0; i < size; ++i) points.push_back(grid_point(axes, i));
  return points;
}

std::vector<std::vector<std::string>> sampled_points(const std::vector<SweepAxis>& axes,
                                                     std::size_t count, std::uint64_t seed) {
  // Draws are points of the grid, each at most once; huge grids are drawn from axis by axis.
  RandomStream random(seed, "sweep sample", 0);
  std::set<std::vector<std::size_t>> drawn;
  const std::size_t most = std::min(count, grid_size(axes));
  std::size_t attempts = 0;
  while (drawn.size() < most && attempts++ < 1000 * most + 1000) {
    std::vector<std::size_t> indices;
    for (const SweepAxis& axis : axes) {
      indices.push_back(static_cast<std::size_t>(random.below(axis.values.size())));
    }
    drawn.insert(std::move(indices));
  }
  std::vector<std::vector<std::string>> points;
  for (const std::vector<std::size_t>& indices : drawn) {
    std::vector<std::string> point;
    for (std::size_t i = 0; i < axes.size(); ++i) point.push_back(axes[i].values[indices[i]]);
    points.push_back(std::move(point));
  }
  return points;
}

SweepPlan sweep_plan(const Invocation& call) {
  SweepPlan plan;
  plan.tool_version = kVersion;
  plan.base = scenario_text_without_sets(call);
  if (is_edge_scenario(plan.base)) {
    throw InputError(plan.base.file,
                     "expected a scenario of a serving system, got one of edge "
                     "sites; use headroom edge compare");
  }
  const Axes axes = axes_of(call);
  for (const ScenarioOverride& change : axes.fixed) plan.base.overrides.push_back(change);
  plan.seeds = axes.seeds;
  if (!plan.seeds.empty() && call.has("seeds")) {
    throw InputError("--seeds", "expected seeds once, got --set seed as well; remove one");
  }
  if (plan.seeds.empty()) {
    const std::int64_t count = call.has("seeds") ? whole_option(call, "seeds", 1, 10'000) : 1;
    const std::uint64_t first = read_scenario(plan.base).scenario.seed;
    for (std::int64_t i = 0; i < count; ++i) {
      plan.seeds.push_back(first + static_cast<std::uint64_t>(i));
    }
  }
  choose_points(call, axes, plan);
  if (plan.points.size() > kMostCells / plan.seeds.size()) {
    throw InputError(
        "headroom sweep",
        fmt::format("expected at most {} points times seeds, got more; sweep fewer", kMostCells));
  }
  check_paths(plan);
  return plan;
}

LoadedScenario cell_scenario(const SweepPlan& plan, std::size_t cell) {
  const std::size_t point = cell / plan.seeds.size();
  ScenarioText text = plan.base;
  for (std::size_t i = 0; i < plan.paths.size(); ++i) {
    text.overrides.push_back({plan.paths[i], plan.points[point][i], ValueSource::command_line,
                              "--set " + plan.paths[i], OverrideForm::guess});
  }
  text.overrides.push_back({"seed", std::to_string(plan.seeds[cell % plan.seeds.size()]),
                            ValueSource::command_line, "--seed", OverrideForm::guess});
  return read_scenario(text);
}

}  // namespace headroom
