#include "sim/cli/commands.h"
#include "sim/cli/option_table_parts.h"
#include "sim/cli/word_lists.h"

namespace headroom {

CommandSpec place_spec() {
  return {
      "place",
      "SCENARIO",
      1,
      1,
      "how to split the model into prefill and decode instances, and how many",
      {{"headroom place my.json --rate \"10 /s\"", "DistServe's search for slow links"},
       {"headroom place my.json --policy distserve-high --step 0.05",
        "its search for fast links, finer"}},
      {{"policy", "NAME",
        "distserve-low, distserve-high, bounded or joint; NAME:faithful as released"},
       {"against", "NAME", "run this search on the same space too, and print what both found"},
       {"judging", "HOW", "joint: all limits at once; separate: each for itself"},
       {"most", "RATE", "requests a second and GPU to search up to; 5 when left out"},
       {"step", "RATE", "width of the last bracket; 0.25 when left out"},
       {"rate", "RATE", "requests to be served", "workload.rate"},
       {"seed", "N", "seed of the workload", "seed"},
       {"set", "KEY=VALUE", "set any value of the scenario", "", nullptr, OptionSpec::Times::many}},
      command_place,
      bundled_scenario_words};
}

}  // namespace headroom
