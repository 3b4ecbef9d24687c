// headroom sweep and its parts, for sim/cli/option_table.h.
#include "sim/cli/commands.h"
#include "sim/cli/option_table_parts.h"
#include "sim/cli/word_lists.h"

namespace headroom {
namespace {

constexpr auto kMany = OptionSpec::Times::many;

std::vector<OptionSpec> answers() {
  return {
      {"db", "FILE", "write all of it to a SQLite database"},
      {"csv", "FILE", "write one line a cell (- for stdout)"},
      {"json", "FILE", "write all of it as one JSON document (- for stdout)"},
      {"html", "FILE", "write it as one HTML page with charts, for offline (- for stdout)"},
      {"metrics", "NAMES", "columns of the table, e.g. latency.ttft.p99,cost.usd_per_hour"},
      {"rows", "N", "most rows of the table; 40 when left out"},
  };
}

CommandSpec sweep_spec() {
  std::vector<OptionSpec> options{
      {"set", "KEY=A,B",
       "sweep any value of the scenario over these; with one value, set it for all", "", nullptr,
       kMany},
      {"seeds", "N", "seeds a point, from the scenario's on; the same at every point"},
      {"sample", "N", "draw N points of the grid at random"},
      {"list", "FILE", "points from a table: a line of keys, then a line a point"},
      {"seed", "N", "first seed", "seed"},
      {"trace", "FILE", "replay this trace instead", "workload.trace"},
      {"limit", "N", "at most so many requests a cell", "workload.limit"},
      {"out", "DIR", "keep plan and shards here; a temporary folder when left out"},
      {"on", "WHERE", "local (when left out) or slurm"},
      {"jobs", "N", "cells at a time; all processors when left out"},
      {"chunk-cells", "N", "cells a shard: what a kill loses at most, a worker"},
  };
  for (const OptionSpec& option : answers()) options.push_back(option);
  options.push_back({"quiet", "", "no progress on stderr"});
  return {"sweep",
          "SCENARIO",
          1,
          1,
          "many what-ifs in parallel, here or on a Slurm cluster",
          {{"headroom sweep quickstart --set deployment.replicas=1,2,4 --seeds 5",
            "three settings, five seeds each, intervals over seeds"},
           {"headroom sweep my.json --set workload.rate='8 /s,16 /s' --set "
            "deployment.batch=vllm-v1,sarathi --db r.db",
            "a grid into a database; killed, the same command goes on"}},
          std::move(options),
          command_sweep,
          bundled_scenario_words};
}

}  // namespace

std::vector<CommandSpec> sweep_specs() {
  std::vector<OptionSpec> resume = answers();
  resume.push_back({"jobs", "N", "cells at a time; all processors when left out"});
  resume.push_back({"quiet", "", "no progress on stderr"});
  CommandSpec resume_spec{"sweep resume",
                          "DIR",
                          1,
                          1,
                          "run what a sweep's folder lacks, then answer",
                          {{"headroom sweep resume parts", "after a kill"},
                           {"headroom sweep resume parts --db r.db", "into a database"}},
                          std::move(resume),
                          command_sweep_resume};
  CommandSpec status{"sweep status",
                     "DIR",
                     1,
                     1,
                     "how far a sweep's folder is",
                     {{"headroom sweep status parts", "exit code 3 while chunks are missing"},
                      {"watch headroom sweep status parts", "look again and again"}},
                     {},
                     command_sweep_status};
  CommandSpec merge{"sweep merge",
                    "DIR",
                    1,
                    1,
                    "answer from a sweep's folder; runs nothing",
                    {{"headroom sweep merge parts --db r.db", "shards into a database"},
                     {"headroom sweep merge parts --csv -", "shards to standard output"}},
                    answers(),
                    command_sweep_merge};
  CommandSpec worker{
      "sweep worker",
      "DIR",
      1,
      1,
      "run one chunk: what every launcher calls",
      {{"headroom sweep worker parts --chunk 3", "the fourth chunk"},
       {"headroom sweep worker parts --chunk auto", "by the task number in the environment"}},
      {{"chunk", "K", "number from 0, or auto: from SLURM_ARRAY_TASK_ID and its kin"}},
      command_sweep_worker};
  return {sweep_spec(), resume_spec, status, merge, worker};
}

}  // namespace headroom
