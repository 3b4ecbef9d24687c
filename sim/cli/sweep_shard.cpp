#include "sim/cli/sweep_shard.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "reports/number_text.h"
#include "sim/check.h"
#include "sim/cli/text_digest.h"

namespace headroom {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kShardVersion = 1;

std::string line_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json head_of(const SweepShard& shard) {
  Json metrics = Json::array();
  for (const SweepMetric& metric : shard.metrics) {
    metrics.push_back({metric.name, metric.unit, static_cast<int>(metric.better)});
  }
  return {{"shard_version", kShardVersion},
          {"sweep", shard.sweep},
          {"chunk", shard.chunk},
          {"metrics", metrics}};
}

Json row_of(const SweepCell& cell) {
  Json values = Json::array();
  for (const double value : cell.values) {
    values.push_back(std::isfinite(value) ? Json(nine_digits(value)) : Json());
  }
  return {{"point", cell.point},
          {"seed", cell.seed},
          {"id", cell.id},
          {"status", static_cast<int>(cell.status)},
          {"verdict", cell.verdict},
          {"why", cell.why},
          {"digests",
           {cell.scenario_digest, cell.cost_digest, cell.decision_digest, cell.workload_digest}},
          {"values", values}};
}

void read_head(const Json& json, SweepShard& shard, const std::string& where) {
  if (json.at("shard_version").get<int>() != kShardVersion) {
    throw InputError(where, fmt::format("expected a shard of version {}, got {}; use the Headroom "
                                        "that wrote it",
                                        kShardVersion, json.at("shard_version").dump()));
  }
  json.at("sweep").get_to(shard.sweep);
  json.at("chunk").get_to(shard.chunk);
  for (const Json& metric : json.at("metrics")) {
    shard.metrics.push_back({metric.at(0).get<std::string>(), metric.at(1).get<std::string>(),
                             static_cast<Better>(metric.at(2).get<int>())});
  }
}

SweepCell read_row(const Json& json) {
  SweepCell cell;
  json.at("point").get_to(cell.point);
  json.at("seed").get_to(cell.seed);
  json.at("id").get_to(cell.id);
  cell.status = static_cast<CellStatus>(json.at("status").get<int>());
  json.at("verdict").get_to(cell.verdict);
  json.at("why").get_to(cell.why);
  json.at("digests").at(0).get_to(cell.scenario_digest);
  json.at("digests").at(1).get_to(cell.cost_digest);
  json.at("digests").at(2).get_to(cell.decision_digest);
  // Shards of earlier versions have no fourth.
  if (json.at("digests").size() > 3) json.at("digests").at(3).get_to(cell.workload_digest);
  for (const Json& value : json.at("values")) {
    cell.values.push_back(value.is_null() ? std::numeric_limits<double>::quiet_NaN()
                                          : value.get<double>());
  }
  return cell;
}

[[noreturn]] void torn(const std::string& where) {
  throw InputError(where,
                   "expected a whole shard of a sweep, got a torn or changed one; delete it "
                   "and resume the sweep");
}

/// The text without its last line, which must be the digest of the rest.
std::string_view checked_body(std::string_view text, const std::string& where) {
  if (text.size() < 2 || text.back() != '\n') torn(where);
  const std::size_t last = text.rfind('\n', text.size() - 2);
  if (last == std::string_view::npos) torn(where);
  const std::string_view body = text.substr(0, last + 1);
  const std::string expected = line_of({{"digest", text_digest(body)}});
  if (text.substr(last + 1) != expected) torn(where);
  return body;
}

}  // namespace

std::string shard_text(const SweepShard& shard) {
  std::string text = line_of(head_of(shard));
  for (const SweepCell& cell : shard.cells) text += line_of(row_of(cell));
  return text + line_of({{"digest", text_digest(text)}});
}

SweepShard read_shard(const std::string& text, const std::string& where) {
  SweepShard shard;
  std::string_view rest = checked_body(text, where);
  try {
    for (bool first = true; !rest.empty(); first = false) {
      const std::size_t end = rest.find('\n');
      const Json json = Json::parse(rest.substr(0, end));
      rest.remove_prefix(end + 1);
      if (first) {
        read_head(json, shard, where);
      } else {
        shard.cells.push_back(read_row(json));
      }
    }
  } catch (const Json::exception&) {
    torn(where);
  }
  return shard;
}

}  // namespace headroom
