// The figures that the project is held to, and why single points are far off.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "reports/text_layout.h"
#include "reports/validation.h"

namespace headroom {
namespace {

using Chosen = std::function<bool(const ValidatedPoint&)>;

struct HeadlineSpec {
  const char* name;
  std::vector<std::pair<ServingMetric, double>> metrics;  ///< with their targets
  Chosen chosen;
};

bool is_any(const std::string& text, std::initializer_list<const char*> words) {
  return std::any_of(words.begin(), words.end(), [&](const char* word) { return text == word; });
}

bool dense_of_issue(const ValidatedPoint& point) {
  return point.mode == "agg" && point.kind == ModelKind::dense &&
         is_any(point.device, {"h100-sxm", "h200-sxm", "b200-sxm"});
}

const std::vector<HeadlineSpec>& specs() {
  using enum ServingMetric;
  static const std::vector<HeadlineSpec> all{
      {"dense, vLLM on H100 and H200",
       {{tpot, 0.05}},
       [](const ValidatedPoint& p) {
         return dense_of_issue(p) && p.engine.starts_with("vllm") && p.device != "b200-sxm";
       }},
      {"dense on H100, H200, B200",
       {{tpot, 0.08}, {ttft, 0.20}, {end_to_end, 0.08}, {throughput, 0}},
       dense_of_issue},
      {"gpt-oss and Qwen3-235B",
       {{tpot, 0.10}, {ttft, 0}, {end_to_end, 0}},
       [](const ValidatedPoint& p) {
         return p.mode == "agg" &&
                (p.model.starts_with("gpt-oss") || p.model.starts_with("qwen3-235b"));
       }},
      {"latent attention (DeepSeek, Kimi)",
       {{tpot, 0}, {ttft, 0}, {end_to_end, 0}},
       [](const ValidatedPoint& p) { return p.mode == "agg" && p.kind == ModelKind::latent; }},
      {"KV memory saturated",
       {{end_to_end, 0}},
       [](const ValidatedPoint& p) { return p.mode == "agg" && p.kv_demand > 1; }},
      {"separate prefill and decode pools",
       {{tpot, 0}, {ttft, 0}, {end_to_end, 0}},
       [](const ValidatedPoint& p) { return p.mode == "disagg"; }},
      {"forward passes",
       {{ttft, 0.10}},
       [](const ValidatedPoint& p) { return p.mode == "forward pass"; }},
      {"inference-perf runs",
       {{end_to_end, 0.06}, {ttft, 0.15}, {tpot, 0.06}},
       [](const ValidatedPoint& p) { return p.mode == "inference-perf"; }},
      {"LLMServingSim replays",
       {{ttft, 0.10}, {tpot, 0.10}, {end_to_end, 0.10}},
       [](const ValidatedPoint& p) { return p.mode == "llmservingsim" && rests_on_its_device(p); }},
      {"the same, kernels missing",
       {{ttft, 0}, {tpot, 0}, {end_to_end, 0}},
       [](const ValidatedPoint& p) {
         return p.mode == "llmservingsim" && !rests_on_its_device(p);
       }},
      {"TraceV2 replays",
       {{ttft, 0}, {tpot, 0}, {end_to_end, 0}},
       [](const ValidatedPoint& p) { return p.mode == "trace-v2"; }},
  };
  return all;
}

bool counts(const ValidatedPoint& point) {
  return point.doubt.empty() && point.unpredicted.empty();
}

HeadlineFigure figure_of(const HeadlineSpec& spec, ServingMetric metric, double target,
                         const std::vector<const ValidatedPoint*>& points) {
  HeadlineFigure figure;
  figure.name = spec.name;
  figure.metric = metric;
  figure.target = target;
  std::vector<double> all, fit, held_out;
  double near = 0;
  for (const ValidatedPoint* point : points) {
    const auto error = point->error(metric);
    if (!error) continue;
    all.push_back(*error);
    (point->split == Split::fit ? fit : held_out).push_back(*error);
    if (*error <= 1 && *error >= -0.5) near += 1;
  }
  if (!all.empty() && std::string(spec.name).starts_with("KV memory"))
    figure.within_double = near / static_cast<double>(all.size());
  figure.all = score_of(std::move(all));
  figure.fit = score_of(std::move(fit));
  figure.held_out = score_of(std::move(held_out));
  return figure;
}

std::string percent(const ErrorScore& score) {
  return score.points == 0 ? "-" : fmt::format("{:.1f}", score.median_ape * 100);
}

std::string verdict(const HeadlineFigure& figure) {
  if (figure.within_double)
    return fmt::format("{:.0f} % within a factor of 2", *figure.within_double * 100);
  if (figure.target <= 0) return "";
  return fmt::format("{:.0f} {}", figure.target * 100,
                     figure.all.median_ape <= figure.target ? "met" : "missed");
}

}  // namespace

std::vector<HeadlineFigure> headline_figures(const std::vector<ValidatedPoint>& points) {
  std::vector<HeadlineFigure> figures;
  for (const HeadlineSpec& spec : specs()) {
    std::vector<const ValidatedPoint*> chosen;
    for (const ValidatedPoint& point : points)
      if (counts(point) && spec.chosen(point)) chosen.push_back(&point);
    for (const auto& [metric, target] : spec.metrics) {
      HeadlineFigure figure = figure_of(spec, metric, target, chosen);
      if (figure.all.points > 0) figures.push_back(std::move(figure));
    }
  }
  return figures;
}

std::string headline_text(const std::vector<HeadlineFigure>& figures) {
  if (figures.empty()) return {};
  std::string text = "\nHeadline figures: median APE in percent, and where it came from a half\n";
  text += left_cell("", 36) + left_cell("figure", 12) + right_cell("points", 7) +
          right_cell("all", 8) + right_cell("fitted", 8) + right_cell("held-out", 10) +
          "  target\n";
  for (const HeadlineFigure& figure : figures) {
    std::string row = left_cell(figure.name, 36) + left_cell(to_string(figure.metric), 12) +
                      right_cell(std::to_string(figure.all.points), 7) +
                      right_cell(percent(figure.all), 8) + right_cell(percent(figure.fit), 8) +
                      right_cell(percent(figure.held_out), 10) + "  " + verdict(figure);
    while (row.back() == ' ') row.pop_back();
    text += row + "\n";
  }
  return text;
}

std::string comparison_text(const std::vector<ValidatedPoint>& first, const std::string& first_name,
                            const std::vector<ValidatedPoint>& second,
                            const std::string& second_name) {
  std::vector<ValidatedPoint> both_first, both_second;
  for (std::size_t i = 0; i < std::min(first.size(), second.size()); ++i) {
    if (!counts(first[i]) || !counts(second[i])) continue;
    both_first.push_back(first[i]);
    both_second.push_back(second[i]);
  }
  const std::vector<HeadlineFigure> one = headline_figures(both_first);
  const std::vector<HeadlineFigure> two = headline_figures(both_second);
  std::string text =
      fmt::format("\nMedian APE in percent of {} points that both predict: {} against {}\n",
                  both_first.size(), first_name, second_name);
  text += left_cell("", 36) + left_cell("figure", 12) + right_cell("points", 7) +
          right_cell("first", 8) + right_cell("second", 8) + right_cell("loss", 8) + "\n";
  for (std::size_t i = 0; i < one.size() && i < two.size(); ++i) {
    text += left_cell(one[i].name, 36) + left_cell(to_string(one[i].metric), 12) +
            right_cell(std::to_string(one[i].all.points), 7) + right_cell(percent(one[i].all), 8) +
            right_cell(percent(two[i].all), 8) +
            right_cell(
                fmt::format("{:+.1f}", (one[i].all.median_ape - two[i].all.median_ape) * 100), 8) +
            "\n";
  }
  return text;
}

bool rests_on_its_device(const ValidatedPoint& point) {
  constexpr double kMost = 0.05;
  return point.evidence[static_cast<std::size_t>(Evidence::extrapolated)] <= kMost;
}

std::string extrapolated_text(const ValidatedPoint& point) {
  constexpr double kLeast = 0.01;
  std::string text;
  for (std::size_t i = 0; i < point.extrapolated.size(); ++i) {
    const double share = point.extrapolated[i];
    if (share < kLeast) continue;
    text += fmt::format("{}{} {:.0f} %", text.empty() ? "" : ", ",
                        to_string(static_cast<OperatorClass>(i)), share * 100);
  }
  return text;
}

std::string explain(const ValidatedPoint& point) {
  const auto tpot = point.error(ServingMetric::tpot).value_or(0);
  const auto ttft = point.error(ServingMetric::ttft).value_or(0);
  const auto largest = std::max_element(point.time_share.begin(), point.time_share.end());
  const auto kind = static_cast<OperatorClass>(largest - point.time_share.begin());
  std::string text = fmt::format("TPOT {:+.0f} %, TTFT {:+.0f} %; {:.0f} % of time in {}",
                                 tpot * 100, ttft * 100, *largest * 100, to_string(kind));
  const double held = point.evidence[static_cast<std::size_t>(Evidence::extrapolated)];
  if (held >= 0.01) {
    text += fmt::format("; {:.0f} % of its costs extrapolated", held * 100);
    if (const std::string kinds = extrapolated_text(point); !kinds.empty())
      text += " (" + kinds + ")";
  }
  if (point.preemptions > 0) {
    text +=
        fmt::format("; KV full: {} preemptions at {} blocks", point.preemptions, point.kv_blocks);
  } else if (point.kv_peak > 0.95) {
    text += fmt::format("; KV {:.0f} % full of {} blocks", point.kv_peak * 100, point.kv_blocks);
  } else if (point.kv_demand > 1) {
    text += fmt::format("; its clients ask for {:.1f} times the KV memory", point.kv_demand);
  }
  if (point.queued_share > 0.5) {
    text += fmt::format("; {:.0f} % of TTFT is waiting", point.queued_share * 100);
  }
  if (!point.note.empty()) text += "; " + point.note;
  return text;
}

}  // namespace headroom
