// headroom plan, for sim/cli/option_table.h.
#include "sim/cli/commands.h"
#include "sim/cli/option_table_parts.h"
#include "sim/cli/word_lists.h"

namespace headroom {

std::vector<CommandSpec> plan_specs() {
  CommandSpec spec{
      "plan",
      "SCENARIO",
      1,
      1,
      "the cheapest deployment that holds the service levels",
      {{"headroom plan quickstart", "usual devices, tensor degrees 1 to 8, joint and apart"},
       {"headroom plan my.json --devices h100-sxm,h200-sxm --slo \"ttft p99 2 s\" --set "
        "deployment.batch=vllm-v1,sarathi --set model.weights=bf16,fp8 --most-gpus 32",
        "policies and precision too, within what can be bought"}},
      {
          {"devices", "NAMES", "to choose from: a100-80g,l40s,h100-sxm,h200-sxm when left out"},
          {"pools", "KINDS",
           "joint: replicas that do all; apart: prefill and decode pools on one device; mixed: on "
           "two; all three when left out"},
          {"tensor", "DEGREES", "tensor degrees to try: 1,2,4,8 when left out"},
          {"pipeline", "DEGREES", "pipeline degrees to try: 1 when left out"},
          {"expert", "DEGREES", "expert-parallel degrees to try: 1 when left out"},
          {"nic", "BANDWIDTHS", "network cards of nodes, between pools: e.g. \"25 GB/s,50 GB/s\""},
          {"set", "KEY=A,B", "try these values of any key; with one value, set it for all", "",
           nullptr, OptionSpec::Times::many},
          {"slo", "LEVEL",
           "a service level such as \"ttft p99 2 s\", \"tpot p95 50 ms class 1\"; as often as "
           "liked",
           "", nullptr, OptionSpec::Times::many},
          {"objective", "WHAT", "usd-per-hour (when left out), usd-per-token, gpus or energy"},
          {"most-gpus", "N", "GPUs at most; 64 when left out"},
          {"most-nodes", "N", "nodes at most"},
          {"most-usd", "PRICE", "cost at most, with all replicas there, e.g. \"40 USD/h\""},
          {"most-power", "POWER", "of all GPUs by their data sheets at most, e.g. \"20 kW\""},
          {"keep", "N", "so many of the best are searched to the end; 10 when left out"},
          {"from-now", "", "what-if against the scenario's own deployment, as a difference"},
          {"load", "X", "with --from-now: X times the load"},
          {"prompts", "X", "with --from-now: prompts X times as long"},
          {"fail-nodes", "N", "with --from-now: N nodes fail"},
          {"replace", "OLD=NEW", "with --from-now: another device in place of one"},
          {"emit", "TARGET",
           "launch commands or manifests of the winner: vllm, sglang, trtllm, dynamo, llm-d, k8s"},
          {"emit-to", "FILE", "write them there instead of standard output"},
          {"cache", "FILE", "keep simulations in this SQLite file, and reuse those in it"},
          {"trace", "FILE", "plan for this trace", "workload.trace"},
          {"limit", "N", "at most so many requests of it", "workload.limit"},
          {"rate", "RATE", "arrivals of a generated load, e.g. \"8 /s\"", "workload.rate"},
          {"rate-scale", "X", "arrivals come X times faster", "workload.rate_scale"},
          {"seed", "N", "seed of all random streams", "seed"},
          {"json", "FILE", "write the answer as one JSON document (- for stdout)"},
          {"html", "FILE", "write it as one HTML page with charts, for offline (- for stdout)"},
          {"jobs", "N", "simulations at a time; all processors when left out"},
      },
      command_plan,
      bundled_scenario_words};
  return {spec};
}

}  // namespace headroom
