#include "sim/cli/sweep_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <map>
#include <system_error>

#include "reports/output_file.h"
#include "sim/check.h"
#include "sim/cli/report_context.h"

namespace headroom {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPlanName = "plan.json";
constexpr const char* kShards = "shards";

std::string plan_path(const std::string& folder) { return (fs::path(folder) / kPlanName).string(); }

void make_folder(const std::string& path) {
  std::error_code error;
  fs::create_directories(fs::path(path) / kShards, error);
  if (error) {
    throw InputError(path, fmt::format("expected a folder that can be made, got: {}; name another",
                                       error.message()));
  }
}

/// Values of `cell` by the metrics of the whole sweep.
std::vector<double> spread(const SweepCell& cell, const std::vector<std::size_t>& places,
                           std::size_t count) {
  std::vector<double> values(count, std::numeric_limits<double>::quiet_NaN());
  for (std::size_t i = 0; i < cell.values.size(); ++i) values[places[i]] = cell.values[i];
  return values;
}

bool same_results(const SweepCell& a, const SweepCell& b) {
  const auto same = [](double x, double y) { return x == y || (x != x && y != y); };
  return a.status == b.status && a.decision_digest == b.decision_digest && a.why == b.why &&
         std::equal(a.values.begin(), a.values.end(), b.values.begin(), b.values.end(), same);
}

/// Inputs and gates of the first point that is a scenario.
void add_question(const SweepPlan& plan, SweepResults& results) {
  for (std::size_t cell = 0; cell < plan.cells(); cell += plan.seeds.size()) {
    try {
      const LoadedScenario loaded = cell_scenario(plan, cell);
      results.inputs = recorded_inputs(loaded);
      results.gates = loaded.scenario.gates;
      return;
    } catch (const InputError&) {  // a cell with its reason, as the results say
    }
  }
}

}  // namespace

SweepFolder::SweepFolder(std::string path, SweepPlan plan)
    : path_(std::move(path)), plan_(std::move(plan)), digest_(plan_digest(plan_)) {
  std::error_code error;
  if (!fs::exists(plan_path(path_), error)) {
    if (fs::exists(path_, error) && !fs::is_empty(path_, error)) {
      throw InputError(path_,
                       "expected an empty folder or one of this sweep, got one with other "
                       "files; name another with --out");
    }
    make_folder(path_);
    write_document(plan_path(path_), plan_text(plan_));
    return;
  }
  SweepPlan there = read_plan(read_text_file(plan_path(path_)), plan_path(path_));
  if (plan_digest(there) != digest_) {
    throw InputError(path_,
                     "expected a folder of this sweep, got one of another scenario, keys, "
                     "seeds or version; name another with --out, or delete it");
  }
  plan_ = std::move(there);
  make_folder(path_);
}

SweepFolder::SweepFolder(std::string path) : path_(std::move(path)) {
  std::error_code error;
  if (!fs::exists(plan_path(path_), error)) {
    throw InputError(path_,
                     "expected a folder that headroom sweep started, got none; start one "
                     "with headroom sweep SCENARIO --out FOLDER");
  }
  plan_ = read_plan(read_text_file(plan_path(path_)), plan_path(path_));
  digest_ = plan_digest(plan_);
}

std::string SweepFolder::shard_path(std::size_t chunk) const {
  return (fs::path(path_) / kShards / fmt::format("chunk-{:06}.jsonl", chunk)).string();
}

std::vector<std::size_t> SweepFolder::missing() const {
  std::vector<std::size_t> chunks;
  std::error_code error;
  for (std::size_t chunk = 0; chunk < plan_.chunks(); ++chunk) {
    if (!fs::exists(shard_path(chunk), error)) chunks.push_back(chunk);
  }
  return chunks;
}

void SweepFolder::add(const SweepShard& shard) const {
  const std::string text = shard_text(shard);
  const std::string target = shard_path(shard.chunk);
  std::error_code error;
  if (fs::exists(target, error)) {
    if (read_text_file(target) == text) return;
    const std::string other = target + ".other";
    write_document(other, text);
    throw InputError(target, "expected the same results from every worker, got others in " + other +
                                 "; the program, profile or trace changed: start anew");
  }
  write_document(target, text);
}

SweepShard SweepFolder::load(std::size_t chunk) const {
  const std::string where = shard_path(chunk);
  SweepShard shard = read_shard(read_text_file(where), where);
  const std::size_t first = chunk * plan_.chunk_cells;
  const std::size_t count = std::min(plan_.chunk_cells, plan_.cells() - first);
  bool whole = shard.sweep == digest_ && shard.chunk == chunk && shard.cells.size() == count;
  for (std::size_t i = 0; whole && i < count; ++i) {
    const SweepCell& cell = shard.cells[i];
    whole = cell.point == (first + i) / plan_.seeds.size() &&
            cell.seed == plan_.seeds[(first + i) % plan_.seeds.size()] &&
            cell.values.size() <= shard.metrics.size();
  }
  if (!whole) {
    throw InputError(where,
                     "expected a chunk of this sweep, got one of another; delete it and "
                     "resume");
  }
  return shard;
}

SweepResults SweepFolder::merge() const {
  SweepResults results;
  results.scenario = plan_.base.file;
  results.tool_version = plan_.tool_version;
  results.digest = digest_;
  results.paths = plan_.paths;
  results.points = plan_.points;
  results.seeds = plan_.seeds;
  add_question(plan_, results);
  std::map<std::string, std::size_t> by_name;
  std::map<std::string, std::size_t> by_id;
  for (std::size_t chunk = 0; chunk < plan_.chunks(); ++chunk) {
    SweepShard shard = load(chunk);
    std::vector<std::size_t> places;
    for (const SweepMetric& metric : shard.metrics) {
      const auto [it, fresh] = by_name.emplace(metric.name, results.metrics.size());
      if (fresh) results.metrics.push_back(metric);
      places.push_back(it->second);
    }
    for (SweepCell& cell : shard.cells) {
      cell.values = spread(cell, places, results.metrics.size());
      results.cells.push_back(std::move(cell));
    }
  }
  for (std::size_t c = 0; c < results.cells.size(); ++c) {
    std::vector<double>& values = results.cells[c].values;
    values.resize(results.metrics.size(), std::numeric_limits<double>::quiet_NaN());
    const auto [it, fresh] = by_id.emplace(results.cells[c].id, c);
    if (!fresh && !same_results(results.cells[it->second], results.cells[c])) {
      throw InputError(shard_path(c / plan_.chunk_cells),
                       "expected equal results for one scenario, got others than in " +
                           shard_path(it->second / plan_.chunk_cells) +
                           "; the program, profile or trace changed: start anew");
    }
  }
  return results;
}

void SweepFolder::remove() const {
  std::error_code error;
  fs::remove_all(fs::path(path_) / kShards, error);
  fs::remove(plan_path(path_), error);
  fs::remove(path_, error);  // only where nothing else is in it
}

}  // namespace headroom
