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
      {{"headroom plan quickstart", "usual devices, tensor degrees 1 to 8"},
       {"headroom plan my.json --devices h100-sxm,h200-sxm --set "
        "deployment.batch=vllm-v1,sarathi --most-gpus 32",
        "policies too, within what can be bought"}},
      {
          {"devices", "NAMES", "to choose from: a100-80g,l40s,h100-sxm,h200-sxm when left out"},
          {"tensor", "DEGREES", "tensor degrees to try: 1,2,4,8 when left out"},
          {"set", "KEY=A,B", "try these values of any key; with one value, set it for all", "",
           nullptr, OptionSpec::Times::many},
          {"most-gpus", "N", "GPUs at most; 64 when left out"},
          {"most-usd", "PRICE", "cost at most, e.g. \"40 USD/h\""},
          {"trace", "FILE", "plan for this trace", "workload.trace"},
          {"limit", "N", "at most so many requests of it", "workload.limit"},
          {"rate", "RATE", "arrivals of a generated load, e.g. \"8 /s\"", "workload.rate"},
          {"rate-scale", "X", "arrivals come X times faster", "workload.rate_scale"},
          {"seed", "N", "seed of all random streams", "seed"},
          {"json", "FILE", "write the answer as one JSON document (- for stdout)"},
          {"jobs", "N", "simulations at a time; all processors when left out"},
      },
      command_plan,
      bundled_scenario_words};
  return {spec};
}

}  // namespace headroom
