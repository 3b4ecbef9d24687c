#include "sim/cli/validate_output.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "reports/number_text.h"
#include "sim/math.h"

namespace headroom {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<ServingMetric, kMeanMetrics> kShown{
    ServingMetric::tpot, ServingMetric::ttft, ServingMetric::end_to_end, ServingMetric::throughput};

Json score_json(const ErrorScore& score) {
  return {{"points", score.points},
          {"mape", nine_digits(score.mape)},
          {"median_ape", nine_digits(score.median_ape)},
          {"median_signed", nine_digits(score.median_signed)},
          {"p90_ape", nine_digits(score.p90_ape)}};
}

Json group_json(const GroupScore& group, const std::vector<GroupLabel>& labels) {
  Json json;
  for (std::size_t i = 0; i < group.key.size(); ++i) json[to_string(labels[i])] = group.key[i];
  json["points"] = group.points;
  json["unpredicted"] = group.unpredicted;
  for (int i = 0; i < kServingMetrics; ++i) {
    const auto at = static_cast<std::size_t>(i);
    json["errors"][to_string(static_cast<ServingMetric>(i))] = {
        {"all", score_json(group.all[at])},
        {"fit", score_json(group.fit[at])},
        {"held_out", score_json(group.held_out[at])}};
  }
  return json;
}

Json point_json(const ValidatedPoint& point) {
  Json json{{"id", point.id},
            {"where", point.where},
            {"device", point.device},
            {"model", point.model},
            {"engine", point.engine},
            {"mode", point.mode},
            {"split", to_string(point.split)}};
  for (int i = 0; i < kEvidences; ++i) {
    const double share = point.evidence[static_cast<std::size_t>(i)];
    if (share > 0) json["evidence"][to_string(static_cast<Evidence>(i))] = nine_digits(share);
  }
  if (!point.doubt.empty()) json["doubt"] = point.doubt;
  if (!point.unpredicted.empty()) json["unpredicted"] = point.unpredicted;
  for (int i = 0; i < kServingMetrics; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const char* name = to_string(static_cast<ServingMetric>(i));
    if (point.measured[at]) json["measured"][name] = nine_digits(*point.measured[at]);
    if (point.predicted[at]) json["predicted"][name] = nine_digits(*point.predicted[at]);
  }
  return json;
}

Json headline_json(const HeadlineFigure& figure) {
  Json json{{"name", figure.name},
            {"metric", to_string(figure.metric)},
            {"all", score_json(figure.all)},
            {"fit", score_json(figure.fit)},
            {"held_out", score_json(figure.held_out)}};
  if (figure.target > 0) json["target"] = figure.target;
  if (figure.within_double) json["within_factor_2"] = nine_digits(*figure.within_double);
  return json;
}

/// One panel of the scatter plot: logarithmic, the same range on both axes.
class Panel {
 public:
  Panel(const Validation& validation, ServingMetric metric, double left)
      : metric_(metric), left_(left) {
    for (const ValidatedPoint& point : validation.points) {
      if (!point.error(metric)) continue;
      const auto i = static_cast<std::size_t>(metric);
      low_ = std::min({low_, *point.measured[i], *point.predicted[i]});
      high_ = std::max({high_, *point.measured[i], *point.predicted[i]});
    }
    low_ = std::max(low_, 1e-6);
    if (high_ <= low_) high_ = low_ * 10;
  }

  [[nodiscard]] std::string svg(const Validation& validation) const {
    std::string text = fmt::format(
        "<rect x=\"{0}\" y=\"{1}\" width=\"{2}\" height=\"{2}\" fill=\"none\" "
        "stroke=\"#888\"/>\n<text x=\"{3}\" y=\"28\" text-anchor=\"middle\">{4}</text>\n"
        "<line x1=\"{0}\" y1=\"{5}\" x2=\"{6}\" y2=\"{1}\" stroke=\"#444\"/>\n",
        left_, kTop, kSize, left_ + kSize / 2, to_string(metric_), kTop + kSize, left_ + kSize);
    for (const ValidatedPoint& point : validation.points) {
      if (!point.error(metric_)) continue;
      const auto i = static_cast<std::size_t>(metric_);
      text += fmt::format(
          "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2\" fill=\"{}\" fill-opacity=\"0.5\"/>\n",
          left_ + at(*point.measured[i]) * kSize, kTop + (1 - at(*point.predicted[i])) * kSize,
          point.split == Split::fit ? "#d95f02" : "#1b6ca8");
    }
    return text +
           fmt::format(
               "<text x=\"{}\" y=\"{}\">measured {:.3g} to {:.3g}, predicted upwards</text>\n",
               left_, kTop + kSize + 18, low_, high_);
  }
  static constexpr double kSize = 320, kTop = 40;

 private:
  [[nodiscard]] double at(double value) const {
    return portable_log(std::max(value, low_) / low_) / portable_log(high_ / low_);
  }
  ServingMetric metric_;
  double left_;
  double low_ = 1e300, high_ = 0;
};

}  // namespace

std::string validation_json(const Validation& validation) {
  Json json;
  json["schema_version"] = 1;
  json["all"] = group_json(validation.total, validation.labels);
  json["doubtful"] = group_json(validation.doubtful, validation.labels);
  json["headlines"] = Json::array();
  for (const HeadlineFigure& figure : validation.headlines)
    json["headlines"].push_back(headline_json(figure));
  json["calibration"] = validation.calibration;
  json["groups"] = Json::array();
  for (const GroupScore& group : validation.groups)
    json["groups"].push_back(group_json(group, validation.labels));
  json["no_prediction"] = Json::array();
  for (const auto& [reason, count] : validation.reasons)
    json["no_prediction"].push_back({{"points", count}, {"why", reason}});
  json["worst"] = Json::array();
  for (const std::size_t i : validation.worst) {
    json["worst"].push_back(
        {{"id", validation.points[i].id}, {"why", explain(validation.points[i])}});
  }
  json["points"] = Json::array();
  for (const ValidatedPoint& point : validation.points) json["points"].push_back(point_json(point));
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string validation_svg(const Validation& validation) {
  constexpr double kGap = 40;
  std::string text = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" "
      "font-family=\"sans-serif\" font-size=\"12\">\n"
      "<text x=\"{}\" y=\"14\">orange: fitted on, blue: held out; on the line: exact</text>\n",
      kGap + static_cast<double>(kShown.size()) * (Panel::kSize + kGap),
      Panel::kTop + Panel::kSize + kGap, kGap);
  double left = kGap;
  for (const ServingMetric metric : kShown) {
    text += Panel(validation, metric, left).svg(validation);
    left += Panel::kSize + kGap;
  }
  return text + "</svg>\n";
}

}  // namespace headroom
