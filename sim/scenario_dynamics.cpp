// The fields of a scenario's "dynamics".
#include <fmt/format.h>

#include <algorithm>

#include "sim/check.h"
#include "sim/policy_field.h"
#include "sim/scaling_policy.h"
#include "sim/scenario_fields.h"

namespace headroom {
namespace {

constexpr Duration kYear = kHour * 24 * 365;

void span(JsonCursor& at, const char* name, Duration& value, Duration least, const char* meaning) {
  std::optional<Duration> held = value;
  at.duration(name, held, least, meaning);
  value = std::min(*held, kYear);
}

/// Refuses an entry of a list that does not come after the one before.
void in_order(JsonCursor& item, Duration before, Duration at, bool first) {
  if (item.describing() || first || at > before) return;
  throw InputError(item.place("at"), "expected a time after the entry before, got none; sort them");
}

constexpr std::int64_t kMostReplicas = 65'535;

void schedule_field(JsonCursor& at, std::vector<DynamicsSpec::Floor>& schedule) {
  if (at.has("schedule")) schedule.clear();
  at.list("schedule", 1, 10'000, "of `least`", [&](JsonCursor& item, std::size_t i) {
    DynamicsSpec::Floor floor;
    span(item.required(), "at", floor.at, Duration(0), "from then on, since the start");
    item.required().count("replicas", floor.replicas, 1, kMostReplicas, "that serve at least");
    in_order(item, i > 0 ? schedule.back().at : Duration(0), floor.at, i == 0);
    schedule.push_back(floor);
  });
}

/// What it does not say is as for all.
void unit_fields(JsonCursor& at, const DynamicsSpec& all, DynamicsSpec::Group& unit) {
  unit.scaling = all.scaling;
  unit.least = all.least;
  unit.schedule = all.schedule;
  at.required().text("group", unit.group, "name of the replica group");
  if (at.written("scaling")) {
    unit.scaling = PolicyChoice{"floor", {}, {}};
    policy_field<ScalingPolicy>(at, "scaling", unit.scaling, "how many of its replicas serve");
  }
  at.count("least", unit.least, 0, kMostReplicas, "of its replicas; 0: all");
  schedule_field(at, unit.schedule);
}

}  // namespace

void dynamics_fields(JsonCursor& at, DynamicsSpec& spec) {
  policy_field<ScalingPolicy>(at, "scaling", spec.scaling, "how many replicas serve");
  span(at, "interval", spec.interval, kMillisecond * 100,
       "between questions to the scaling policy");
  at.count("least", spec.least, 0, kMostReplicas,
           "replicas that serve at least, and at first; 0: all of the deployment");
  schedule_field(at, spec.schedule);
  at.list(
      "groups", 1, 1000, "replica groups that scale on their own; others scale together by role",
      [&](JsonCursor& item, std::size_t) { unit_fields(item, spec, spec.groups.emplace_back()); });
  at.duration("start_up", spec.start_up, Duration(0),
              "until a new replica serves; boot and the loading of weights when left out");
  span(at, "boot", spec.boot, Duration(0), "of an instance, before it loads weights");
  at.bandwidth("load_bandwidth", spec.load_bandwidth, "of weights from storage, a GPU");
  if (!at.describing() && !(spec.load_bandwidth.value() > 0)) {
    throw InputError(at.place("load_bandwidth"), "expected a bandwidth above 0, got 0; raise it");
  }
  at.duration("mtbf", spec.mtbf, kSecond,
              "mean time between failures of a replica; none when left "
              "out");
  span(at, "mttr", spec.mttr, Duration(0), "mean time to repair, before it starts up again");
  at.list("outages", 1, 100'000, "whole replicas that fail at known times",
          [&](JsonCursor& item, std::size_t i) {
            DynamicsSpec::Outage outage;
            span(item.required(), "at", outage.at, Duration(0), "since the start");
            item.required().count("replica", outage.replica, 0, kMostReplicas,
                                  "number of the replica, over all groups in order");
            span(item.required(), "down", outage.down, kMillisecond, "until it serves again");
            in_order(item, i > 0 ? spec.outages.back().at : Duration(0), outage.at + Duration(1),
                     i == 0);
            spec.outages.push_back(outage);
          });
  at.text("outage_trace", spec.outage_trace, "a CSV with time_s, replica, down_s");
  at.duration("reclaim", spec.reclaim, kSecond,
              "mean time until spot capacity is taken back; never when left out");
  span(at, "notice", spec.notice, Duration(0), "before it is taken back: it drains so long");
  at.duration("rolling_restart", spec.restart, Duration(0),
              "all replicas that serve then restart, one after the other");
  at.choice("on_loss", spec.on_loss, {"resume", "reject"},
            "requests of a replica that fails: computed again elsewhere, or without an answer");
}

}  // namespace headroom
