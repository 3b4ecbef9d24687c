#include "sim/scenario_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "sim/check.h"
#include "sim/quantity_text.h"
#include "sim/scaling_units.h"
#include "sim/scenario_fields.h"

namespace headroom {

const JsonNode* JsonPlaces::find(std::string_view pointer) const {
  const JsonNode* node = &root_;
  while (!pointer.empty() && node != nullptr) {
    pointer.remove_prefix(1);
    const std::size_t length = std::min(pointer.find('/'), pointer.size());
    const std::string_view part = pointer.substr(0, length);
    pointer.remove_prefix(length);
    if (node->kind == JsonNode::Kind::array) {
      std::size_t index = 0;
      std::from_chars(part.data(), part.data() + part.size(), index);
      node = index < node->children.size() ? &node->children[index] : nullptr;
    } else {
      node = node->find(part);
    }
  }
  return node;
}

std::string failure_during(const Scenario& scenario, const DynamicsSpec::Outage& outage) {
  std::int64_t first = 0;
  for (std::size_t g = 0; g < scenario.deployment.size(); ++g) {
    const ReplicaGroupSpec& group = scenario.deployment[g];
    for (std::size_t i = 0; i < group.failures.size(); ++i) {
      const FailureSpec& failure = group.failures[i];
      if (first + failure.replica != outage.replica || !failure.at) continue;
      const Duration until = *failure.at + failure.downtime.value_or(Duration(0));
      if (*failure.at <= outage.at + outage.down && outage.at <= until)
        return fmt::format("/deployment/{}/failures/{}", g, i);
    }
    first += group.replicas;
  }
  return {};
}

std::string JsonPlaces::place(std::string_view pointer) const {
  const JsonNode* node = find(pointer);
  const std::string& origin = node == nullptr || node->origin.empty() ? file_ : node->origin;
  return origin + ": " + std::string(pointer);
}

namespace {

using Kind = DistributionSpec::Kind;

class Rules {
 public:
  Rules(const JsonPlaces& places, const Scenario& scenario)
      : places_(places), scenario_(scenario), load_(scenario.workload) {}

  void check_system() const {
    cluster();
    pools();
    dynamics();
    predictor();
  }

  void check() const {
    check_system();
    if (load_.trace.empty()) {
      generator();
    } else {
      trace();
    }
    window();
    closed_loop();
    price();
  }

 private:
  [[nodiscard]] bool written(const std::string& pointer) const {
    return places_.find(pointer) != nullptr;
  }
  [[noreturn]] void fail(const std::string& pointer, const std::string& what) const {
    throw InputError(places_.place(pointer), what);
  }
  /// Refuses a value that the run would ignore.
  void ignored(const std::string& pointer, const char* reason, const char* remedy) const {
    if (written(pointer)) {
      fail(pointer, fmt::format("expected nothing here {}, got a value that would be ignored; {}",
                                reason, remedy));
    }
  }

  void cluster() const;
  void pools() const;
  void dynamics() const {
    if (!scenario_.dynamics) return;
    const DynamicsSpec& spec = *scenario_.dynamics;
    scaling_groups(spec);
    std::int64_t replicas = 0;
    for (const ScalingUnitSpec& unit : scaling_units(scenario_)) {
      replicas += unit.replicas;
      bounded(unit.pointer + "/least", unit.least, unit.replicas, unit.replicas);
      for (std::size_t i = 0; i < unit.schedule->size(); ++i) {
        bounded(fmt::format("{}/schedule/{}/replicas", unit.pointer, i),
                (*unit.schedule)[i].replicas, unit.replicas, unit.replicas);
      }
    }
    for (std::size_t i = 0; i < spec.outages.size(); ++i) {
      bounded(fmt::format("/dynamics/outages/{}/replica", i), spec.outages[i].replica, replicas - 1,
              replicas);
    }
    outages(spec.outages);
    const auto needless = [&](const char* pointer, bool used, const char* why) {
      if (used || places_.find(pointer) == nullptr) return;
      throw InputError(places_.place(pointer),
                       fmt::format("expected nothing here {}, got a value that would be ignored; "
                                   "remove it",
                                   why));
    };
    needless("/dynamics/boot", !spec.start_up, "beside start_up");
    needless("/dynamics/load_bandwidth", !spec.start_up, "beside start_up");
    needless("/dynamics/mttr", spec.mtbf.has_value(), "without mtbf");
    needless("/dynamics/notice", spec.reclaim.has_value(), "without reclaim");
  }

  void bounded(const std::string& pointer, std::int64_t value, std::int64_t most,
               std::int64_t replicas) const {
    if (value <= most) return;
    fail(pointer, fmt::format("expected at most {} with {} replicas that scale together, got {}; "
                              "lower it or deploy more",
                              most, replicas, value));
  }
  void scaling_groups(const DynamicsSpec& spec) const;
  void outages(const std::vector<DynamicsSpec::Outage>& outages) const;
  void failures(const ReplicaGroupSpec& group, std::size_t index) const;
  void predictor() const;
  void trace() const;
  void generator() const;
  void arrivals() const;
  void window() const;
  void closed_loop() const;
  void price() const;
  void distribution(const std::string& pointer, const DistributionSpec& value) const;
  void lengths(const std::string& pointer, const DistributionSpec& value) const;
  void distribution_keys(const std::string& pointer, const DistributionSpec& value) const;
  void empirical(const std::string& pointer, const DistributionSpec& value) const;

  const JsonPlaces& places_;
  const Scenario& scenario_;
  const WorkloadSpec& load_;
};

void Rules::cluster() const {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < scenario_.nodes.size(); ++i) {
    const std::string& name = scenario_.nodes[i].name;
    if (std::find(names.begin(), names.end(), name) != names.end()) {
      fail(fmt::format("/cluster/nodes/{}", i),
           fmt::format("expected a name of its own, got {} again; name the kinds of nodes apart",
                       headroom::quoted(name)));
    }
    names.push_back(name);
  }
  const auto check_nodes = [&](const std::string& nodes, const std::string& pointer) {
    if (nodes.empty() && names.size() > 1) {
      fail(pointer, fmt::format("expected one of {}, got nothing; say which nodes to use",
                                fmt::join(names, ", ")));
    }
    if (!nodes.empty() && std::find(names.begin(), names.end(), nodes) == names.end()) {
      fail(pointer, fmt::format("expected one of {}, got {}{}", fmt::join(names, ", "),
                                headroom::quoted(nodes),
                                nearest_name(nodes, names).empty() ? "; choose one of them"
                                                                   : did_you_mean(nodes, names)));
    }
  };
  for (std::size_t i = 0; i < scenario_.deployment.size(); ++i) {
    const ReplicaGroupSpec& group = scenario_.deployment[i];
    check_nodes(group.nodes, fmt::format("/deployment/{}/nodes", i));
    if (group.attention)
      check_nodes(group.attention->nodes, fmt::format("/deployment/{}/attention/nodes", i));
    failures(group, i);
  }
}

void Rules::scaling_groups(const DynamicsSpec& spec) const {
  std::vector<std::string> names;
  for (const ReplicaGroupSpec& group : scenario_.deployment) names.push_back(group.name);
  for (std::size_t i = 0; i < spec.groups.size(); ++i) {
    const std::string& name = spec.groups[i].group;
    const std::string pointer = fmt::format("/dynamics/groups/{}/group", i);
    const auto same = [&](const DynamicsSpec::Group& one) { return one.group == name; };
    if (std::count(names.begin(), names.end(), name) != 1) {
      fail(pointer, fmt::format("expected the name of one group of the deployment ({}), got {}{}",
                                fmt::join(names, ", "), headroom::quoted(name),
                                nearest_name(name, names).empty() ? "; name groups apart"
                                                                  : did_you_mean(name, names)));
    }
    if (std::count_if(spec.groups.begin(), spec.groups.end(), same) > 1)
      fail(pointer, "expected each group once, got one twice; join the two entries");
  }
}

void Rules::outages(const std::vector<DynamicsSpec::Outage>& outages) const {
  for (std::size_t i = 0; i < outages.size(); ++i) {
    const std::string other = failure_during(scenario_, outages[i]);
    if (other.empty()) continue;
    fail(fmt::format("/dynamics/outages/{}", i),
         "expected a replica whose workers are up then, got one with a failure of its own (" +
             other + "); keep one of the two");
  }
}

void Rules::failures(const ReplicaGroupSpec& group, std::size_t index) const {
  for (std::size_t i = 0; i < group.failures.size(); ++i) {
    const FailureSpec& failure = group.failures[i];
    const std::string pointer = fmt::format("/deployment/{}/failures/{}", index, i);
    if (group.role == "prefill" || group.engine == "simdistserve") {
      fail(pointer,
           "expected failures in groups that decode, in batches, got another group; move them");
    }
    if (failure.replica >= group.replicas) {
      fail(pointer + "/replica", fmt::format("expected a replica of the group's {} (from 0), got "
                                             "{}; name one of them",
                                             group.replicas, failure.replica));
    }
    if (failure.worker == "attention" && !group.attention) {
      fail(pointer + "/worker",
           "expected \"model\" in a group without attention devices, got \"attention\"; add "
           "\"attention\" to the group or change the worker");
    }
  }
}

void Rules::pools() const {
  const auto first = [&](const char* role) {
    std::size_t i = 0;
    while (i < scenario_.deployment.size() && scenario_.deployment[i].role != role) ++i;
    return i;
  };
  const std::size_t groups = scenario_.deployment.size();
  const std::size_t prefill = first("prefill");
  const std::size_t decode = first("decode");
  if (prefill < groups && decode == groups) {
    fail(fmt::format("/deployment/{}/role", prefill),
         "expected a decode group beside a prefill group, got none; add one");
  }
  if (decode < groups && prefill == groups) {
    fail(fmt::format("/deployment/{}/role", decode),
         "expected a prefill group beside a decode group, got none; add one");
  }
  if (prefill < groups) return;
  for (const char* key : {"/decode_routing", "/transfer"}) {
    ignored(key, "without prefill and decode groups", "give groups these roles or remove it");
  }
}

void Rules::predictor() const {
  if (scenario_.predictor != "noisy") {
    ignored("/predictor_sigma", "unless the predictor is noisy",
            "set \"predictor\": \"noisy\" or remove it");
  }
}

void Rules::trace() const {
  // A trace of lengths takes its arrivals from `arrivals`, `rate` and `arrival_cv`.
  for (const char* key : {"preset", "requests", "prompt", "output", "sessions", "shared_prefixes",
                          "shared_prefix_tokens"}) {
    ignored(fmt::format("/workload/{}", key), "beside a trace",
            "remove it or the trace; rate_scale and limit change a trace");
  }
  if (load_.arrivals != "gamma" && load_.arrivals != "weibull") {
    ignored("/workload/arrival_cv", "unless arrivals are gamma or weibull",
            "choose one of the two or remove it");
  }
}

void Rules::generator() const {
  ignored("/workload/format", "without a trace", "add the trace or remove it");
  if (load_.requests == 0) {
    fail("/workload/requests",
         written("/workload/requests")
             ? "expected at least 1 request, got 0; say how many to generate"
             : "expected a number of requests, got none; set \"requests\", or name a \"trace\"");
  }
  if (!load_.preset.empty()) {
    for (const char* key : {"arrivals", "arrival_cv", "prompt", "output", "sessions",
                            "shared_prefixes", "shared_prefix_tokens"}) {
      ignored(fmt::format("/workload/{}", key), "beside a preset", "remove it or the preset");
    }
  } else {
    lengths("/workload/prompt", load_.prompt);
    lengths("/workload/output", load_.output);
    arrivals();
  }
  if (load_.sessions) {
    lengths("/workload/sessions/turns", load_.sessions->turns);
    if (written("/workload/sessions/think")) {
      distribution("/workload/sessions/think", load_.sessions->think);
    }
  }
  if (load_.shared_prefixes == 0) {
    ignored("/workload/shared_prefix_tokens", "without shared_prefixes",
            "set shared_prefixes or remove it");
  }
}

void Rules::arrivals() const {
  if (load_.clients == 0 && !(load_.rate.value() > 0)) {
    fail("/workload/rate", "expected a rate above 0 /s, got 0; write for example \"8 /s\"");
  }
  if (load_.clients == 0 && !written("/workload/rate")) {
    fail("/workload/rate", "expected a rate of arrivals, got none; write for example \"8 /s\"");
  }
  if (load_.arrivals != "gamma" && load_.arrivals != "weibull") {
    ignored("/workload/arrival_cv", "unless arrivals are gamma or weibull",
            "choose one of the two or remove it");
  }
}

void Rules::window() const {
  if (load_.window_start && load_.window_end && *load_.window_end <= *load_.window_start) {
    fail("/workload/window_end",
         fmt::format("expected an end after the start {}, got {}; swap them",
                     to_text(*load_.window_start), to_text(*load_.window_end)));
  }
}

void Rules::closed_loop() const {
  if (load_.clients == 0) {
    ignored("/workload/think", "without clients", "set \"clients\" for a closed loop or remove it");
    return;
  }
  for (const char* key :
       {"arrivals", "rate", "arrival_cv", "rate_scale", "window_start", "window_end", "sessions"}) {
    ignored(fmt::format("/workload/{}", key), "in a closed loop",
            "clients decide when requests arrive; remove it or clients");
  }
  if (written("/workload/think")) distribution("/workload/think", load_.think);
}

void Rules::price() const {
  if (!scenario_.price.device_hour) {
    ignored("/price/source", "without a price", "add device_hour or remove it");
  }
}

/// A distribution of a count that must be given.
void Rules::lengths(const std::string& pointer, const DistributionSpec& value) const {
  if (!written(pointer)) {
    fail(pointer,
         "expected a number or a distribution, got nothing; write for example "
         "{\"kind\": \"lognormal\", \"mean\": 1000, \"cv\": 1}");
  }
  distribution(pointer, value);
}

void Rules::distribution(const std::string& pointer, const DistributionSpec& value) const {
  distribution_keys(pointer, value);
  const bool has_mean =
      value.kind != Kind::uniform && value.kind != Kind::pareto && value.kind != Kind::empirical;
  const bool needs_mean = has_mean && value.kind != Kind::constant;
  if (needs_mean && !(value.mean > 0)) {
    fail(pointer, "expected a mean above 0, got 0; add \"mean\"");
  }
  if (value.kind == Kind::pareto && !(value.least > 0 && value.alpha > 0)) {
    fail(pointer, "expected \"least\" and \"alpha\" above 0 for a Pareto law, got 0; add them");
  }
  if (value.kind == Kind::uniform && !(value.most > value.least)) {
    fail(pointer, "expected \"most\" above \"least\" for a uniform law, got no room; widen it");
  }
  if (value.most > 0 && value.most < value.least) {
    fail(pointer, "expected \"most\" of at least \"least\", got less; swap them");
  }
  if (value.kind == Kind::empirical) empirical(pointer, value);
}

void Rules::distribution_keys(const std::string& pointer, const DistributionSpec& value) const {
  const auto refuse = [&](const char* key) {
    const JsonNode* node = places_.find(pointer);
    if (node == nullptr || node->kind != JsonNode::Kind::object) return;
    const std::string& kind = distribution_names()[static_cast<std::size_t>(value.kind)];
    ignored(pointer + "/" + key, ("for the law " + kind).c_str(),
            "choose another kind or remove it");
  };
  const Kind kind = value.kind;
  if (kind == Kind::uniform || kind == Kind::pareto || kind == Kind::empirical) refuse("mean");
  if (kind != Kind::gamma && kind != Kind::weibull && kind != Kind::lognormal) refuse("cv");
  if (kind == Kind::constant) {
    refuse("least");
    refuse("most");
  }
  if (kind != Kind::pareto) refuse("alpha");
  if (kind != Kind::empirical) {
    refuse("values");
    refuse("weights");
  }
}

void Rules::empirical(const std::string& pointer, const DistributionSpec& value) const {
  if (value.values.empty()) {
    fail(pointer, "expected \"values\" for an empirical law, got none; list them");
  }
  const bool weighted = written(pointer + "/weights");
  if (weighted && value.weights.size() != value.values.size()) {
    fail(pointer + "/weights", fmt::format("expected {} weights, one a value, got {}; match them",
                                           value.values.size(), value.weights.size()));
  }
  if (weighted && std::all_of(value.weights.begin(), value.weights.end(),
                              [](double weight) { return !(weight > 0); })) {
    fail(pointer + "/weights", "expected a weight above 0, got only zeros; weigh one value");
  }
}

}  // namespace

void check_scenario_rules(const JsonPlaces& places, const Scenario& scenario) {
  Rules(places, scenario).check();
}

void check_system_rules(const JsonPlaces& places, const Scenario& scenario) {
  Rules(places, scenario).check_system();
}

}  // namespace headroom
