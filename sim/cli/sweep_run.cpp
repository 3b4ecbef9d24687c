#include "sim/cli/sweep_run.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <limits>
#include <mutex>
#include <thread>

#include "reports/metric_list.h"
#include "reports/summary.h"
#include "reports/text_layout.h"
#include "sim/check.h"
#include "sim/cli/assemble.h"
#include "sim/cli/text_digest.h"

namespace headroom {
namespace {

void take_figures(const Summary& summary, SweepShard& shard, SweepCell& cell) {
  for (const NamedMetric& metric : metric_list(summary)) {
    const auto it =
        std::find_if(shard.metrics.begin(), shard.metrics.end(),
                     [&](const SweepMetric& known) { return known.name == metric.name; });
    const auto place = static_cast<std::size_t>(it - shard.metrics.begin());
    if (it == shard.metrics.end()) {
      shard.metrics.push_back({metric.name, metric.unit, metric.better});
    }
    cell.values.resize(std::max(cell.values.size(), place + 1),
                       std::numeric_limits<double>::quiet_NaN());
    cell.values[place] = metric.value;
  }
}

class Pool {
 public:
  Pool(const SweepFolder& folder, const std::vector<std::size_t>& chunks,
       const SweepRunOptions& options)
      : folder_(folder), chunks_(chunks), options_(options) {}

  void run() {
    const auto jobs = std::min(static_cast<std::size_t>(std::max(1, options_.jobs)),
                               std::max<std::size_t>(1, chunks_.size()));
    std::vector<std::thread> workers;
    for (std::size_t i = 0; i < jobs; ++i) workers.emplace_back([this] { work(); });
    watch(jobs);
    for (std::thread& worker : workers) worker.join();
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  void work() {
    try {
      while (!halt_.load()) {
        const std::size_t next = next_++;
        if (next >= chunks_.size()) break;
        const auto count = [this] { ++done_; };
        if (!run_chunk(folder_, chunks_[next], costs_, options_.stop, count)) break;
      }
    } catch (const InputError&) {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
      halt_.store(true);
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    ++ended_;
    change_.notify_all();
  }

  void watch(std::size_t jobs) {
    std::size_t all = 0;
    for (const std::size_t chunk : chunks_) {
      const std::size_t first = chunk * folder_.plan().chunk_cells;
      all += std::min(folder_.plan().chunk_cells, folder_.plan().cells() - first);
    }
    std::unique_lock<std::mutex> lock(mutex_);
    while (ended_ < jobs) {
      change_.wait_for(lock, std::chrono::seconds(1));
      if (options_.progress) options_.progress(done_.load(), all);
    }
  }

  const SweepFolder& folder_;
  const std::vector<std::size_t>& chunks_;
  const SweepRunOptions& options_;
  CostCache costs_;
  std::atomic<std::size_t> next_{0};
  std::atomic<std::size_t> done_{0};
  std::atomic<bool> halt_{false};
  std::mutex mutex_;
  std::condition_variable change_;
  std::size_t ended_ = 0;
  std::exception_ptr failure_;
};

}  // namespace

bool run_cell(const SweepPlan& plan, std::size_t cell, CostCache& costs,
              const std::atomic<bool>* stop, SweepShard& shard) {
  SweepCell row;
  row.point = cell / plan.seeds.size();
  row.seed = plan.seeds[cell % plan.seeds.size()];
  try {
    const LoadedScenario loaded = cell_scenario(plan, cell);
    row.id = text_digest(loaded.scenario.digest + " " + plan.tool_version);
    row.scenario_digest = loaded.scenario.digest;
    RunOptions options;
    options.stop = stop;
    options.costs = &costs;
    const RunResult result = run_scenario(loaded.scenario, options);
    if (stop != nullptr && stop->load()) return false;
    if (!result.does_not_fit.empty()) {
      row.status = CellStatus::does_not_fit;
      row.why = printable(result.does_not_fit);
    } else {
      const Summary summary = summarise(result.metrics, result.context);
      row.verdict = to_string(summary.slo.verdict);
      row.cost_digest = summary.context.cost_digest;
      row.decision_digest = summary.decision_digest;
      row.workload_digest = summary.workload_digest;
      take_figures(summary, shard, row);
    }
  } catch (const InputError& error) {
    row.status = CellStatus::invalid;
    row.why = printable(error.what());
    std::string asked;
    for (const std::string& value : plan.points[row.point]) asked += value + "\n";
    row.id = text_digest(asked + std::to_string(row.seed));
  }
  shard.cells.push_back(std::move(row));
  return true;
}

bool run_chunk(const SweepFolder& folder, std::size_t chunk, CostCache& costs,
               const std::atomic<bool>* stop, const std::function<void()>& after_cell) {
  const SweepPlan& plan = folder.plan();
  SweepShard shard;
  shard.sweep = folder.digest();
  shard.chunk = chunk;
  const std::size_t first = chunk * plan.chunk_cells;
  const std::size_t last = std::min(first + plan.chunk_cells, plan.cells());
  for (std::size_t cell = first; cell < last; ++cell) {
    if (stop != nullptr && stop->load()) return false;
    if (!run_cell(plan, cell, costs, stop, shard)) return false;
    if (after_cell) after_cell();
  }
  folder.add(shard);
  return true;
}

void run_chunks(const SweepFolder& folder, const std::vector<std::size_t>& chunks,
                const SweepRunOptions& options) {
  Pool(folder, chunks, options).run();
}

}  // namespace headroom
