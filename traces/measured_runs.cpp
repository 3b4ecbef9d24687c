// Runs described by an inference-perf table: rows to runs, names to workloads.
#include "traces/measured_runs.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "sim/check.h"
#include "sim/quantity_text.h"

namespace headroom {
namespace {

constexpr std::array<std::string_view, kRunMetrics> kMetricNames{
    "ttft_mean", "ttft_p90", "ttft_p99", "itl_mean", "itl_p90",
    "itl_p99",   "e2e_mean", "e2e_p90",  "e2e_p99",  "output_rate"};

struct NamedWorkload {
  std::string_view name;
  std::int64_t shared, question, output;
  std::array<LoadStage, 2> stages;  ///< one stage where the second has no duration
};

// The profiles of inference-perf's shared-prefix generator that the measurers of
// inference-sim/sim-to-real-accuracy-validation (commit dcec3fd) ran under these names.
constexpr std::array<NamedWorkload, 5> kWorkloads{{
    {"general", 100, 447, 248, {{{2.5, 600}, {6, 600}}}},
    {"codegen", 100, 466, 247, {{{5, 600}, {10, 600}}}},
    {"roleplay", 150, 600, 251, {{{6, 1200}, {0, 0}}}},
    {"reasoning", 100, 934, 1448, {{{1, 1200}, {0, 0}}}},
    {"reasoning-lite", 100, 934, 1448, {{{1, 1200}, {0, 0}}}},
}};
// inference-perf generates system prompts x users prompts and sends them over and over; its
// profiles of that name have 9 x 5 (general) and 11 x 4 (codegen) of them, and the others as few.
// Measured prompts keep their length, so answers are not appended ("multi-turn" notwithstanding).
constexpr std::int64_t kDistinctPrompts = 45;

// "general" of Llama-2-7B was run faster, as the same source says.
constexpr std::array<LoadStage, 2> kFastGeneral{{{8, 600}, {20, 600}}};

const NamedWorkload* workload_named(std::string_view name) {
  const auto found = std::find_if(kWorkloads.begin(), kWorkloads.end(),
                                  [&](const NamedWorkload& w) { return w.name == name; });
  return found == kWorkloads.end() ? nullptr : &*found;
}

bool holds_no_case(std::string_view text, std::string_view part) {
  const auto same = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) ==
           std::tolower(static_cast<unsigned char>(b));
  };
  return std::search(text.begin(), text.end(), part.begin(), part.end(), same) != text.end();
}

void take_workload(const NamedWorkload& workload, MeasuredRun& run) {
  run.shared = workload.shared;
  run.question = workload.question;
  run.output = workload.output;
  run.distinct_prompts = kDistinctPrompts;
  const bool fast = workload.name == "general" && holds_no_case(run.model, "llama-2-7b");
  run.stages.clear();
  for (const LoadStage& stage : fast ? kFastGeneral : workload.stages)
    if (stage.seconds > 0) run.stages.push_back(stage);
}

StageFigures& figures_of(MeasuredRun& run, int stage) {
  for (StageFigures& figures : run.measured)
    if (figures.stage == stage) return figures;
  const auto at = std::find_if(run.measured.begin(), run.measured.end(),
                               [&](const StageFigures& f) { return f.stage > stage; });
  return *run.measured.insert(at, StageFigures{stage, {}});
}

bool same_log(const MeasuredRun& a, const MeasuredRun& b) {
  if (a.id != b.id || a.model != b.model || a.device != b.device || a.tensor != b.tensor ||
      a.measured.size() != b.measured.size()) {
    return false;
  }
  for (std::size_t i = 0; i < a.measured.size(); ++i) {
    if (a.measured[i].stage != b.measured[i].stage ||
        a.measured[i].figures != b.measured[i].figures) {
      return false;
    }
  }
  return true;
}

/// Stages that the file knows, without the whole run.
std::size_t stages_measured(const MeasuredRun& run) {
  return static_cast<std::size_t>(
      std::count_if(run.measured.begin(), run.measured.end(),
                    [](const StageFigures& figures) { return figures.stage >= 0; }));
}

void complete(MeasuredRun& run) {
  const NamedWorkload* workload = workload_named(run.workload);
  if (workload == nullptr) {
    run.unusable = "the workload \"" + run.workload +
                   "\" is not known (general, codegen, roleplay, reasoning are)";
    return;
  }
  take_workload(*workload, run);
  if (stages_measured(run) > run.stages.size())
    run.unusable = "the run has more load stages than its workload";
}

}  // namespace

void add_stage_row(const CsvTable& table, std::vector<MeasuredRun>& runs) {
  const std::string id = table.word("run_id"), workload = table.word("workload");
  const auto found = std::find_if(runs.rbegin(), runs.rend(), [&](const MeasuredRun& run) {
    return run.id == id && run.workload == workload && run.model == table.text("model") &&
           run.device == table.text("device");
  });
  MeasuredRun* run = found == runs.rend() ? nullptr : &*found;
  if (run == nullptr) {
    run = &runs.emplace_back();
    run->id = id;
    run->where = table.where();
    run->format = "inference-perf";
    run->device = table.word("device");
    run->model = table.word("model");
    run->precision = table.word("precision");
    run->workload = workload;
    run->tensor = table.whole("tensor_parallel", 1, kMostRowWidth);
    run->max_batched_tokens = table.whole("max_num_batched_tokens", 1, kMostRowTokens);
  }
  const auto stage = static_cast<int>(table.whole("stage_index", -1, 1000));
  const double ms = table.number("measured_ms", 0, kMostRowMs);
  const auto metric = std::find(kMetricNames.begin(), kMetricNames.end(), table.text("metric"));
  // Statistics that nobody predicts are passed over.
  if (metric == kMetricNames.end() || !(ms > 0)) return;
  figures_of(*run, stage).figures[static_cast<std::size_t>(metric - kMetricNames.begin())] = ms;
}

void complete_stage_runs(std::vector<MeasuredRun>& runs) {
  for (MeasuredRun& run : runs) complete(run);
  for (MeasuredRun& run : runs) {
    if (run.workload == "general") continue;
    for (const MeasuredRun& original : runs) {
      if (original.workload != "general" || !same_log(original, run)) continue;
      take_workload(*workload_named("general"), run);
      run.unusable.clear();
      run.doubt =
          "the figures are those of the run's \"general\" load to the last digit: one log "
          "under several names";
    }
  }
}

}  // namespace headroom
