// `headroom compare`: did it get worse.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>

#include "reports/comparison_text.h"
#include "reports/html/comparison_page.h"
#include "reports/output_file.h"
#include "sim/check.h"
#include "sim/cli/commands.h"
#include "sim/cli/exit_codes.h"
#include "sim/cli/first_difference.h"
#include "sim/cli/terminal.h"
#include "sim/quantity_text.h"

namespace headroom {
namespace {

ComparisonOptions options_of(const Invocation& call) {
  ComparisonOptions options;
  for (const auto& [name, text] : call.options()) {
    if (name == "fail-on") options.gates.push_back(parse_gate(text, "--fail-on"));
  }
  if (call.has("force")) options.force = ComparisonOptions::Force::yes;
  if (call.has("strict")) options.doubt = ComparisonOptions::Doubt::fails;
  return options;
}

/// A gate on a figure that no side has is mistyped, unless it is one that reports may leave out.
void check_gates(const std::vector<Gate>& gates, const std::vector<RecordFile>& files) {
  std::vector<std::string> names;
  for (const RecordFile& file : files) {
    for (const RecordSet& set : file.sets) {
      for (const RunRecord& run : set.runs) {
        for (const NamedMetric& metric : run.metrics) names.push_back(metric.name);
      }
    }
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  for (const std::string& word : short_metric_names()) names.push_back(full_metric_name(word));
  for (const char* usual : {"latency.ttft.p99", "latency.tpot.p99"}) names.emplace_back(usual);
  for (const Gate& gate : gates) {
    if (std::find(names.begin(), names.end(), gate.metric) != names.end()) continue;
    throw InputError("--fail-on",
                     fmt::format("expected a figure of the reports, got {}{}",
                                 headroom::quoted(gate.metric), did_you_mean(gate.metric, names)));
  }
}

using Writer = std::string (*)(const std::vector<Comparison>&);
constexpr std::array<std::pair<const char*, Writer>, 5> kDocuments = {
    {{"json", comparison_json},
     {"html", comparison_page},
     {"markdown", comparison_markdown},
     {"junit", comparison_junit},
     {"sarif", comparison_sarif}}};

constexpr std::initializer_list<const char*> kOptions = {"json", "html", "markdown", "junit",
                                                         "sarif"};

void check_outputs(const Invocation& call) {
  check_places(call, kOptions);
  if (call.has("first-difference") && takes_stdout(call, kOptions)) {
    throw InputError("--first-difference",
                     "expected the answer on stdout, got another document there; name a file");
  }
}

int code_of(const std::vector<Comparison>& comparisons) {
  const auto any = [&](Outcome outcome) {
    return std::any_of(comparisons.begin(), comparisons.end(),
                       [&](const Comparison& one) { return one.outcome == outcome; });
  };
  if (any(Outcome::worse)) return kExitNo;
  return any(Outcome::no_answer) ? kExitNoAnswer : kExitYes;
}

}  // namespace

int command_compare(const Invocation& call) {
  check_outputs(call);
  const ComparisonOptions options = options_of(call);
  std::vector<RecordFile> files;
  for (const std::string& source : call.arguments()) files.push_back(read_records(source));
  check_gates(options.gates, files);
  std::vector<Comparison> comparisons;
  for (std::size_t i = 1; i < files.size(); ++i) {
    comparisons.push_back(compare_records(files.front(), files[i], options));
  }
  for (const auto& [option, write] : kDocuments) {
    if (const auto path = call.value(option)) write_document(*path, write(comparisons));
  }
  if (takes_stdout(call, kOptions)) return code_of(comparisons);
  const Detail detail = call.has("verbose") ? Detail::everything : Detail::changes;
  for (std::size_t i = 0; i < comparisons.size(); ++i) {
    if (i > 0) print("\n");
    print(comparison_console(comparisons[i], detail));
    if (call.has("first-difference")) print("\n" + first_difference(files.front(), files[i + 1]));
  }
  return code_of(comparisons);
}

}  // namespace headroom
