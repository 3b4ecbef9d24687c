#include "traces/edge_traces.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "sim/check.h"
#include "sim/quantity_text.h"
#include "traces/named_rows.h"

namespace headroom {
namespace {

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

std::uint16_t type_of(const NamedRows& rows, const std::vector<EdgeTaskType>& types) {
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

EdgeArrival task_of(const NamedRows& rows, const std::vector<EdgeTaskType>& types) {
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
  NamedRows rows(std::move(reader),
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
  NamedRows rows(std::move(reader), {"time_s", "latency_ms", "uplink_mbps"});
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
  NamedRows rows(std::move(reader), {"inference_time", "batch_size"});
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
