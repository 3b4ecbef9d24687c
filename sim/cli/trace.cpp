// `headroom trace info | convert | generate`.
#include <fmt/format.h>

#include <limits>
#include <memory>
#include <optional>

#include "reports/output_file.h"
#include "sim/check.h"
#include "sim/cli/assemble.h"
#include "sim/cli/commands.h"
#include "sim/cli/exit_codes.h"
#include "sim/cli/scenario_files.h"
#include "sim/cli/terminal.h"
#include "sim/quantity_text.h"
#include "traces/convert.h"
#include "traces/trace_info.h"
#include "traces/trace_reader.h"
#include "traces/trace_source.h"

namespace headroom {
namespace {

constexpr std::int64_t kMostRequests = std::int64_t{1} << 40;

/// A reader that passes on a part of another: at most so many rows, of a window, faster.
class PartOfTrace final : public TraceReader {
 public:
  explicit PartOfTrace(std::unique_ptr<TraceReader> whole) : whole_(std::move(whole)) {}
  std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  Duration start{0};
  std::optional<Duration> end{};
  double rate_scale = 1;

  [[nodiscard]] std::optional<TraceRow> next() override {
    if (taken_ >= most) return std::nullopt;
    for (;;) {
      std::optional<TraceRow> row = whole_->next();
      if (!row) return row;
      if (row->offset) {
        if (*row->offset < start) continue;
        if (end && *row->offset >= *end) return std::nullopt;
        row->offset = scaled(*row->offset - start, rate_scale);
      }
      ++taken_;
      return row;
    }
  }
  [[nodiscard]] const TraceFormat& format() const override { return whole_->format(); }
  [[nodiscard]] bool has_arrivals() const override { return whole_->has_arrivals(); }
  [[nodiscard]] SkippedRows skipped() const override { return whole_->skipped(); }
  [[nodiscard]] std::string place() const override { return whole_->place(); }

 private:
  std::unique_ptr<TraceReader> whole_;
  std::uint64_t taken_ = 0;
};

std::unique_ptr<PartOfTrace> open_part(const Invocation& call) {
  auto part = std::make_unique<PartOfTrace>(
      open_trace(call.arguments().front(), call.value("format").value_or("auto")));
  if (call.has("limit")) {
    part->most = static_cast<std::uint64_t>(whole_option(call, "limit", 1, kMostRequests));
  }
  const bool timed = call.has("rate-scale") || call.has("window");
  if (timed && !part->has_arrivals()) {
    throw InputError(call.has("window") ? "--window" : "--rate-scale",
                     "expected a trace with arrivals, got lengths only; remove the option");
  }
  if (const auto text = call.value("rate-scale")) {
    part->rate_scale = parse_number(*text, 1e-6, 1e6, "--rate-scale");
  }
  if (const auto text = call.value("window")) {
    const WindowTexts window = split_window(*text, "--window");
    if (!window.start.empty()) part->start = parse_duration(window.start, "--window");
    if (!window.end.empty()) part->end = parse_duration(window.end, "--window");
    if (part->end && *part->end <= part->start) {
      throw InputError("--window", "expected an end after the start, got " +
                                       headroom::quoted(*text) + "; swap them");
    }
  }
  return part;
}

bool ends_with(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

/// csv or jsonl, as --to says or else the name of the output; csv on stdout.
TraceWriter::Format output_format(const Invocation& call, const std::string& output) {
  const std::string wanted = call.value("to").value_or("");
  const bool json_name = ends_with(output, ".jsonl") || ends_with(output, ".json");
  if (wanted == "csv" || (wanted.empty() && (output == "-" || ends_with(output, ".csv")))) {
    return TraceWriter::Format::csv;
  }
  if (wanted == "jsonl" || (wanted.empty() && json_name)) return TraceWriter::Format::jsonl;
  if (wanted.empty()) {
    throw InputError("--output", "expected a name ending in .csv or .jsonl, got " +
                                     headroom::quoted(output) + "; or add --to csv");
  }
  throw InputError(
      "--to", "expected csv or jsonl, got " + headroom::quoted(wanted) + "; choose one of them");
}

std::string required_output(const Invocation& call) {
  const std::optional<std::string> output = call.value("output");
  if (!output) {
    throw InputError("headroom " + std::string(call.command().name),
                     "expected --output FILE, got none; add it (- for stdout)");
  }
  return *output;
}

void tell(const ConvertSummary& summary) {
  std::string line = fmt::format("{} requests written", summary.rows);
  if (summary.skipped.failed + summary.skipped.empty > 0) {
    line += fmt::format("; {} rows without prompt or answer left out",
                        summary.skipped.failed + summary.skipped.empty);
  }
  if (summary.rows_without_prefix > 0) {
    line += fmt::format("; the prefix blocks of {} rows do not fit into CSV, use --to jsonl",
                        summary.rows_without_prefix);
  }
  complain(line);
}

}  // namespace

int command_trace_info(const Invocation& call) {
  const std::string& path = call.arguments().front();
  const std::unique_ptr<PartOfTrace> reader = open_part(call);
  print(to_text(trace_info(*reader, path == "-" ? "standard input" : path)));
  return kExitYes;
}

int command_trace_convert(const Invocation& call) {
  const std::string output = required_output(call);
  const TraceWriter::Format format = output_format(call, output);
  const std::unique_ptr<PartOfTrace> reader = open_part(call);
  OutputFile file(output);
  TraceWriter writer([&](std::string_view text) { file.write(text); }, format);
  const ConvertSummary summary = convert_trace(*reader, writer);
  if (summary.rows == 0) {
    throw InputError(call.arguments().front(),
                     "expected at least one request in this part, got none; widen it");
  }
  file.commit();
  tell(summary);
  return kExitYes;
}

int command_trace_generate(const Invocation& call) {
  const std::string output = required_output(call);
  const TraceWriter::Format format = output_format(call, output);
  const LoadedScenario loaded = load_scenario(call);
  const Scenario& scenario = loaded.scenario;
  if (!scenario.workload.trace.empty()) {
    throw InputError(scenario.file + ": /workload/trace",
                     "expected a generated load, got a trace; use `headroom trace convert`");
  }
  const std::unique_ptr<RequestSource> source = open_workload(scenario);
  OutputFile file(output);
  TraceWriter writer([&](std::string_view text) { file.write(text); }, format);
  const ConvertSummary summary = write_arrivals(*source, writer);
  file.commit();
  tell(summary);
  return kExitYes;
}

}  // namespace headroom
