// The winner of a plan as launch commands and manifests of serving systems.
//
// Law: every option that is written stands in `engine_flags`, which names the page that documents
// it; tests/cli/emit_test.cpp parses each output back and compares it with the deployment.
// Law: an engine is launched with the budgets it was simulated with; a target that would launch
// another engine is refused.
// Manifests are JSON, which kubectl and Helm read as they read YAML.
// Not here: container images of your own, secrets, storage of weights.
#pragma once

#include <string>
#include <vector>

#include "sim/cli/plan_space.h"

namespace headroom {

/// An option of an engine's server and where it is documented.
struct EngineFlag {
  const char* program;  ///< "vllm serve", "sglang", "sglang router", "trtllm-serve"
  const char* flag;
  const char* source;
};
[[nodiscard]] const std::vector<EngineFlag>& engine_flags();

/// One replica's server, as words of a command line.
struct ServerLaunch {
  std::string role;  ///< joint, prefill or decode
  std::int64_t replicas = 1, gpus = 1;
  std::string device;
  std::vector<std::string> options;  ///< of the server, model and port left out
};
struct EmitPlan {
  std::string model, engine, name;
  std::vector<ServerLaunch> servers;
  [[nodiscard]] bool apart() const { return servers.size() > 1; }
};
/// What a deployment launches. Throws InputError where its engine is none of the three.
[[nodiscard]] EmitPlan emit_plan(const PlanSpace& space, const PlanFamily& family,
                                 const PlanCounts& counts);

/// Throws InputError{"--emit"} for an unknown target or one of another engine.
void check_emit_target(const std::string& target, const std::string& engine);
[[nodiscard]] std::string emit_text(const std::string& target, const EmitPlan& plan);

/// The two kinds of text, by the files that write them.
[[nodiscard]] std::string emit_commands(const EmitPlan& plan);
[[nodiscard]] std::string emit_manifest(const std::string& target, const EmitPlan& plan);

}  // namespace headroom
