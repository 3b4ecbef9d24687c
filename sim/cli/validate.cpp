// `headroom validate`: how far predictions are from measured serving points.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "models/engine_calibration.h"
#include "reports/output_file.h"
#include "reports/validation.h"
#include "sim/check.h"
#include "sim/cli/commands.h"
#include "sim/cli/exit_codes.h"
#include "sim/cli/terminal.h"
#include "sim/cli/validate_journal.h"
#include "sim/cli/validate_open.h"
#include "sim/cli/validate_output.h"
#include "sim/cli/validate_run.h"
#include "sim/quantity_text.h"
#include "traces/serving_points.h"

namespace headroom {
namespace {

constexpr std::size_t kWorstShown = 12;

std::vector<std::string> split_list(const std::string& text) {
  std::vector<std::string> words;
  std::size_t start = 0;
  for (;;) {
    const std::size_t comma = text.find(',', start);
    words.push_back(text.substr(start, comma == std::string::npos ? comma : comma - start));
    if (comma == std::string::npos) return words;
    start = comma + 1;
  }
}

std::vector<GroupLabel> group_labels(const Invocation& call) {
  constexpr std::array<GroupLabel, 4> kAll{GroupLabel::device, GroupLabel::model,
                                           GroupLabel::engine, GroupLabel::mode};
  const auto text = call.value("by");
  if (!text) return {kAll.begin(), kAll.end()};
  std::vector<std::string> known;
  for (const GroupLabel label : kAll) known.emplace_back(to_string(label));
  std::vector<GroupLabel> labels;
  for (const std::string& word : split_list(*text)) {
    const auto found = std::find(known.begin(), known.end(), word);
    if (found == known.end()) {
      throw InputError("--by", "expected device, model, engine or mode, separated by commas, got " +
                                   quoted(word) + did_you_mean(word, known));
    }
    const GroupLabel label = kAll[static_cast<std::size_t>(found - known.begin())];
    if (std::find(labels.begin(), labels.end(), label) != labels.end())
      throw InputError("--by", "expected each label once, got " + quoted(word) + " again");
    labels.push_back(label);
  }
  return labels;
}

ValidateOptions read_options(const Invocation& call) {
  ValidateOptions options;
  options.jobs = static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1U, 64U));
  if (call.has("jobs")) options.jobs = static_cast<int>(whole_option(call, "jobs", 1, 256));
  if (call.has("requests-per-client"))
    options.habits.requests_per_client = whole_option(call, "requests-per-client", 1, 10'000);
  if (const auto text = call.value("shortest"))
    options.habits.shortest = parse_number(*text, 0.001, 1, "--shortest");
  if (const auto text = call.value("cost"); text && *text != "pack") options.habits.cost = *text;
  if (const auto text = call.value("device")) options.habits.device = *text;
  for (const auto& [name, value] : call.options()) {
    if (name != "engine") continue;
    const std::size_t equals = value.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == value.size()) {
      throw InputError("--engine",
                       "expected NAME=FILE, got " + quoted(value) + "; e.g. vllm=my-engine.json");
    }
    options.habits.engines[value.substr(0, equals)] = value.substr(equals + 1);
  }
  return options;
}

/// Where gpt-oss-120b's passes ran: one B200 under TensorRT-LLM (aiconfigurator-data section 3.3).
ServingPoint pass_deployment() {
  ServingPoint point;
  point.id = "forward passes";
  point.where = "forward passes";
  point.model = "gpt-oss-120b";
  point.device = "b200_sxm";
  point.engine = "trtllm";
  point.prompt = point.output = point.concurrency = 1;
  return point;
}

/// Which constants were fitted on measured points, and what error they left there.
std::string calibration_lines() {
  std::string text;
  for (const EngineCalibration& row : engine_calibrations()) {
    text += fmt::format(
        "  {}{}{} on {}: fitted on {} points of the fit half; left TPOT {:.1f} %, TTFT {:.1f} %\n",
        row.engine, *row.versions == '\0' ? "" : " ", row.versions, row.device, row.fitted_on,
        row.tpot, row.ttft);
  }
  return text + "  other engines and devices: descriptions as they ship, no calibration\n";
}

enum class SplitChoice { fit, held_out, all };

SplitChoice split_choice(const Invocation& call) {
  const std::string word = call.value("split").value_or("all");
  if (word == "all") return SplitChoice::all;
  if (word == "fit") return SplitChoice::fit;
  if (word == "held-out") return SplitChoice::held_out;
  const std::vector<std::string> known{"fit", "held-out", "all"};
  throw InputError(
      "--split", "expected fit, held-out or all, got " + quoted(word) + did_you_mean(word, known));
}

bool chosen(SplitChoice choice, const ServingPoint& point) {
  if (choice == SplitChoice::all) return true;
  return (split_of(point.configuration()) == Split::fit) == (choice == SplitChoice::fit);
}

/// Options that each write one document.
constexpr std::initializer_list<const char*> kDocuments = {"json", "markdown", "points-csv", "svg"};

struct Outputs {
  std::unique_ptr<OutputFile> json, markdown, points, svg;

  explicit Outputs(const Invocation& call) {
    const auto open = [&](const char* option) {
      const auto path = call.value(option);
      return path ? std::make_unique<OutputFile>(*path) : nullptr;
    };
    json = open("json");
    markdown = open("markdown");
    points = open("points-csv");
    svg = open("svg");
  }
  void commit(const Validation& validation) const {
    if (json) json->write(validation_json(validation));
    if (markdown) markdown->write(validation_markdown(validation));
    if (points) points->write(validation_csv(validation));
    if (svg) svg->write(validation_svg(validation));
    for (const auto* file : {&json, &markdown, &points, &svg})
      if (*file) (*file)->commit();
  }
};

void append(std::vector<ValidatedPoint>& all, std::vector<ValidatedPoint> more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

std::unique_ptr<PointJournal> open_journal(const Invocation& call, const ValidateOptions& options) {
  const auto path = call.value("resume");
  if (!path) return nullptr;
  if (call.has("against")) {
    throw InputError("--resume",
                     "expected one cost model to go on with, got --against beside it; validate "
                     "each model by itself");
  }
  auto journal = std::make_unique<PointJournal>(*path, validate_identity(options.habits));
  if (journal->size() > 0) {
    complain(fmt::format("headroom validate: {} points are in {} already", journal->size(), *path));
  }
  return journal;
}

std::string interrupted_text(const PointJournal* journal, const Invocation& call) {
  if (journal == nullptr) return "no file was written";
  return fmt::format("{} points are kept in {}", journal->size(), *call.value("resume"));
}

}  // namespace

int command_validate(const Invocation& call) {
  check_places(call, kDocuments);
  const std::vector<GroupLabel> labels = group_labels(call);
  ValidateOptions options = read_options(call);
  const SplitChoice split = split_choice(call);
  std::vector<ServingPoint> points;
  std::vector<MeasuredRun> runs;
  std::vector<ForwardPass> passes;
  for (const std::string& path : call.arguments()) {
    MeasuredFile file = read_measured(path);
    for (ServingPoint& point : file.points)
      if (chosen(split, point)) points.push_back(std::move(point));
    passes.insert(passes.end(), file.passes.begin(), file.passes.end());
    runs.insert(runs.end(), std::make_move_iterator(file.runs.begin()),
                std::make_move_iterator(file.runs.end()));
  }
  watch_interrupts();
  const std::unique_ptr<PointJournal> journal = open_journal(call, options);
  options.journal = journal.get();
  const Outputs outputs(call);
  options.stop = &interrupted();
  const auto predict = [&] {
    std::vector<ValidatedPoint> results = run_points(points, options);
    append(results, run_open_loops(runs, options));
    if (!passes.empty()) append(results, run_passes(passes, pass_deployment(), options));
    return results;
  };
  std::vector<ValidatedPoint> results = predict();
  const std::optional<std::string> against = call.value("against");
  std::string compared;
  if (against) {
    options.habits.cost = *against == "pack" ? "" : *against;
    compared = comparison_text(results, call.value("cost").value_or("pack"), predict(), *against);
  }
  if (interrupted().load()) {
    complain("headroom validate: interrupted; " + interrupted_text(journal.get(), call) +
             "; run the same command again");
    return kExitInterrupted;
  }
  Validation validation = validate_points(std::move(results), labels, kWorstShown);
  validation.calibration = calibration_lines();
  outputs.commit(validation);
  if (!takes_stdout(call, kDocuments)) print(validation_text(validation) + compared);
  return validation.total.points > 0 ? kExitYes : kExitNoAnswer;
}

}  // namespace headroom
