#include "sim/cli/validate_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>

#include "sim/check.h"
#include "sim/cli/assemble.h"
#include "sim/cli/ingest_source.h"
#include "sim/cli/parallel.h"
#include "sim/cli/validate_figures.h"
#include "sim/cli/validate_journal.h"

namespace headroom {
namespace {

/// Points of one deployment, by index.
struct Lot {
  std::vector<std::size_t> points;
};

ValidatedPoint labelled(const ServingPoint& point, const PlannedPoint& plan) {
  ValidatedPoint result;
  result.id = point.id;
  result.where = point.where;
  result.device = plan.device;
  result.model = plan.model;
  if (!point.precision.empty()) result.model += " " + point.precision;
  result.engine = plan.engine;
  if (!point.engine_version.empty()) result.engine += " " + point.engine_version;
  result.mode = point.mode;
  result.kind = kind_of(plan.model);
  result.detail =
      fmt::format("{} {} {} tp {} {}x{} c {}", result.model, result.device, result.engine,
                  point.tensor, point.prompt, point.output, point.concurrency);
  result.split = split_of(point.configuration());
  result.doubt = plan.doubt;
  result.unpredicted = plan.why_not;
  result.note = plan.note;
  if (point.ttft_ms && point.tpot_ms) {
    result.measured = figures_of(*point.ttft_ms, *point.tpot_ms, static_cast<double>(point.output),
                                 static_cast<double>(point.concurrency));
  }
  return result;
}

/// Means over the requests, as benchmarks report them.
void take_figures(const ServingPoint& point, const Metrics& metrics, ValidatedPoint& result) {
  double ttft = 0, tpot = 0, queued = 0, with_tpot = 0;
  const auto rows = static_cast<double>(metrics.rows.size());
  for (std::size_t i = 0; i < metrics.rows.size(); ++i) {
    const RequestRow& row = metrics.rows[i];
    ttft += static_cast<double>(row.ttft_ns);
    queued += static_cast<double>(row.queued_ns);
    if (row.output > 1) {
      tpot += static_cast<double>(row.end_to_end_ns - row.ttft_ns) /
              static_cast<double>(row.output - 1);
      with_tpot += 1;
    }
  }
  if (ttft > 0) result.queued_share = std::min(1.0, queued / ttft);
  result.predicted =
      figures_of(ttft / rows * 1e-6, with_tpot > 0 ? tpot / with_tpot * 1e-6 : 0,
                 static_cast<double>(point.output), static_cast<double>(point.concurrency));
}

void simulate_point(const ServingPoint& point, const PlannedPoint& plan, const Assembly& assembly,
                    const std::atomic<bool>* stop, ValidatedPoint& result) {
  const std::unique_ptr<RequestSource> source = open_workload(plan.scenario);
  IngestSource ingest(*source, assembly.groups.front().engine);
  SimulationSetup setup = make_setup(plan.scenario, assembly, ingest);
  setup.stop = stop;
  const Metrics metrics = simulate(std::move(setup));
  if (metrics.rows.size() == 0) {
    result.unpredicted = "no simulated request could be served (too long for the KV memory)";
    return;
  }
  take_figures(point, metrics, result);
  take_shares(metrics, result);
  const double room = static_cast<double>(result.kv_blocks) *
                      assembly.groups.front().engine.block_tokens.as_double();
  if (room > 0) {
    result.kv_demand =
        static_cast<double>(point.concurrency * (point.prompt + point.output)) / room;
  }
}

/// A configuration, and the source by which benchmarks are told apart.
std::string what_ran(const ServingPoint& point) { return point.configuration() + point.source; }

class PointRunner {
 public:
  PointRunner(const std::vector<ServingPoint>& points, const ValidateOptions& options)
      : points_(points), options_(options) {
    plans_.reserve(points.size());
    std::map<std::string, std::size_t> lots;
    for (std::size_t i = 0; i < points.size(); ++i) {
      plans_.push_back(plan_point(points[i], options.habits));
      results_.push_back(labelled(points[i], plans_.back()));
      if (!plans_.back().why_not.empty()) continue;
      const auto [it, fresh] = lots.emplace(plans_.back().cost_key, lots_.size());
      if (fresh) lots_.emplace_back();
      lots_[it->second].points.push_back(i);
    }
    // Large lots first, so that the threads end together.
    std::stable_sort(lots_.begin(), lots_.end(),
                     [](const Lot& a, const Lot& b) { return a.points.size() > b.points.size(); });
  }

  std::vector<ValidatedPoint> run() {
    in_parallel(lots_.size(), options_.jobs, nullptr, [this](std::size_t i) { run_lot(lots_[i]); });
    return std::move(results_);
  }

 private:
  [[nodiscard]] bool stopped() const { return options_.stop != nullptr && options_.stop->load(); }

  void run_lot(const Lot& lot) {
    CostCache costs;  // the points of a lot share them
    for (const std::size_t i : lot.points) {
      if (stopped()) return;
      if (options_.journal != nullptr &&
          options_.journal->recall(what_ran(points_[i]), results_[i]))
        continue;
      try {
        run_point(i, costs);
      } catch (const InputError& error) {
        results_[i].unpredicted = reason_of(error);
      }
      // A simulation that was stopped has no result.
      if (options_.journal != nullptr && !stopped())
        options_.journal->keep(what_ran(points_[i]), results_[i]);
    }
  }

  void run_point(std::size_t i, CostCache& costs) {
    const Assembly assembly = assemble(plans_[i].scenario, &costs);
    if (!assembly.does_not_fit.empty()) {
      results_[i].unpredicted = "does not fit: " + assembly.groups.front().fit.text;
      return;
    }
    simulate_point(points_[i], plans_[i], assembly, options_.stop, results_[i]);
  }

  const std::vector<ServingPoint>& points_;
  const ValidateOptions& options_;
  std::vector<PlannedPoint> plans_;
  std::vector<ValidatedPoint> results_;
  std::vector<Lot> lots_;
};

/// The batch of a pass, its tokens spread evenly over its requests.
std::vector<PrefillChunk> chunks_of(const ForwardPass& pass) {
  std::vector<PrefillChunk> chunks;
  const std::int64_t count = std::min(pass.requests, pass.tokens);
  for (std::int64_t i = 0; i < count; ++i) {
    PrefillChunk chunk;
    chunk.tokens = static_cast<std::int32_t>(pass.tokens / count + (i < pass.tokens % count));
    chunk.cached = static_cast<std::int32_t>(
        std::min<std::int64_t>(pass.cached / count + (i < pass.cached % count), 1 << 30));
    chunk.samples = 1;
    chunks.push_back(chunk);
  }
  return chunks;
}

/// A deployment's costs, compiled when the first pass asks for them.
class PassPricer {
 public:
  explicit PassPricer(PlannedPoint plan) : plan_(std::move(plan)) {}

  void price(const ForwardPass& pass, ValidatedPoint& result) {
    assemble_once();
    result.unpredicted = plan_.why_not;
    if (!result.unpredicted.empty()) return;
    const std::vector<PrefillChunk> chunks = chunks_of(pass);
    if (chunks.empty()) {
      result.unpredicted = "the pass computes no prompt tokens";
      return;
    }
    BatchShape shape;
    shape.prefills = chunks;
    const CostModel& cost = *assembly_->groups.front().costs.front();
    result.predicted[static_cast<std::size_t>(ServingMetric::ttft)] =
        seconds(cost.price(shape).stage) * 1e3;
  }

 private:
  void assemble_once() {
    if (assembly_ || !plan_.why_not.empty()) return;
    try {
      assembly_.emplace(assemble(plan_.scenario));
      plan_.why_not = assembly_->does_not_fit;
    } catch (const InputError& error) {
      plan_.why_not = reason_of(error);
    }
  }
  PlannedPoint plan_;
  std::optional<Assembly> assembly_;
};

}  // namespace

std::string reason_of(const InputError& error) {
  const std::string line = error.what();
  const std::string prefix = error.where() + ": ";
  return line.rfind(prefix, 0) == 0 ? line.substr(prefix.size()) : line;
}

std::vector<ValidatedPoint> run_points(const std::vector<ServingPoint>& points,
                                       const ValidateOptions& options) {
  return PointRunner(points, options).run();
}

std::vector<ValidatedPoint> run_passes(const std::vector<ForwardPass>& passes,
                                       const ServingPoint& deployment,
                                       const ValidateOptions& options) {
  const PlannedPoint plan = plan_point(deployment, options.habits);
  PassPricer pricer(plan);
  std::vector<ValidatedPoint> results;
  for (const ForwardPass& pass : passes) {
    ValidatedPoint result = labelled(deployment, plan);
    result.id = result.where = pass.where;
    result.mode = "forward pass";
    result.detail = fmt::format("{} tokens after {} cached, {} requests", pass.tokens, pass.cached,
                                pass.requests);
    result.split = split_of(result.detail);
    result.measured = {};
    result.measured[static_cast<std::size_t>(ServingMetric::ttft)] = pass.seconds * 1e3;
    const std::string what = what_ran(deployment) + "|forward pass|" + result.detail;
    if (options.journal == nullptr || !options.journal->recall(what, result)) {
      pricer.price(pass, result);
      if (options.journal != nullptr) options.journal->keep(what, result);
    }
    results.push_back(std::move(result));
  }
  return results;
}

}  // namespace headroom
