#include "sim/cli/option_table.h"

#include <algorithm>

#include "sim/cli/commands.h"
#include "sim/cli/option_table_parts.h"
#include "sim/cli/word_lists.h"

namespace headroom {
namespace {

constexpr auto kMany = OptionSpec::Times::many;

std::vector<OptionSpec> run_options() {
  return {
      {"json", "FILE", "write the whole report as one JSON document (- for stdout)"},
      {"markdown", "FILE", "write the report as Markdown (- for stdout)"},
      {"html", "FILE", "write the report as one HTML page with charts, for offline (- for stdout)"},
      {"requests-csv", "FILE", "write one line a request (- for stdout)"},
      {"timeline", "FILE", "write what happened when, for ui.perfetto.dev (- for stdout)"},
      {"timeline-window", "A..B", "show this simulated time in it whole, e.g. \"60 s..90 s\""},
      {"db", "FILE", "append the run to a SQLite database"},
      {"label", "TEXT", "keep this with the run in the database: a commit, a date"},
      {"seed", "N", "seed of all random streams", "seed"},
      {"trace", "FILE", "replay this trace instead (- for stdin)", "workload.trace"},
      {"limit", "N", "at most so many requests", "workload.limit"},
      {"rate", "RATE", "arrivals of a generated load, e.g. \"8 /s\"", "workload.rate"},
      {"rate-scale", "X", "arrivals come X times faster", "workload.rate_scale"},
      {"window", "A..B", "only arrivals from A to B after the first, e.g. \"10 min..20 min\""},
      {"batch", "POLICY", "batch policy of all replicas", "deployment.*.batch", batch_policy_words},
      {"routing", "POLICY", "routing policy", "routing", routing_policy_words},
      {"cost", "MODEL", "cost model of all replicas, e.g. calibrated:FILE", "deployment.*.cost"},
      {"time-limit", "TIME", "stop at this simulated time, e.g. \"1 h\"", "time_limit"},
      {"set", "KEY=VALUE",
       "set any value of the scenario, e.g. deployment.replicas=4; KEY=null takes it out", "",
       nullptr, kMany},
      {"require-measured", "", "answer only from measured costs, never from extrapolated ones"},
      {"explain-config", "", "print each value with who set it, and do not run"},
      {"watch", "", "a live view while it runs, on a terminal"},
      {"quiet", "", "no progress on stderr"},
      {"color", "", "colour the report even where stdout is no terminal"},
      {"no-color", "", "never colour the report (also: NO_COLOR in the environment)"},
  };
}

CommandSpec run_spec() {
  return {"run",
          "SCENARIO",
          1,
          1,
          "what happens under this load",
          {{"headroom run quickstart", "the bundled scenario"},
           {"headroom run my.json --rate \"20 /s\" --json report.json",
            "a what-if on your own, with a report to keep"}},
          run_options(),
          command_run,
          bundled_scenario_words};
}

CommandSpec validate_spec() {
  return {
      "validate",
      "FILE...",
      1,
      64,
      "how far predictions are from measured serving points",
      {{"headroom validate points.csv", "errors by device, model, engine and mode"},
       {"headroom validate points.csv --by engine --split held-out --points-csv errors.csv",
        "on points that no constant was fitted on, with every error to keep"}},
      {{"by", "LABELS", "what to group by: device,model,engine,mode"},
       {"json", "FILE", "write tables and points as one JSON document (- for stdout)"},
       {"markdown", "FILE", "write the tables as Markdown (- for stdout)"},
       {"points-csv", "FILE", "write one line a point (- for stdout)"},
       {"svg", "FILE", "write predicted over measured as a plot (- for stdout)"},
       {"jobs", "N", "simulations at a time; all processors when left out"},
       {"split", "HALF", "fit, held-out or all points"},
       {"engine", "NAME=FILE", "an engine description of your own instead of a bundled one", "",
        nullptr, kMany},
       {"cost", "MODEL", "pack (bundled), pack:FILE or table:STORE of measured kernels"},
       {"against", "MODEL", "a second cost model, to print what the first loses to it"},
       {"resume", "FILE", "keep finished points in FILE; those already there are not run again"},
       {"device", "NAME", "device of logs that do not say theirs"},
       {"requests-per-client", "N", "requests each client sends; 10 when left out"},
       {"shortest", "SHARE",
        "lengths are uniform from this share of nominal; as the files say when left out"}},
      command_validate};
}

CommandSpec edge_compare_spec() {
  return {
      "edge compare",
      "SCENARIO",
      1,
      1,
      "policies of edge sites over loads, fleets and clouds",
      {{"headroom edge compare drones", "every policy, 45 cells, ten seeds"},
       {"headroom edge compare my.json --policies dems,gems,dems:faithful --drones 4 --seeds 30",
        "some on your own scenario"}},
      {{"policies", "NAMES",
        "dispatch policies, with parameters as NAME:FLAG or NAME:PARAMETER=VALUE"},
       {"loads", "NAMES", "light,medium,heavy"},
       {"drones", "NUMBERS", "drones a site; 2,3,4,5,6 when left out"},
       {"clouds", "NAMES", "benign,variable,degraded"},
       {"released", "", "every policy as it was released, with its quirks"},
       {"seeds", "N", "runs of each, from the scenario's seed on; 10 when left out"},
       {"jobs", "N", "simulations at a time; all processors when left out"},
       {"csv", "FILE", "write one line a cell and policy (- for stdout)"},
       {"seed", "N", "first seed", "seed"},
       {"set", "KEY=VALUE", "set any value of the scenario", "", nullptr, kMany}},
      command_edge_compare,
      bundled_scenario_words};
}

CommandSpec list_spec() {
  return {"list",
          "[TOPIC]",
          0,
          1,
          "what is available: models, devices, engines, policies, ...",
          {{"headroom list", "everything"},
           {"headroom list policies", "policies with their parameters"}},
          {},
          command_list,
          list_topic_words};
}

std::vector<CommandSpec> trace_specs() {
  const OptionSpec format{"format", "NAME", "format of the trace; detected when left out", "",
                          trace_format_words};
  const OptionSpec limit{"limit", "N", "at most so many requests"};
  CommandSpec info{"trace info",
                   "FILE",
                   1,
                   1,
                   "count, rates, burstiness and lengths of a trace",
                   {{"headroom trace info requests.csv", "what is in a trace"},
                    {"zcat requests.csv.gz | headroom trace info -", "the same from stdin"}},
                   {format, limit},
                   command_trace_info};
  CommandSpec convert{
      "trace convert",
      "FILE",
      1,
      1,
      "any known trace format to Headroom's own",
      {{"headroom trace convert burst.csv --output burst.jsonl", "to JSONL"},
       {"headroom trace convert mooncake.jsonl --to csv --output -", "CSV on stdout"}},
      {format,
       {"to", "NAME", "csv or jsonl; from the output's name when left out"},
       {"output", "FILE", "where to write (- for stdout)"},
       limit,
       {"rate-scale", "X", "arrivals come X times faster"},
       {"window", "A..B", "only arrivals from A to B after the first"}},
      command_trace_convert};
  CommandSpec generate{"trace generate",
                       "SCENARIO",
                       1,
                       1,
                       "the generated load of a scenario as a trace",
                       {{"headroom trace generate quickstart --output load.csv", "as CSV"},
                        {"headroom trace generate my.json --seed 7 --output -", "another sample"}},
                       {{"to", "NAME", "csv or jsonl; from the output's name when left out"},
                        {"output", "FILE", "where to write (- for stdout)"},
                        {"seed", "N", "seed of all random streams", "seed"},
                        {"limit", "N", "at most so many requests", "workload.limit"},
                        {"rate", "RATE", "arrivals, e.g. \"8 /s\"", "workload.rate"},
                        {"set", "KEY=VALUE", "set any value of the scenario", "", nullptr, kMany}},
                       command_trace_generate,
                       bundled_scenario_words};
  return {info, convert, generate};
}

CommandSpec measure_spec() {
  return {"profile measure",
          "STORE",
          1,
          1,
          "kernels of a device of this machine, timed and stored",
          {{"headroom profile measure kernels.db --device cpu --plan quick", "half a minute"},
           {"headroom profile measure kernels.db --device cuda:0 --model llama-3.1-8b --tp 2",
            "one model's kernels; interrupted, the same command goes on"}},
          {{"device", "NAME", "cpu (one thread; when left out) or cuda:N"},
           {"plan", "NAME", "quick, model or full; quick when left out, model with --model"},
           {"model", "NAME", "whose kernels the plan model holds"},
           {"tp", "N", "tensor degree of that model; 1 when left out"},
           {"passes", "N", "times each kernel is measured, from 2; 3 when left out"},
           {"seed", "N", "of order and operands; 1 when left out"},
           {"most-drift", "PERCENT", "anchors that move further make it void; by device"},
           {"list", "", "print the plan's kernels and measure nothing"},
           {"quiet", "", "no progress on stderr"}},
          command_profile_measure,
          nullptr};
}

/// Commands on a store of measured kernels.
std::vector<CommandSpec> profile_specs() {
  const std::vector<OptionSpec> filter{
      {"device", "NAME", "only of this device"},
      {"library", "NAME", "only of this kernel library"},
      {"library-version", "TEXT", "only of this version of the library"},
      {"op", "NAME", "only this operator: gemm, decode_attention, ..."},
      {"run", "N", "only of this run"}};
  const auto with = [&filter](OptionSpec option) {
    std::vector<OptionSpec> options = filter;
    options.push_back(option);
    return options;
  };
  const auto spec = [](const char* name, const char* arguments, std::size_t least, std::size_t most,
                       const char* summary, std::vector<CommandExample> examples,
                       std::vector<OptionSpec> options, int (*run)(const Invocation&)) {
    return CommandSpec{
        name, arguments, least, most, summary, std::move(examples), std::move(options),
        run,  nullptr};
  };
  return {
      spec("profile import", "STORE PATH...", 2, 65, "published kernel times into a profile store",
           {{"headroom profile import kernels.db aiconfigurator/data/h100_sxm", "a folder"},
            {"headroom profile import kernels.db mlp.csv --format vidur --device h100-sxm",
             "a file whose place does not tell its device"}},
           {{"format", "NAME", "aiconfigurator, vidur or llmservingsim; detected when left out"},
            {"device", "NAME", "device of the catalogue; from the files' place when left out"},
            {"origin", "TEXT", "where the files come from, kept with each run"},
            {"licence", "TEXT", "their licence; as the files state it when left out"},
            {"date", "DATE", "of measurement; as the files state it when left out"},
            {"partial", "", "take tables that their collectors call partial"}},
           command_profile_import),
      measure_spec(),
      spec("profile fit", "STORE", 1, 1, "a cost pack of a device's kernels, with its error",
           {{"headroom profile fit kernels.db --device h100-sxm --output h100.pack",
             "to run on: \"cost\": \"pack:h100.pack\""},
            {"headroom profile fit kernels.db --device l40s", "only how far a pack would be off"}},
           {{"device", "NAME", "whose kernels; may be left out where the store has one device"},
            {"output", "FILE", "where to write the pack (- for stdout)"}},
           command_profile_fit),
      spec("profile list", "STORE", 1, 1, "runs of a profile store",
           {{"headroom profile list kernels.db", "every run"},
            {"headroom profile list kernels.db --device h100-sxm --library vllm", "some"}},
           filter, command_profile_list),
      spec("profile show", "STORE", 1, 1, "where runs come from and what they measured",
           {{"headroom profile show kernels.db --run 3", "one run"},
            {"headroom profile show kernels.db --op gemm --rows 10", "with sample rows"}},
           with({"rows", "N", "rows of each operator and format; 3 when left out"}),
           command_profile_show),
      spec("profile export", "STORE", 1, 1, "every kernel with its run",
           {{"headroom profile export kernels.db --op gemm > gemm.csv", "as CSV"},
            {"headroom profile export kernels.db --run 3 --to json", "as JSON"}},
           with({"to", "NAME", "csv or json; csv when left out"}), command_profile_export),
      spec("profile check", "STORE", 1, 1, "rows that are not plausible",
           {{"headroom profile check kernels.db", "faster than the roofline, duplicates, holes"},
            {"headroom profile check kernels.db --cross-validate", "how well look-ups answer"}},
           with({"cross-validate", "", "leave points and sites out and look them up"}),
           command_profile_check),
      spec("profile diff", "STORE STORE", 2, 2, "kernels that two stores time differently",
           {{"headroom profile diff old.db new.db", "everything"},
            {"headroom profile diff old.db new.db --op all_reduce", "one operator"}},
           filter, command_profile_diff)};
}

std::vector<CommandSpec> help_specs() {
  CommandSpec schema{"schema",
                     "[edge]",
                     0,
                     1,
                     "JSON Schema of scenarios",
                     {{"headroom schema", "print it"},
                      {"headroom schema > scenario.schema.json", "for your editor"}},
                     {},
                     command_schema};
  CommandSpec help{
      "help",
      "[TOPIC]",
      0,
      2,
      "help on a command or a topic",
      {{"headroom help run", "one command"}, {"headroom help exit-codes", "what exit codes mean"}},
      {},
      command_help,
      help_topic_words};
  CommandSpec version{"version",
                      "",
                      0,
                      0,
                      "version of this program",
                      {{"headroom version", "print it"},
                       {"headroom version --licenses", "what others wrote of it"}},
                      {{"licenses", "", "libraries, their licences and notices"}},
                      command_version};
  CommandSpec completion{
      "completion",
      "SHELL",
      1,
      1,
      "completion script for bash, zsh or fish",
      {{"source <(headroom completion bash)", "this shell"},
       {"headroom completion fish > ~/.config/fish/completions/headroom.fish", "all later ones"}},
      {},
      command_completion,
      shell_words};
  CommandSpec man{
      "man",
      "",
      0,
      0,
      "manual page",
      {{"headroom man | man -l -", "read it"}, {"headroom man > headroom.1", "keep it"}},
      {},
      command_man};
  return {schema, help, version, completion, man};
}

}  // namespace

const std::vector<CommandSpec>& command_table() {
  static const std::vector<CommandSpec> kTable = [] {
    std::vector<CommandSpec> table{run_spec(), validate_spec(), edge_compare_spec(), list_spec()};
    for (CommandSpec& spec : plan_specs()) table.push_back(std::move(spec));
    for (CommandSpec& spec : compare_specs()) table.push_back(std::move(spec));
    for (CommandSpec& spec : sweep_specs()) table.push_back(std::move(spec));
    table.push_back(place_spec());
    for (CommandSpec& spec : trace_specs()) table.push_back(std::move(spec));
    for (CommandSpec& spec : profile_specs()) table.push_back(std::move(spec));
    table.push_back(calibrate_spec());
    for (CommandSpec& spec : help_specs()) table.push_back(std::move(spec));
    return table;
  }();
  return kTable;
}

std::vector<std::string> command_names() {
  std::vector<std::string> names;
  for (const CommandSpec& command : command_table()) names.emplace_back(command.name);
  return names;
}

const CommandSpec* find_command(std::string_view name) {
  const auto& table = command_table();
  const auto it = std::find_if(table.begin(), table.end(),
                               [&](const CommandSpec& command) { return command.name == name; });
  return it == table.end() ? nullptr : &*it;
}

const OptionSpec* find_option(const CommandSpec& command, std::string_view name) {
  const auto it = std::find_if(command.options.begin(), command.options.end(),
                               [&](const OptionSpec& option) { return option.name == name; });
  return it == command.options.end() ? nullptr : &*it;
}

}  // namespace headroom
