#include "reports/gate.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "sim/check.h"
#include "sim/quantity_text.h"

namespace headroom {
namespace {

constexpr const char* kForms =
    "METRIC > NUMBER such as \"ttft.p99 > +5%\" (a change), \"ttft.p99 > 500 ms\" or "
    "\"attainment < 0.95\"";

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

[[noreturn]] void refuse(const std::string& where, const std::string& text,
                         const std::string& why) {
  throw InputError(where, fmt::format("expected {}, got \"{}\"; {}", kForms, text, why));
}

bool in_milliseconds(const std::string& metric) {
  return metric.rfind("latency.", 0) == 0 || metric.rfind("part.", 0) == 0;
}

/// False where a share of a figure that is none was written without a sign.
bool set_unit(Gate& gate, const std::string& unit, bool is_signed, const std::string& where) {
  const bool share = gate.metric.rfind("slo.", 0) == 0;
  if (unit == "%") {
    gate.limit /= 100;
    if (is_signed) gate.of = Gate::Of::share;
    return is_signed || share;
  }
  if (unit.empty() || !in_milliseconds(gate.metric)) {
    gate.unit = unit;
  } else {
    gate.limit *= milliseconds(parse_duration("1 " + unit, where));
  }
  return true;
}

constexpr std::array<std::pair<const char*, const char*>, 8> kShort = {{
    {"cost", "cost.usd_per_million_output_tokens"},
    {"attainment", "slo.joint"},
    {"goodput", "throughput.goodput"},
    {"throughput", "throughput.output_tokens"},
    {"rejected", "requests.rejected"},
    {"unfinished", "requests.unfinished"},
    {"energy", "energy.joules_per_output_token"},
    {"gpu_hours", "cost.gpu_hours"},
}};

}  // namespace

std::vector<std::string> short_metric_names() {
  std::vector<std::string> names;
  for (const auto& [word, full] : kShort) names.emplace_back(word);
  return names;
}

std::string full_metric_name(const std::string& name) {
  for (const auto& [word, full] : kShort) {
    if (name == word) return full;
  }
  for (const std::string family : {"ttft", "tpot", "itl", "end_to_end", "queueing", "normalised"}) {
    if (name == family) return "latency." + name + ".mean";
    if (name.rfind(family + ".", 0) == 0) return "latency." + name;
  }
  return name;
}

Gate parse_gate(const std::string& text, const std::string& where) {
  Gate gate;
  gate.text = trimmed(text);
  const std::size_t at = text.find_first_of("<>");
  if (at == std::string::npos) refuse(where, text, "write a metric, > or <, and a number");
  const std::string name = trimmed(text.substr(0, at));
  if (name.empty()) refuse(where, text, "name the metric first");
  gate.metric = full_metric_name(name);
  gate.above = text[at] == '>';
  gate.at_too = at + 1 < text.size() && text[at + 1] == '=';
  const std::string rest = trimmed(text.substr(at + (gate.at_too ? 2 : 1)));
  const bool is_signed = !rest.empty() && (rest[0] == '+' || rest[0] == '-');
  const char* begin = rest.data() + (is_signed && rest[0] == '+' ? 1 : 0);
  const char* end = rest.data() + rest.size();
  const auto [stop, error] = std::from_chars(begin, end, gate.limit);
  if (error != std::errc() || !std::isfinite(gate.limit)) {
    refuse(where, text, "write a number after the sign of comparison");
  }
  const bool change = is_signed || gate.limit == 0;
  gate.of = change ? Gate::Of::change : Gate::Of::value;
  if (!set_unit(gate, trimmed(std::string(stop, end)), is_signed, where)) {
    refuse(where, text, "a change in per cent has a sign: write +5% or -5%");
  }
  return gate;
}

const std::vector<Gate>& usual_gates() {
  static const std::vector<Gate> kGates = [] {
    std::vector<Gate> gates;
    for (const char* text :
         {"ttft.mean > +1%", "ttft.p99 > +1%", "tpot.mean > +1%", "tpot.p99 > +1%",
          "end_to_end.mean > +1%", "end_to_end.p99 > +1%", "goodput < -1%", "attainment < -1%",
          "rejected > +1%", "unfinished > +1%", "cost > +1%"}) {
      gates.push_back(parse_gate(text, "usual gates"));
    }
    return gates;
  }();
  return kGates;
}

}  // namespace headroom
