// The field table of a scenario of edge sites.
#include <fmt/format.h>

#include <algorithm>

#include "sim/check.h"
#include "sim/edge_policy.h"
#include "sim/edge_presets.h"
#include "sim/edge_scenario_reader.h"
#include "sim/policy_field.h"
#include "sim/quantity_text.h"
#include "sim/registry.h"
#include "sim/scenario_fields.h"

namespace headroom {
namespace {

// Bounds that keep every derived number inside its type.
constexpr std::int64_t kMostSites = 1'000'000;
constexpr std::int64_t kMostDrones = 100'000;  // a site
constexpr std::int64_t kMostFrames = 10'000;
constexpr std::int64_t kMostCalls = 1'000'000;
constexpr std::int64_t kMostTokens = 1 << 20;
constexpr double kMostPoints = 1e9;
constexpr double kMostFactor = 1e4;
constexpr Duration kNone{0};
constexpr Duration kSome{1};
constexpr Duration kDay = kHour * 24;   // longest task, deadline, segment, window
constexpr Duration kYear = kDay * 365;  // longest run

/// A duration that always has a value.
void time_field(JsonCursor& at, const char* name, Duration& value, Duration least,
                const char* meaning, Duration most = kDay) {
  std::optional<Duration> held = value;
  at.duration(name, held, least, meaning);
  value = *held;
  if (value > most) {
    throw InputError(at.place(name), fmt::format("expected a duration of at most {}, got {}; {}",
                                                 to_text(most), to_text(value), meaning));
  }
}

/// The laws that sim/edge_cloud.h draws from.
const std::vector<std::string>& law_names() {
  static const std::vector<std::string> kNames = {"constant",  "uniform", "exponential", "gamma",
                                                  "lognormal", "pareto",  "empirical"};
  return kNames;
}
constexpr DistributionSpec::Kind kLaws[] = {
    DistributionSpec::Kind::constant,    DistributionSpec::Kind::uniform,
    DistributionSpec::Kind::exponential, DistributionSpec::Kind::gamma,
    DistributionSpec::Kind::lognormal,   DistributionSpec::Kind::pareto,
    DistributionSpec::Kind::empirical};

void check_law(const std::string& place, const DistributionSpec& law) {
  using Kind = DistributionSpec::Kind;
  const bool needs_mean =
      law.kind == Kind::exponential || law.kind == Kind::gamma || law.kind == Kind::lognormal;
  if (needs_mean && !(law.mean > 0)) {
    throw InputError(place, "expected a mean above 0, got 0; add \"mean\"");
  }
  if (law.kind == Kind::pareto && !(law.least > 0 && law.alpha > 0)) {
    throw InputError(place,
                     "expected \"least\" and \"alpha\" above 0 for a Pareto law, got 0; add them");
  }
  if (law.kind == Kind::uniform && !(law.most > law.least)) {
    throw InputError(place,
                     "expected \"most\" above \"least\" for a uniform law, got no room; widen it");
  }
  if (law.most > 0 && law.most < law.least) {
    throw InputError(place, "expected \"most\" of at least \"least\", got less; swap them");
  }
  if (law.kind == Kind::empirical && law.values.empty()) {
    throw InputError(place, "expected \"values\" for an empirical law, got none; add them");
  }
  if (law.weights.size() != law.values.size()) {
    throw InputError(place, fmt::format("expected a weight for each of {} values, got {}; give as "
                                        "many or none",
                                        law.values.size(), law.weights.size()));
  }
}

/// A law of plain numbers; a bare number is the constant. A law that is written replaces the one
/// before.
void law(JsonCursor& parent, const char* name, DistributionSpec& value, const char* meaning) {
  const std::string place = parent.describing() ? std::string() : parent.place(name);
  if (parent.has(name)) value = DistributionSpec{};
  parent.object(name, "mean", meaning, [&](JsonCursor& at) {
    const auto known = std::find(std::begin(kLaws), std::end(kLaws), value.kind);
    std::string kind = law_names()[static_cast<std::size_t>(known - std::begin(kLaws))];
    at.choice("kind", kind, law_names(), "the law values are drawn from");
    const auto& names = law_names();
    value.kind = kLaws[std::find(names.begin(), names.end(), kind) - names.begin()];
    at.number("mean", value.mean, 0, kMostFactor, "mean before clipping; a constant's value");
    at.number("cv", value.cv, 1e-3, 100, "standard deviation over mean: gamma, lognormal");
    at.number("least", value.least, 0, kMostFactor,
              "uniform's lower bound, Pareto's minimum; else values below are raised to it");
    at.number("most", value.most, 0, kMostFactor,
              "uniform's upper bound; else values above are cut to it (0: never)");
    at.number("alpha", value.alpha, 0, 100, "Pareto's tail index");
    if (at.describing() || value.kind == DistributionSpec::Kind::empirical) {
      at.numbers("values", value.values, "empirical: the values");
      at.numbers("weights", value.weights, "empirical: their weights, equal when left out");
    }
    if (value.weights.empty()) value.weights.assign(value.values.size(), 1.0);
  });
  if (!parent.describing()) check_law(place, value);
}

void split_fields(JsonCursor& at, EdgeTaskType& type) {
  at.number("least_accuracy", type.least_accuracy, 0, 1, "that a split must have");
  at.list("splits", 1, 64, "ways to split it between drone and edge, instead of edge_time",
          [&](JsonCursor& item, std::size_t) {
            EdgeSplit& split = type.splits.emplace_back();
            item.required().text("name", split.name, "of the split");
            time_field(item, "head", split.head, kNone, "on the drone, a frame");
            item.bytes("sent", split.sent, "to the edge, a frame");
            time_field(item.required(), "tail", split.tail, kSome, "at the edge, a frame");
            item.required().number("accuracy", split.accuracy, 0, 1, "of its results");
          });
}

/// What a model costs and how good it is; a task has these for itself where it has no models.
void quality_fields(JsonCursor& at, EdgeTaskType& type) {
  at.number("loss", type.loss, 0, kMostPoints, "mean loss of its answers; lower is better");
  at.bytes("size", type.size, "of its weights, for routers that weigh it");
  at.number("penalty", type.penalty, 0, kMostPoints,
            "your own, for routers that weigh it: age, licence, security");
}

void models_field(JsonCursor& at, std::vector<EdgeTaskType>& models) {
  at.list("models", 1, 64,
          "models that may answer it, of which a router chooses; others use the "
          "first",
          [&](JsonCursor& item, std::size_t) {
            EdgeTaskType& model = models.emplace_back();
            item.required().text("name", model.name, "of the model");
            time_field(item.required(), "edge_time", model.edge_time, kSome,
                       "expected time at the edge");
            time_field(item.required(), "cloud_time", model.cloud_time, kSome,
                       "expected time of a call, a high percentile");
            item.number("edge_price", model.edge_price, 0, kMostPoints, "utility paid for a run");
            item.number("cloud_price", model.cloud_price, 0, kMostPoints,
                        "utility paid for a call");
            quality_fields(item, model);
          });
}

void refuse_beside(JsonCursor& at, const char* name, const char* other) {
  if (!at.has(name) || !at.has(other)) return;
  throw InputError(at.place(name), fmt::format("expected either {} or {}, got both; the second "
                                               "says it, remove {}",
                                               name, other, name));
}

void check_worth(JsonCursor& at, const EdgeTaskType& type) {
  if (at.describing() || type.edge_utility() >= 0) return;
  throw InputError(at.place("edge_price"),
                   fmt::format("expected at most the benefit {}, got {}; a task that loses by "
                               "running belongs nowhere",
                               type.benefit, type.edge_price));
}

void task_fields(JsonCursor& at, EdgeTaskType& type, std::vector<EdgeTaskType>& models) {
  at.required().text("name", type.name, "how traces and reports call such tasks");
  at.required().number("benefit", type.benefit, 0, kMostPoints, "utility of a result in time");
  at.number("edge_price", type.edge_price, 0, kMostPoints, "utility paid for a run at the edge");
  at.number("cloud_price", type.cloud_price, 0, kMostPoints,
            "utility paid for a call; above the benefit, calls never pay");
  const bool says_edge =
      at.has("splits") || at.has("models") || at.has("latencies") || at.has("network");
  if (!at.describing() && !says_edge) at.required();
  time_field(at, "edge_time", type.edge_time, kSome, "expected time at the edge");
  at.text("latencies", type.latencies,
          "measured latencies at the edge (a CSV with inference_time) instead of edge_time");
  at.text("network", type.network,
          "network whose measured time on this device (`headroom list edge`) is its edge_time");
  constexpr const char* kWays[] = {"edge_time", "latencies", "models", "network", "splits"};
  for (std::size_t i = 0; i < std::size(kWays); ++i) {
    for (std::size_t j = i + 1; j < std::size(kWays); ++j) refuse_beside(at, kWays[i], kWays[j]);
  }
  refuse_beside(at, "cloud_time", "models");
  if (!at.describing() && !at.has("models")) at.required();
  time_field(at, "cloud_time", type.cloud_time, kSome,
             "expected time of a call, a high percentile");
  time_field(at.required(), "deadline", type.deadline, kSome, "from the segment's arrival");
  time_field(at, "extension", type.extension, kNone,
             "by which d3-kalmia may extend the deadline; 0 s: urgent");
  at.number("wanted_rate", type.wanted_rate, 0, 1, "share in time that earns a window's bonus");
  at.number("window_bonus", type.window_bonus, 0, kMostPoints, "utility of such a window");
  at.bytes("input", type.input, "sent to the cloud with a call");
  std::int64_t prompt = type.cloud_prompt.value();
  at.count("prompt", prompt, 1, kMostTokens,
           "tokens of a call's prompt, where the cloud serves a model");
  type.cloud_prompt = Tokens(prompt);
  std::int64_t output = type.cloud_output.value();
  at.count("output", output, 1, kMostTokens, "tokens of its answer");
  type.cloud_output = Tokens(output);
  split_fields(at, type);
  quality_fields(at, type);
  models_field(at, models);
  check_worth(at, type);
}

/// Makes each model the type that it is of a task: all of the task's, but for what the model says.
void add_models(std::vector<EdgeTaskType>& types,
                const std::vector<std::vector<EdgeTaskType>>& models) {
  for (std::size_t t = 0; t < models.size(); ++t) {
    if (models[t].empty()) continue;
    types[t].first_model = static_cast<std::uint16_t>(types.size());
    types[t].models = static_cast<std::uint16_t>(models[t].size());
    for (const EdgeTaskType& model : models[t]) {
      EdgeTaskType type = types[t];
      type.name = types[t].name + "/" + model.name;
      type.model_of = static_cast<std::uint16_t>(t);
      type.first_model = type.models = 0;
      type.edge_time = model.edge_time;
      type.cloud_time = model.cloud_time;
      type.edge_price = model.edge_price;
      type.cloud_price = model.cloud_price;
      type.loss = model.loss;
      type.size = model.size;
      type.penalty = model.penalty;
      types.push_back(std::move(type));
    }
    // A policy that does not choose uses the first.
    const EdgeTaskType& first = models[t].front();
    types[t].edge_time = first.edge_time;
    types[t].cloud_time = first.cloud_time;
    types[t].edge_price = first.edge_price;
    types[t].cloud_price = first.cloud_price;
    types[t].loss = first.loss;
  }
}

void tasks_field(JsonCursor& at, EdgeScenario& scenario) {
  const std::vector<EdgeLoad>& loads = edge_loads();
  std::vector<std::string> names;
  for (const EdgeLoad& load : loads) names.emplace_back(load.name);
  at.choice("load", scenario.load, names, "published task table: two, four or six models");
  if (at.has("load") && at.has("tasks")) {
    throw InputError(at.place("load"),
                     "expected either load or tasks, got both; remove one of them");
  }
  if (!at.has("tasks")) {
    const auto it = std::find(names.begin(), names.end(), scenario.load);
    scenario.types = loads[static_cast<std::size_t>(it - names.begin())].types;
  }
  std::vector<EdgeTaskType> written;
  std::vector<std::vector<EdgeTaskType>> models;
  at.list("tasks", 1, 64, "kinds of tasks of your own, instead of load",
          [&](JsonCursor& item, std::size_t) {
            EdgeTaskType& type = written.emplace_back();
            task_fields(item, type, models.emplace_back());
            for (std::size_t i = 0; i + 1 < written.size(); ++i) {
              if (written[i].name != type.name) continue;
              throw InputError(item.place("name"),
                               fmt::format("expected a name of its own, got {} again; name the "
                                           "kinds of tasks apart",
                                           headroom::quoted(type.name)));
            }
          });
  if (!at.describing() && !written.empty()) {
    add_models(written, models);
    scenario.types = std::move(written);
    scenario.load.clear();
  }
}

void fleet_fields(JsonCursor& at, FleetSpec& fleet) {
  at.count("sites", fleet.sites, 1, kMostSites, "edge sites, each with one accelerator");
  at.count("drones", fleet.drones, 1, kMostDrones, "drones a site");
  time_field(at, "duration", fleet.duration, kSome, "how long each drone sends", kYear);
  time_field(at, "segment", fleet.segment, Duration(1'000'000), "length of a video segment");
  at.count("frames", fleet.frames, 1, kMostFrames, "frames a segment; tasks take so much longer");
  std::string phase = fleet.phase == FleetPhase::random     ? "random"
                      : fleet.phase == FleetPhase::together ? "together"
                                                            : "even";
  at.choice("phase", phase, {"random", "together", "even"},
            "when in a segment the drones of a site send");
  fleet.phase = phase == "random"     ? FleetPhase::random
                : phase == "together" ? FleetPhase::together
                                      : FleetPhase::even;
  at.flag("shuffle", fleet.shuffle, "the tasks of a segment come in random order");
  time_field(at, "stay", fleet.stay, kNone,
             "mobility: how long a drone stays at a site before it flies to the next; 0 s: always",
             kYear);
  at.bandwidth("link", fleet.link.bandwidth, "between a drone and its site, for split tasks");
  at.text("link_trace", fleet.link_trace,
          "trace of that link, used instead of it, a split chosen a segment: a CSV with time_s, "
          "uplink_mbps and perhaps latency_ms");
  double device = fleet.link.device.value();
  at.number("device_watts", device, 0, 1e5, "a drone draws while it computes heads");
  fleet.link.device = Watts(device);
  double radio = fleet.link.radio.value();
  at.number("radio_watts", radio, 0, 1e5, "a drone draws while it sends");
  fleet.link.radio = Watts(radio);
}

void device_fields(JsonCursor& at, EdgeScenario& scenario) {
  std::vector<std::string> names;
  for (const EdgeDevice& device : edge_devices()) names.emplace_back(device.name);
  at.choice("name", scenario.device, names, "accelerator of a site, for its power");
  for (const EdgeDevice& device : edge_devices()) {
    if (device.name == scenario.device) scenario.busy_power = device.power;
  }
  law(at, "time_factor", scenario.edge_factor, "actual over expected time");
  at.text("latencies", scenario.latency_trace,
          "measured latencies (a CSV with inference_time) whose shape time_factor takes");
  double busy = scenario.busy_power.value();
  at.number("busy_watts", busy, 0, 1e5, "drawn while it works");
  scenario.busy_power = Watts(busy);
  double idle = scenario.idle_power.value();
  at.number("idle_watts", idle, 0, 1e5, "drawn while it does not");
  scenario.idle_power = Watts(idle);
}

/// Gives the tasks that name a network its time on this device. `at` is the scenario's "edge".
void network_times(JsonCursor& at, EdgeScenario& scenario) {
  for (std::size_t i = 0; i < scenario.types.size(); ++i) {
    EdgeTaskType& type = scenario.types[i];
    if (type.network.empty()) continue;
    std::vector<std::string> measured;
    for (const EdgeNetwork& network : edge_networks()) {
      if (network.device != scenario.device) continue;
      measured.emplace_back(network.name);
      if (network.name == type.network) type.edge_time = network.time;
    }
    if (type.edge_time > kNone) continue;
    throw InputError(
        fmt::format("{}/{}/network", at.place("tasks"), i),
        fmt::format("expected a network measured on {} ({}), got {}; give edge_time instead",
                    scenario.device, fmt::join(measured, ", "), headroom::quoted(type.network)));
  }
}

void price_fields(JsonCursor& at, EdgeScenario& scenario) {
  std::string price(call_prices().front().name);
  std::vector<std::string> names{"none"};
  for (const CallPrice& known : call_prices()) names.emplace_back(known.name);
  at.choice("price", price, names, "published price of calls");
  for (const CallPrice& known : call_prices()) {
    if (known.name != price) continue;
    scenario.call_price = known.call;
    scenario.gigabyte_second_price = known.gigabyte_second;
  }
  double calls = scenario.call_price.value() * 1e6;
  at.number("usd_per_million_calls", calls, 0, 1e9, "instead of the published one");
  scenario.call_price = Usd(calls / 1e6);
  double seconds = scenario.gigabyte_second_price.value();
  at.number("usd_per_gigabyte_second", seconds, 0, 1e9, "instead of the published one");
  scenario.gigabyte_second_price = Usd(seconds);
  at.bytes("memory", scenario.memory, "of a function, for its price");
}

void cloud_fields(JsonCursor& at, EdgeScenario& scenario) {
  EdgeCloudSetup& cloud = scenario.cloud;
  std::vector<std::string> names;
  for (const CloudQuality& quality : cloud_qualities()) names.emplace_back(quality.name);
  at.choice("quality", scenario.quality, names, "how well calls keep their expected times");
  for (const CloudQuality& quality : cloud_qualities()) {
    if (quality.name == scenario.quality) cloud = quality.setup;
  }
  at.count("concurrency", cloud.concurrency, 1, kMostCalls, "calls of a site at a time");
  time_field(at, "timeout", cloud.timeout, kSome, "calls are given up after");
  law(at, "time_factor", cloud.time_factor, "execution over expected time, as drawn a call");
  if (at.has("phases")) cloud.phases.clear();
  at.list("phases", 1, 10'000, "slower and faster times, in order",
          [&](JsonCursor& item, std::size_t) {
            CloudPhase phase;
            Duration since{0};
            time_field(item.required(), "at", since, kNone, "from here on", kYear);
            phase.at = Instant() + since;
            item.required().number("slowdown", phase.slowdown, 0.001, 1000,
                                   "calls take so many times as long");
            if (!cloud.phases.empty() && !item.describing() && phase.at <= cloud.phases.back().at) {
              throw InputError(item.place("at"),
                               "expected a time after the phase before, got none; sort them");
            }
            cloud.phases.push_back(phase);
          });
  time_field(at, "cold_start", cloud.cold_start, kNone,
             "of an instance; 0 s: instances are always there");
  time_field(at, "keep_alive", cloud.keep_alive, kNone, "idle instances are kept so long");
  law(at, "latency_s", cloud.latency, "seconds there and back on top of the expected time");
  law(at, "upload_factor", cloud.upload_factor, "of each upload, over input / uplink");
  at.text("network", scenario.network_trace,
          "trace of the network: a CSV with time_s, latency_ms, uplink_mbps");
  BytesPerSecond uplink{0};
  at.bandwidth("uplink", uplink, "of a site for inputs, one after the other; 0 GB/s: unlimited");
  if (uplink.value() > 0) cloud.network = {NetworkPoint{Instant(), Duration(0), uplink}};
  if (at.has("uplink") && at.has("network")) {
    throw InputError(at.place("uplink"),
                     "expected either uplink or network, got both; remove one of them");
  }
  price_fields(at, scenario);
}

}  // namespace

void edge_scenario_fields(JsonCursor& at, EdgeScenario& scenario) {
  // Runs at the edge take a little less than expected, for expectations are high percentiles there
  // too; no distribution is published, so this is an assumption.
  scenario.edge_factor.mean = 0.95;
  std::string schema;
  at.text("$schema", schema, "for editors; `headroom schema edge` prints it");
  at.text("name", scenario.name, "title of the report");
  at.count("seed", scenario.seed, 0, std::int64_t{1} << 53, "of all random streams");
  at.required().object("edge", "", "edge sites, their tasks and their cloud", [&](JsonCursor& in) {
    policy_field<DispatchPolicy>(in, "policy", scenario.policy, "where tasks run, and when");
    tasks_field(in, scenario);
    if (in.has("fleet") && in.has("trace")) {
      throw InputError(in.place("fleet"),
                       "expected either fleet or trace, got both; remove one of them");
    }
    in.object("fleet", "", "drones that send video segments",
              [&](JsonCursor& fleet) { fleet_fields(fleet, scenario.fleet); });
    in.text("trace", scenario.trace, "path of a trace of tasks, instead of fleet");
    in.object("device", "name", "the accelerator of a site",
              [&](JsonCursor& device) { device_fields(device, scenario); });
    if (!in.describing()) network_times(in, scenario);
    in.object("cloud", "quality", "what calls meet",
              [&](JsonCursor& cloud) { cloud_fields(cloud, scenario); });
    in.object("losses", "", "how good the answers of models are, and what a router can tell",
              [&](JsonCursor& losses) {
                law(losses, "spread", scenario.loss_spread,
                    "loss of a model on one task, over its mean");
                law(losses, "prediction", scenario.loss_prediction,
                    "what a router expects of it, over that loss; 1: it knows");
              });
    time_field(in, "window", scenario.window, Duration(1'000'000),
               "over which shares in time earn their bonus");
  });
  at.optional_object("serving", "",
                     "a serving system that answers the calls in the same run: model, cluster, "
                     "deployment as in other scenarios",
                     [&](JsonCursor& serving) {
                       scenario.serving.emplace();
                       scenario.serving->file = scenario.file + ": /serving";
                       system_fields(serving, *scenario.serving);
                     });
}

}  // namespace headroom
