// Validation as text, Markdown and CSV.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "reports/text_layout.h"
#include "reports/validation.h"

namespace headroom {
namespace {

constexpr std::array<ServingMetric, kMeanMetrics> kShown{
    ServingMetric::tpot, ServingMetric::ttft, ServingMetric::end_to_end, ServingMetric::throughput};

std::string joined(const std::vector<std::string>& key) {
  std::string text;
  for (const std::string& part : key)
    text += (text.empty() ? "" : " / ") + (part.empty() ? std::string("-") : part);
  return text;
}

/// "median APE / MAPE / median signed / p90", percent.
std::string cell(const ErrorScore& score) {
  if (score.points == 0) return "-";
  return fmt::format("{:.1f} / {:.1f} / {:+.1f} / {:.0f}", score.median_ape * 100, score.mape * 100,
                     score.median_signed * 100, score.p90_ape * 100);
}

std::string split_cell(const GroupScore& group, ServingMetric metric) {
  const auto i = static_cast<std::size_t>(metric);
  if (group.fit[i].points == 0 && group.held_out[i].points == 0) return "-";
  const auto side = [](const ErrorScore& score) {
    return score.points == 0 ? std::string("-") : fmt::format("{:.1f}", score.median_ape * 100);
  };
  return side(group.fit[i]) + " | " + side(group.held_out[i]);
}

const ErrorScore& all_of(const GroupScore& group, ServingMetric metric) {
  return group.all[static_cast<std::size_t>(metric)];
}

std::string text_row(const GroupScore& group, const std::string& name) {
  std::string row = left_cell(name, 54) + right_cell(std::to_string(group.points), 6) +
                    right_cell(std::to_string(group.unpredicted), 6);
  for (const ServingMetric metric : kShown)
    row += "  " + left_cell(cell(all_of(group, metric)), 26);
  row += left_cell(split_cell(group, ServingMetric::tpot), 14);
  row += left_cell(split_cell(group, ServingMetric::ttft), 14);
  row += split_cell(group, ServingMetric::end_to_end);
  while (!row.empty() && row.back() == ' ') row.pop_back();
  return row + "\n";
}

std::string markdown_row(const GroupScore& group, const std::string& name) {
  std::string row =
      fmt::format("| {} | {} | {} ", printable(name), group.points, group.unpredicted);
  for (int i = 0; i < kMeanMetrics; ++i)
    row += "| " + cell(group.all[static_cast<std::size_t>(i)]) + " ";
  for (int i = 0; i < kMeanMetrics - 1; ++i) {
    std::string sides = split_cell(group, static_cast<ServingMetric>(i));
    std::replace(sides.begin(), sides.end(), '|', ':');
    row += "| " + sides + " ";
  }
  return row + "|\n";
}

std::string headline(const Validation& validation) {
  return fmt::format(
      "{} points: {} predicted and scored, {} without a prediction, {} doubtful apart\n",
      validation.points.size(), validation.total.points, validation.total.unpredicted,
      validation.doubtful.points + validation.doubtful.unpredicted);
}

/// Reasons for doubt with their counts.
std::string doubts_text(const Validation& validation) {
  std::map<std::string, std::size_t> counts;
  for (const ValidatedPoint& point : validation.points)
    if (!point.doubt.empty()) ++counts[point.doubt];
  std::string text = counts.empty() ? "" : "\nDoubtful, scored apart:\n";
  for (const auto& [doubt, count] : counts)
    text += right_cell(std::to_string(count), 6) + "  " + printable(doubt) + "\n";
  return text;
}

/// Quantiles of runs whose logs have them; the median APE over runs.
std::string tails_text(const Validation& validation) {
  std::string text;
  for (int i = kMeanMetrics; i < kServingMetrics; ++i) {
    const ErrorScore& score = validation.total.all[static_cast<std::size_t>(i)];
    if (score.points == 0) continue;
    if (text.empty()) text = "\nQuantiles: median APE / MAPE / median signed / p90 APE\n";
    text += left_cell(to_string(static_cast<ServingMetric>(i)), 20) +
            right_cell(std::to_string(score.points), 6) + "  " + cell(score) + "\n";
  }
  return text;
}

std::string csv_text(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c == '\n' ? ' ' : c;
  }
  return quoted + "\"";
}

std::string csv_number(const std::optional<double>& value) {
  return value ? fmt::format("{:.6g}", *value) : std::string();
}

/// What nothing measured on the devices of replayed logs, a line each.
std::string missing_text(const Validation& validation) {
  std::string text;
  for (const ValidatedPoint& point : validation.points) {
    const bool replay = point.mode == "llmservingsim" || point.mode == "trace-v2";
    if (!replay || !point.unpredicted.empty() || rests_on_its_device(point)) continue;
    text += fmt::format("  {}: {} of its time; measure or import such kernels of {}\n",
                        printable(point.detail), extrapolated_text(point), point.device);
  }
  if (text.empty()) return text;
  return "\nReplays whose costs lack kernels measured on their device:\n" + text;
}

}  // namespace

std::string validation_text(const Validation& validation) {
  std::string text = headline(validation);
  text +=
      "Errors in percent: median APE / MAPE / median signed / p90 APE; last three columns: median "
      "APE of TPOT, TTFT and end-to-end time on fitted | held-out points\n\n";
  std::string by;
  for (const GroupLabel label : validation.labels)
    by += std::string(by.empty() ? "" : " / ") + to_string(label);
  text += left_cell(by, 54) + right_cell("points", 7) + right_cell("none", 5) + "  " +
          left_cell("TPOT", 26) + "  " + left_cell("TTFT", 26) + "  " +
          left_cell("end-to-end", 28) + left_cell("throughput", 26) +
          "TPOT f|h      TTFT f|h      e2e f|h\n";
  for (const GroupScore& group : validation.groups) text += text_row(group, joined(group.key));
  text += text_row(validation.total, "all but doubtful");
  if (validation.doubtful.points + validation.doubtful.unpredicted > 0)
    text += text_row(validation.doubtful, "doubtful");
  text += doubts_text(validation);
  if (!validation.reasons.empty()) text += "\nNo prediction:\n";
  for (const auto& [reason, count] : validation.reasons)
    text += right_cell(std::to_string(count), 6) + "  " + printable(reason) + "\n";
  if (!validation.worst.empty()) text += "\nFurthest off (end to end):\n";
  for (const std::size_t i : validation.worst) {
    const ValidatedPoint& point = validation.points[i];
    text += fmt::format("  {:+.0f} %  {}: {}\n         {}\n",
                        point.error(ServingMetric::end_to_end).value_or(0) * 100,
                        printable(point.where), printable(point.detail), explain(point));
  }
  text += missing_text(validation);
  text += tails_text(validation);
  if (!validation.calibration.empty()) text += "\nCalibration:\n" + validation.calibration;
  return text + headline_text(validation.headlines);
}

std::string validation_markdown(const Validation& validation) {
  std::string text = "# Predicted against measured\n\n" + headline(validation);
  text +=
      "\nErrors in percent: median APE / MAPE / median signed / p90 APE. f : h: median APE on "
      "points that constants were fitted on, and on those held out.\n\n"
      "| group | points | none | TPOT | TTFT | end-to-end | throughput | TPOT f : h | TTFT f : h "
      "| end-to-end f : h |\n|---|---|---|---|---|---|---|---|---|---|\n";
  for (const GroupScore& group : validation.groups) text += markdown_row(group, joined(group.key));
  text += markdown_row(validation.total, "**all but doubtful**");
  text += markdown_row(validation.doubtful, "doubtful");
  if (const std::string doubts = doubts_text(validation); !doubts.empty())
    text += "\n## Doubtful\n\n```" + doubts + "```\n";
  text += "\n## No prediction\n\n| points | why |\n|---|---|\n";
  for (const auto& [reason, count] : validation.reasons)
    text += fmt::format("| {} | {} |\n", count, printable(reason));
  text += "\n## Furthest off\n\n| end-to-end | point | why |\n|---|---|---|\n";
  for (const std::size_t i : validation.worst) {
    const ValidatedPoint& point = validation.points[i];
    text += fmt::format("| {:+.0f} % | {} | {} |\n",
                        point.error(ServingMetric::end_to_end).value_or(0) * 100,
                        printable(point.detail), explain(point));
  }
  if (!validation.calibration.empty())
    text += "\n## Calibration\n\n```\n" + validation.calibration + "```\n";
  const std::string tails = tails_text(validation) + headline_text(validation.headlines);
  if (!tails.empty()) text += "\n## Headline figures\n\n```" + tails + "```\n";
  return text;
}

std::string validation_csv(const Validation& validation) {
  std::string text =
      "id,where,device,model,engine,mode,split,doubt,unpredicted,"
      "measured_ttft_ms,predicted_ttft_ms,measured_tpot_ms,predicted_tpot_ms,"
      "measured_e2e_ms,predicted_e2e_ms,measured_output_tok_s,predicted_output_tok_s,"
      "busy,queued_share,kv_blocks,kv_demand,kv_peak,preemptions,measured,interpolated,"
      "extrapolated";
  for (int i = 0; i < kOperatorClasses; ++i)
    text += std::string(",share_") + to_string(static_cast<OperatorClass>(i));
  for (int i = kMeanMetrics; i < kServingMetrics; ++i) {
    std::string name = to_string(static_cast<ServingMetric>(i));
    std::replace(name.begin(), name.end(), ' ', '_');
    text += ",measured_" + name + "_ms,predicted_" + name + "_ms";
  }
  text += "\n";
  for (const ValidatedPoint& point : validation.points) {
    for (const std::string* field :
         {&point.id, &point.where, &point.device, &point.model, &point.engine, &point.mode})
      text += csv_text(*field) + ",";
    text += fmt::format("{},{},{}", to_string(point.split), csv_text(point.doubt),
                        csv_text(point.unpredicted));
    for (const ServingMetric metric : {ServingMetric::ttft, ServingMetric::tpot,
                                       ServingMetric::end_to_end, ServingMetric::throughput}) {
      const auto i = static_cast<std::size_t>(metric);
      text += "," + csv_number(point.measured[i]) + "," + csv_number(point.predicted[i]);
    }
    text += fmt::format(",{:.4f},{:.4f},{},{:.4f},{:.4f},{}", point.busy, point.queued_share,
                        point.kv_blocks, point.kv_demand, point.kv_peak, point.preemptions);
    for (const double share : point.evidence) text += fmt::format(",{:.4f}", share);
    for (const double share : point.time_share) text += fmt::format(",{:.4f}", share);
    for (int i = kMeanMetrics; i < kServingMetrics; ++i) {
      const auto at = static_cast<std::size_t>(i);
      text += "," + csv_number(point.measured[at]) + "," + csv_number(point.predicted[at]);
    }
    text += "\n";
  }
  return text;
}

}  // namespace headroom
