// headroom sweep: one scenario under many settings and seeds.
#include "reports/sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "reports/html/sweep_page.h"
#include "reports/output_file.h"
#include "reports/sweep_json.h"
#include "sim/check.h"
#include "sim/cli/commands.h"
#include "sim/cli/exit_codes.h"
#include "sim/cli/sweep_folder.h"
#include "sim/cli/sweep_run.h"
#include "sim/cli/sweep_slurm.h"
#include "sim/cli/terminal.h"
#include "sim/quantity_text.h"

namespace headroom {
namespace {

namespace fs = std::filesystem;

/// Where shards grow: as asked for, else beside the database, else in a folder of this sweep's own.
std::string folder_of(const Invocation& call, const SweepPlan& plan) {
  if (const auto out = call.value("out")) return *out;
  if (const auto db = call.value("db")) return *db + ".parts";
  return "headroom-sweep-" + plan_digest(plan) + ".parts";
}

/// Fails before hours of work where the answer could not be kept.
void check_outputs(const Invocation& call) {
  for (const char* option : {"db", "csv", "json", "html"}) {
    const auto path = call.value(option);
    if (!path || (*path == "-" && std::string_view(option) != "db")) continue;
    if (*path == "-" || path->empty()) {
      throw InputError(std::string("--") + option, "expected the path of a file, got " +
                                                       headroom::quoted(*path) + "; name one");
    }
    const OutputFile probe(*path);  // leaves nothing behind unless committed
  }
}

SweepTableOptions table_options(const Invocation& call, const SweepResults& results) {
  SweepTableOptions options;
  if (call.has("rows")) {
    options.most_rows = static_cast<std::size_t>(whole_option(call, "rows", 1, kMostCells));
  }
  const std::string text = call.value("metrics").value_or("");
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    options.metrics.push_back(text.substr(begin, end - begin));
    begin = end + 1;
    if (metric_index(results, options.metrics.back()) != results.metrics.size()) continue;
    std::vector<std::string> names;
    for (const SweepMetric& metric : results.metrics) names.push_back(metric.name);
    throw InputError("--metrics", "expected metrics of the reports, got " +
                                      headroom::quoted(options.metrics.back()) +
                                      did_you_mean(options.metrics.back(), names));
  }
  return options;
}

std::string summary_line(const SweepResults& results, std::size_t invalid, std::size_t unfit) {
  std::string line = fmt::format("sweep: {} points x {} seeds of {}", results.points.size(),
                                 results.seeds.size(), results.scenario);
  if (unfit > 0) line += fmt::format(", {} cells do not fit", unfit);
  if (invalid > 0) line += fmt::format(", {} are no scenario", invalid);
  return line + ", digest " + results.digest + "\n";
}

/// Writes every output and says what came of it.
int answer(const Invocation& call, const SweepResults& results) {
  std::size_t invalid = 0, unfit = 0;
  const SweepCell* first_reason = nullptr;
  for (const SweepCell& cell : results.cells) {
    if (cell.status == CellStatus::ran) continue;
    if (first_reason == nullptr) first_reason = &cell;
    ++(cell.status == CellStatus::invalid ? invalid : unfit);
  }
  if (first_reason != nullptr && invalid == results.cells.size()) {
    complain(first_reason->why);
    return kExitBadInput;
  }
  const SweepTableOptions options = table_options(call, results);
  if (const auto path = call.value("csv")) write_document(*path, sweep_csv(results));
  if (const auto path = call.value("json")) write_document(*path, sweep_json(results));
  if (const auto path = call.value("html")) write_document(*path, sweep_page(results));
  if (const auto path = call.value("db")) write_sweep_database(*path, results);
  if (call.value("csv") != "-" && call.value("json") != "-" && call.value("html") != "-") {
    print(sweep_table(results, options));
    if (first_reason != nullptr) print("first that did not run: " + first_reason->why + "\n");
    print(summary_line(results, invalid, unfit));
  }
  return unfit + invalid == results.cells.size() ? kExitNo : kExitYes;
}

int interrupted_answer(const SweepFolder& folder) {
  complain(fmt::format(
      "headroom sweep: interrupted with {} of {} chunks done; go on with: headroom "
      "sweep resume {}, or the same command again",
      folder.plan().chunks() - folder.missing().size(), folder.plan().chunks(), folder.path()));
  return kExitInterrupted;
}

int finish(const Invocation& call, const SweepFolder& folder) {
  const std::vector<std::size_t> missing = folder.missing();
  if (!missing.empty()) {
    complain(
        fmt::format("headroom sweep: {} of {} chunks are missing; go on with: headroom sweep "
                    "resume {}",
                    missing.size(), folder.plan().chunks(), folder.path()));
    return kExitNoAnswer;
  }
  return answer(call, folder.merge());
}

int run_here(const Invocation& call, const SweepFolder& folder) {
  {
    ProgressLine progress("sweep", "cells", call.has("quiet"));
    SweepRunOptions options;
    options.jobs = jobs_of(call);
    options.stop = &interrupted();
    options.progress = [&](std::size_t done, std::size_t all) { progress.show(done, all); };
    run_chunks(folder, folder.missing(), options);
  }
  if (interrupted().load()) return interrupted_answer(folder);
  return finish(call, folder);
}

int run_on_slurm(const Invocation& call, const SweepFolder& folder) {
  SlurmOptions options;
  options.stop = &interrupted();
  options.most_tasks =
      static_cast<int>(call.has("jobs") ? whole_option(call, "jobs", 1, 100'000) : std::int64_t{0});
  options.say = [&](const std::string& line) {
    if (!call.has("quiet")) complain("sweep: " + line);
  };
  run_slurm(folder, options);
  if (interrupted().load()) return interrupted_answer(folder);
  return finish(call, folder);
}

/// Small chunks lose little to a kill; with a cluster, a task must be worth starting.
std::size_t chunk_cells_of(const Invocation& call, const SweepPlan& plan) {
  if (call.has("chunk-cells")) {
    return static_cast<std::size_t>(whole_option(call, "chunk-cells", 1, kMostCells));
  }
  if (call.value("on").value_or("local") == "slurm") return slurm_chunk_cells(plan);
  const std::size_t share = plan.cells() / (static_cast<std::size_t>(jobs_of(call)) * 8);
  return std::clamp<std::size_t>(share, 1, 16);
}

std::size_t task_number(const std::string& text) {
  if (text != "auto") {
    return static_cast<std::size_t>(parse_integer(text, 0, kMostCells, "--chunk"));
  }
  for (const char* name :
       {"SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX", "OMPI_COMM_WORLD_RANK", "PARALLEL_SEQ"}) {
    const char* value = std::getenv(name);
    if (value == nullptr) continue;
    const std::int64_t number = parse_integer(value, 0, kMostCells, name);
    // GNU parallel counts from 1.
    const bool from_one = std::string_view(name) == "PARALLEL_SEQ";
    return static_cast<std::size_t>(from_one ? std::max<std::int64_t>(number - 1, 0) : number);
  }
  throw InputError("--chunk",
                   "expected a task number in SLURM_ARRAY_TASK_ID, JOB_COMPLETION_INDEX, "
                   "OMPI_COMM_WORLD_RANK or PARALLEL_SEQ, got none; name the chunk");
}

}  // namespace

int command_sweep(const Invocation& call) {
  const std::string on = call.value("on").value_or("local");
  if (on != "local" && on != "slurm") {
    throw InputError(
        "--on", "expected local or slurm, got " + headroom::quoted(on) + "; choose one of them");
  }
  check_outputs(call);
  SweepPlan plan = sweep_plan(call);
  if (on == "slurm") check_slurm();
  plan.chunk_cells = chunk_cells_of(call, plan);
  watch_interrupts();
  const std::string path = folder_of(call, plan);
  const SweepFolder folder(path, std::move(plan));
  const int code = on == "slurm" ? run_on_slurm(call, folder) : run_here(call, folder);
  if (code <= kExitBadInput && !call.has("out")) folder.remove();
  return code;
}

int command_sweep_resume(const Invocation& call) {
  check_outputs(call);
  watch_interrupts();
  const SweepFolder folder(call.arguments().front());
  return run_here(call, folder);
}

int command_sweep_merge(const Invocation& call) {
  check_outputs(call);
  return finish(call, SweepFolder(call.arguments().front()));
}

int command_sweep_status(const Invocation& call) {
  const SweepFolder folder(call.arguments().front());
  const std::size_t missing = folder.missing().size();
  const SweepPlan& plan = folder.plan();
  print(fmt::format("sweep {}: {} points x {} seeds of {}, {} of {} chunks done\n", folder.digest(),
                    plan.points.size(), plan.seeds.size(), plan.base.file, plan.chunks() - missing,
                    plan.chunks()));
  return missing == 0 ? kExitYes : kExitNoAnswer;
}

int command_sweep_worker(const Invocation& call) {
  const SweepFolder folder(call.arguments().front());
  const std::size_t chunk = task_number(call.value("chunk").value_or("auto"));
  if (chunk >= folder.plan().chunks()) {
    throw InputError("--chunk", fmt::format("expected a chunk below {}, got {}; see headroom sweep "
                                            "status",
                                            folder.plan().chunks(), chunk));
  }
  watch_interrupts();
  CostCache costs;
  const bool done = run_chunk(folder, chunk, costs, &interrupted());
  return done ? kExitYes : kExitInterrupted;
}

}  // namespace headroom
