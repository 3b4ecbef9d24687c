// Small worlds of one edge site for the tests of dispatch policies.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sim/edge_presets.h"
#include "sim/edge_simulation.h"
#include "sim/registry.h"

namespace headroom::edge_test {

constexpr Duration ms(std::int64_t count) { return kMillisecond * count; }
constexpr Instant at_ms(std::int64_t count) { return Instant() + ms(count); }

class ListSource final : public EdgeTaskSource {
 public:
  explicit ListSource(std::vector<EdgeArrival> arrivals) : arrivals_(std::move(arrivals)) {}
  Instant next_arrival() const override {
    return at_ < arrivals_.size() ? arrivals_[at_].time : Instant::never();
  }
  EdgeArrival take() override { return arrivals_[at_++]; }

 private:
  std::vector<EdgeArrival> arrivals_;
  std::size_t at_ = 0;
};

class ListWorkload final : public EdgeWorkload {
 public:
  explicit ListWorkload(std::vector<EdgeArrival> arrivals) : arrivals_(std::move(arrivals)) {}
  std::uint32_t sites() const override { return 1; }
  std::unique_ptr<EdgeTaskSource> open_site(std::uint32_t) const override {
    return std::make_unique<ListSource>(arrivals_);
  }

 private:
  std::vector<EdgeArrival> arrivals_;
};

/// Every result with its call, in order.
class Record final : public EdgeObserver {
 public:
  struct Line {
    EdgeResult result;
    MissCause cause;
    CloudCall call;
    std::string type;
  };
  explicit Record(const std::vector<EdgeTaskType>& types) : types_(types) {}
  void on_task(std::uint32_t, const EdgeResult& result, MissCause cause,
               const CloudCall* call) override {
    lines.push_back(
        {result, cause, call == nullptr ? CloudCall{} : *call, types_[result.task.type].name});
  }
  [[nodiscard]] const Line* find(const std::string& type, std::uint32_t nth = 0) const {
    for (const Line& line : lines) {
      if (line.type == type && nth-- == 0) return &line;
    }
    return nullptr;
  }
  std::vector<Line> lines;

 private:
  const std::vector<EdgeTaskType>& types_;
};

/// A setup that can be changed before the site is opened. Edge runs and calls take exactly the
/// expected times.
struct World {
  explicit World(const std::string& policy,
                 const std::vector<std::pair<std::string, std::string>>& given = {},
                 std::size_t load = 2) {
    setup.types = edge_loads()[load].types;
    const PolicyEntry<DispatchPolicy>* entry =
        PolicyRegistry<DispatchPolicy>::instance().find(policy);
    if (entry == nullptr) throw InputError("test", "no policy " + policy);
    Parameters parameters = default_parameters(entry->parameters);
    for (const auto& [name, text] : given) {
      for (const ParameterSpec& spec : entry->parameters) {
        if (spec.name == name) parameters.set(name, parse_parameter(spec, text, "test"));
      }
    }
    setup.make_policy = [entry, parameters] { return entry->make(parameters); };
    setup.policy_name = policy;
    setup.edge_factor.mean = 1;
    setup.cloud.time_factor.mean = 1;
  }

  [[nodiscard]] std::uint16_t type(const std::string& name) const {
    for (std::size_t i = 0; i < setup.types.size(); ++i) {
      if (setup.types[i].name == name) return static_cast<std::uint16_t>(i);
    }
    throw InputError("test", "no type " + name);
  }
  void arrive(std::int64_t at, const std::string& name, std::int64_t deadline = 0) {
    EdgeArrival arrival;
    arrival.time = at_ms(at);
    arrival.type = type(name);
    arrival.deadline = deadline > 0 ? ms(deadline) : setup.types[arrival.type].deadline;
    arrivals.push_back(arrival);
  }
  /// The site, not yet stepped.
  EdgeSite& open() {
    workload = std::make_unique<ListWorkload>(arrivals);
    setup.workload = workload.get();
    setup.observers = {&record};
    metrics = EdgeMetrics{};
    sites = std::make_unique<EdgeSites>(setup, nullptr, metrics);
    site = sites->make(0);
    return *site;
  }
  /// Steps while something happens at or before `until`.
  void run_until(std::int64_t until) {
    while (site->next() <= at_ms(until)) site->step();
  }
  void run() {
    open();
    while (site->next() < Instant::never()) site->step();
    site->finish();
  }
  [[nodiscard]] EdgeOutcome outcome(const std::string& name, std::uint32_t nth = 0) const {
    return record.find(name, nth)->result.outcome;
  }

  EdgeSetup setup;
  std::vector<EdgeArrival> arrivals;
  std::unique_ptr<ListWorkload> workload;
  EdgeMetrics metrics;
  Record record{setup.types};
  std::unique_ptr<EdgeSites> sites;
  std::unique_ptr<EdgeSite> site;
};

/// Names of the queued tasks from the head, with a blank between.
inline std::string queue_of(const EdgeSite& site) {
  std::string text;
  for (std::size_t i = 0; i < site.plan().queued(); ++i) {
    text += (i == 0 ? "" : " ") + site.plan().queued(i).type().name;
  }
  return text;
}
inline std::string parked_of(const EdgeSite& site) {
  std::string text;
  for (std::size_t i = 0; i < site.plan().parked(); ++i) {
    text += (i == 0 ? "" : " ") + site.plan().parked(i).type().name;
  }
  return text;
}

const std::vector<std::pair<std::string, std::string>> kFaithful{{"faithful", "true"}};

}  // namespace headroom::edge_test
