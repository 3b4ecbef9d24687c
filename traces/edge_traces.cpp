#include "traces/edge_traces.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "sim/check.h"
#include "sim/quantity_text.h"
#include "traces/csv_fields.h"
#include "traces/exact_numbers.h"

namespace headroom {
namespace {

/// The rows of a CSV by the names of its header.
class Rows {
 public:
  Rows(LineReader reader, std::vector<std::string> known)
      : reader_(std::move(reader)), known_(std::move(known)), column_(known_.size()) {
    const auto line = reader_.next();
    if (!line) throw InputError(reader_.name(), "expected a header and rows, got an empty file");
    header_ = std::string(*line);
    split(*line);
    for (std::size_t i = 0; i < fields_.size(); ++i) {
      const auto it = std::find(known_.begin(), known_.end(), fields_[i]);
      if (it != known_.end()) column_[static_cast<std::size_t>(it - known_.begin())] = i;
    }
    width_ = fields_.size();
  }

  void require(std::size_t index) const {
    if (column_[index]) return;
    throw InputError(reader_.place(0),
                     fmt::format("expected a column \"{}\" in the header, got {}; add it",
                                 known_[index], headroom::quoted(header_)));
  }
  [[nodiscard]] bool has(std::size_t index) const { return column_[index].has_value(); }

  /// Goes to the next row; a recurring header and blank lines are passed over.
  [[nodiscard]] bool next() {
    for (;;) {
      const auto line = reader_.next();
      if (!line) return false;
      if (line->empty() || *line == header_) continue;
      split(*line);
      if (fields_.size() != width_) {
        throw InputError(reader_.place(0), fmt::format("expected {} fields as in the header, got "
                                                       "{}; complete the row",
                                                       width_, fields_.size()));
      }
      return true;
    }
  }
  [[nodiscard]] std::string_view text(std::size_t index) const { return fields_[*column_[index]]; }
  [[nodiscard]] std::string place(std::size_t index) const {
    return reader_.place(column_[index] ? fields_.offset(*column_[index]) : 0);
  }
  [[nodiscard]] const std::string& name() const { return reader_.name(); }

  /// Times 10^scale, from 0 to `most`.
  [[nodiscard]] std::int64_t number(std::size_t index, int scale, std::int64_t most) const {
    const ExactNumber number = parse_decimal(text(index), scale);
    if (number.fault != NumberFault::none || number.value > most) {
      throw InputError(
          place(index),
          fmt::format("expected {} as a number from 0 up{}, got {}; correct it", known_[index],
                      number.fault == NumberFault::too_large || number.fault == NumberFault::none
                          ? " within bounds"
                          : "",
                      headroom::quoted(text(index))));
    }
    return number.value;
  }

 private:
  void split(std::string_view line) {
    if (fields_.split(line)) return;
    throw InputError(reader_.place(fields_.fault_offset()),
                     "expected a closing quote before the next comma, got none; add it");
  }

  LineReader reader_;
  std::vector<std::string> known_;
  std::vector<std::optional<std::size_t>> column_;
  std::string header_;
  CsvFields fields_;
  std::size_t width_ = 0;
};

constexpr std::int64_t kMostNs = std::int64_t{1} << 60;     // instants: 36 years
constexpr std::int64_t kMostRunNs = 1'000'000'000'000'000;  // runs and latencies: 11 days

class TraceSourceOfSite final : public EdgeTaskSource {
 public:
  explicit TraceSourceOfSite(const std::vector<EdgeArrival>& tasks) : tasks_(tasks) {}
  Instant next_arrival() const override {
    return at_ < tasks_.size() ? tasks_[at_].time : Instant::never();
  }
  EdgeArrival take() override { return tasks_[at_++]; }

 private:
  const std::vector<EdgeArrival>& tasks_;
  std::size_t at_ = 0;
};

class TaskTrace final : public EdgeWorkload {
 public:
  explicit TaskTrace(std::vector<std::vector<EdgeArrival>> sites) : sites_(std::move(sites)) {}
  std::uint32_t sites() const override { return static_cast<std::uint32_t>(sites_.size()); }
  std::unique_ptr<EdgeTaskSource> open_site(std::uint32_t site) const override {
    return std::make_unique<TraceSourceOfSite>(sites_[site]);
  }

 private:
  std::vector<std::vector<EdgeArrival>> sites_;
};

enum TaskColumn : std::size_t { kArrival, kSite, kDrone, kType, kDeadline, kEdge, kCloud };

std::uint16_t type_of(const Rows& rows, const std::vector<EdgeTaskType>& types) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < types.size(); ++i) {
    if (types[i].name == rows.text(kType)) return static_cast<std::uint16_t>(i);
    names.push_back(types[i].name);
  }
  throw InputError(rows.place(kType),
                   fmt::format("expected a known type of task ({}), got {}{}",
                               fmt::join(names, ", "), headroom::quoted(rows.text(kType)),
                               nearest_name(rows.text(kType), names).empty()
                                   ? "; list it under tasks"
                                   : did_you_mean(rows.text(kType), names)));
}

EdgeArrival task_of(const Rows& rows, const std::vector<EdgeTaskType>& types) {
  EdgeArrival task;
  task.time = Instant(rows.number(kArrival, 9, kMostNs));
  task.type = type_of(rows, types);
  task.drone =
      rows.has(kDrone) ? static_cast<std::uint32_t>(rows.number(kDrone, 0, 0xffff'ffff)) : 0;
  task.deadline = types[task.type].deadline;
  if (rows.has(kDeadline) && !rows.text(kDeadline).empty()) {
    const Instant deadline(rows.number(kDeadline, 9, kMostNs));
    if (deadline <= task.time) {
      throw InputError(rows.place(kDeadline),
                       fmt::format("expected a deadline after the arrival at {} s, got {} s; "
                                   "correct one of them",
                                   rows.text(kArrival), rows.text(kDeadline)));
    }
    task.deadline = deadline - task.time;
  }
  if (rows.has(kEdge) && !rows.text(kEdge).empty()) {
    task.edge_actual = Duration(rows.number(kEdge, 6, kMostRunNs));
  }
  if (rows.has(kCloud) && !rows.text(kCloud).empty()) {
    task.cloud_actual = Duration(rows.number(kCloud, 6, kMostRunNs));
  }
  return task;
}

}  // namespace

std::unique_ptr<EdgeWorkload> read_edge_tasks(LineReader reader,
                                              const std::vector<EdgeTaskType>& types) {
  Rows rows(std::move(reader),
            {"arrival_s", "site", "drone", "type", "deadline_s", "edge_ms", "cloud_ms"});
  rows.require(kArrival);
  rows.require(kType);
  std::vector<std::vector<EdgeArrival>> sites;
  std::uint64_t count = 0;
  while (rows.next()) {
    if (++count > kMostTraceTasks) {
      throw InputError(rows.place(kArrival), fmt::format("expected at most {} tasks, got more; "
                                                         "split the trace",
                                                         kMostTraceTasks));
    }
    const std::size_t site =
        rows.has(kSite) ? static_cast<std::size_t>(rows.number(kSite, 0, kMostTraceSites - 1)) : 0;
    if (site >= sites.size()) sites.resize(site + 1);
    sites[site].push_back(task_of(rows, types));
  }
  for (std::vector<EdgeArrival>& tasks : sites) {
    std::stable_sort(tasks.begin(), tasks.end(),
                     [](const EdgeArrival& a, const EdgeArrival& b) { return a.time < b.time; });
  }
  if (count == 0) throw InputError(rows.name(), "expected tasks, got a header only; add rows");
  return std::make_unique<TaskTrace>(std::move(sites));
}

std::vector<NetworkPoint> read_network_trace(LineReader reader) {
  enum Column : std::size_t { kTime, kLatency, kUplink };
  Rows rows(std::move(reader), {"time_s", "latency_ms", "uplink_mbps"});
  rows.require(kTime);
  if (!rows.has(kUplink)) rows.require(kLatency);
  std::vector<NetworkPoint> points;
  while (rows.next()) {
    NetworkPoint point;
    point.at = Instant(rows.number(kTime, 9, kMostNs));
    if (rows.has(kLatency)) point.latency = Duration(rows.number(kLatency, 6, kMostRunNs));
    if (rows.has(kUplink)) {
      // 10^6 bit/s to bytes/s.
      point.uplink = BytesPerSecond(static_cast<double>(rows.number(kUplink, 6, kMostNs)) / 8);
      if (!(point.uplink.value() > 0)) {
        throw InputError(rows.place(kUplink),
                         "expected an uplink above 0 Mbit/s, got 0; a dead network is a large "
                         "latency");
      }
    }
    if (!points.empty() && point.at <= points.back().at) {
      throw InputError(rows.place(kTime),
                       "expected rows in order of time, got one that is not later; sort them");
    }
    points.push_back(point);
    if (points.size() > kMostTraceTasks) {
      throw InputError(rows.place(kTime), "expected fewer rows; sample the network less often");
    }
  }
  if (points.empty()) throw InputError(rows.name(), "expected rows, got a header only; add some");
  return points;
}

MeasuredLatencies read_latencies(LineReader reader, std::uint64_t batch) {
  enum Column : std::size_t { kTime, kBatch };
  constexpr std::size_t kLeast = 10;
  constexpr std::size_t kMost = 10'000'000;
  Rows rows(std::move(reader), {"inference_time", "batch_size"});
  rows.require(kTime);
  std::vector<double> values;
  while (rows.next()) {
    const std::int64_t size = rows.has(kBatch) ? rows.number(kBatch, 0, 1 << 20) : 1;
    if (size != static_cast<std::int64_t>(batch)) continue;
    values.push_back(static_cast<double>(rows.number(kTime, 9, kMostRunNs)));
    if (values.size() > kMost) {
      throw InputError(rows.place(kTime), "expected fewer latencies, got more than 10,000,000");
    }
  }
  const auto quantile = [](std::vector<double> sorted, std::size_t percent) {
    std::sort(sorted.begin(), sorted.end());
    return sorted[(sorted.size() - 1) * percent / 100];
  };
  if (values.size() >= kLeast) {
    const double slow = 2 * quantile(values, 50);
    const auto steady =
        std::find_if(values.begin(), values.end(), [slow](double v) { return v <= slow; });
    values.erase(values.begin(), steady);
  }
  if (values.size() < kLeast || !(quantile(values, 95) > 0)) {
    throw InputError(rows.name(),
                     fmt::format("expected at least {} latencies above 0 of batch {}, got {}; "
                                 "measure more",
                                 kLeast, batch, values.size()));
  }
  const double expected = quantile(values, 95);
  MeasuredLatencies measured;
  measured.expected = Duration(static_cast<std::int64_t>(expected));
  measured.shape.kind = DistributionSpec::Kind::empirical;
  for (const double value : values) measured.shape.values.push_back(value / expected);
  measured.shape.weights.assign(values.size(), 1.0);
  return measured;
}

}  // namespace headroom
