// headroom profile measure: times a plan's kernels on a device of this machine and stores them.
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <memory>
#include <string>

#include "models/architecture.h"
#include "profiles/measure.h"
#include "profiles/measure_devices.h"
#include "profiles/measure_store.h"
#include "sim/check.h"
#include "sim/cli/commands.h"
#include "sim/cli/exit_codes.h"
#include "sim/cli/terminal.h"
#include "sim/quantity_text.h"

namespace headroom {
namespace {

/// UTC, "2026-11-22T23:59:01Z".
std::string now_text() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

/// One GPU's part of a model, heads and matrices split over the tensor degree.
PlanModel plan_model(const Invocation& call, const std::string& name) {
  const std::int64_t ranks = call.has("tp") ? whole_option(call, "tp", 1, 64) : 1;
  const Architecture model = find_model(name, "--model");
  PlanModel sizes;
  sizes.name = model.name;
  sizes.tensor_ranks = ranks;
  sizes.hidden = model.hidden;
  // Latent attention has other kernels; zero sizes make the plan refuse it.
  if (model.is_latent() || model.heads % ranks != 0) return sizes;
  sizes.heads = model.heads / ranks;
  // Fewer heads than GPUs: each GPU holds a copy of one.
  sizes.kv_heads = std::max<std::int64_t>(model.kv_heads / ranks, 1);
  sizes.head_dim = model.head_dim;
  sizes.ffn = model.ffn_hidden / ranks;
  sizes.experts = model.experts;
  sizes.experts_per_token = model.experts_per_token;
  sizes.expert_ffn = model.expert_ffn_hidden / ranks;
  sizes.shared_ffn = model.shared_ffn_hidden / ranks;
  sizes.vocab = model.vocab / ranks;
  sizes.gated = model.gated_ffn;
  return sizes;
}

MeasurePlan plan_of(const Invocation& call, PlanFor device) {
  const std::string model = call.value("model").value_or("");
  const std::string name = call.value("plan").value_or(model.empty() ? "quick" : "model");
  if (name != "quick" && name != "model" && name != "full")
    throw InputError("--plan",
                     "expected quick, model or full, got " + quoted(name) + "; choose one of them");
  if (name == "model" && model.empty())
    throw InputError("--plan", "expected a model to plan for, got none; add --model NAME");
  if (name != "model" && (!model.empty() || call.has("tp")))
    throw InputError("--plan", "expected --model and --tp with the plan model only, got " +
                                   quoted(name) + "; leave them or --plan out");
  if (name == "model") return model_plan(device, plan_model(call, model));
  return name == "quick" ? quick_plan(device) : full_plan(device);
}

MeasureMethod method_of(const Invocation& call, PlanFor device, const MeasurePlan& plan) {
  MeasureMethod method = method_for(device, plan.name);
  if (call.has("passes")) method.passes = static_cast<int>(whole_option(call, "passes", 2, 100));
  if (call.has("seed"))
    method.seed = static_cast<std::uint64_t>(whole_option(call, "seed", 0, std::int64_t{1} << 40));
  if (call.has("most-drift"))
    method.most_drift = static_cast<double>(whole_option(call, "most-drift", 1, 1000)) / 100;
  return method;
}

int list_points(const MeasurePlan& plan, const MeasureMethod& method) {
  for (const KernelShape& shape : plan.points) print(describe(shape) + "\n");
  print(fmt::format("{} kernels, {} steps, at most {:.0f} minutes; plan {}\n", plan.points.size(),
                    schedule_of(plan, method).size(),
                    static_cast<double>(schedule_of(plan, method).size()) *
                        (method.warm_up_ns + method.stop.most_ns) / 60e9,
                    plan.hash()));
  return kExitYes;
}

int finish(ProfileStore& store, const ProfileRun& run, const MeasurePlan& plan,
           const MeasureMethod& method, const MeasureOutcome& outcome, MeasureJournal& journal) {
  const Agreement agreement = agreement_with_earlier(store, run, outcome);
  print(measurement_text(run, outcome, agreement));
  if (outcome.drift > method.most_drift) {
    complain(fmt::format(
        "headroom profile measure: expected anchors that move by at most {:.0f} %, got {:.1f} %; "
        "nothing stored: delete {} and measure again on a quieter machine, or accept the drift "
        "with --most-drift {:.0f}",
        method.most_drift * 100, outcome.drift * 100, journal.path(), outcome.drift * 100 + 1));
    return kExitNoAnswer;
  }
  const std::int64_t id = store_measurement(store, run, plan, method, outcome);
  journal.remove();
  print(fmt::format("stored as run {}, device {}\n", id, run.device));
  for (const MeasuredPoint& point : outcome.points)
    if (point.left_out.starts_with(to_string(StepState::wrong))) return kExitNo;
  return kExitYes;
}

}  // namespace

int command_profile_measure(const Invocation& call) {
  const std::string name = call.value("device").value_or("cpu");
  const PlanFor kind = kind_of_device(name);
  const MeasurePlan plan = plan_of(call, kind);
  const MeasureMethod method = method_of(call, kind, plan);
  if (call.has("list")) return list_points(plan, method);
  watch_interrupts();
  const std::unique_ptr<MeasuredDevice> device = open_measured_device(name);
  ProfileRun run = device->identity();
  run.tool = "headroom profile measure";
  run.tool_version = kVersion;
  run.date = now_text();
  run.source = "measured here";
  run.plan_hash = plan.hash();
  const std::string& path = call.arguments().front();
  // Opened before anything is measured: what cannot be stored is known at once.
  ProfileStore store(path, ProfileStore::Mode::read_write);
  MeasureJournal journal(path + ".measuring-" + plan.hash().substr(0, 8),
                         measurement_identity(run, device->unit(), plan, method));
  if (!journal.records().empty() && !call.has("quiet"))
    complain(fmt::format("headroom profile measure: going on after {} steps of an earlier call",
                         journal.records().size()));
  bool done = false;
  {
    ProgressLine line("measuring", "steps", call.has("quiet"));
    MeasureHooks hooks;
    hooks.stop = &interrupted();
    hooks.progress = [&line](const MeasureProgress& at) { line.show(at.done, at.all, at.doing); };
    done = run_schedule(*device, plan, method, journal, hooks);
  }
  if (!done) {
    complain(
        fmt::format("headroom profile measure: interrupted after {} steps, kept in {}; run "
                    "the same command again to go on",
                    journal.records().size(), journal.path()));
    return kExitInterrupted;
  }
  // With what was found on the way: algorithms chosen, clocks.
  const ProfileRun found = device->identity();
  run.notes = found.notes;
  run.sm_clock_mhz = found.sm_clock_mhz;
  return finish(store, run, plan, method,
                evaluate(plan, method, journal.records(), device->peaks()), journal);
}

}  // namespace headroom
