// Whatever is wrong with the input: exactly one line on stderr that names the place, the right exit
// code, and no file left behind.
#include <string>
#include <vector>

#include "tests/catch.h"
#include "tests/cli/program.h"

using namespace headroom::cli_test;

namespace {

struct Case {
  const char* name;
  std::string scenario;   ///< text of s.json
  std::string arguments;  ///< of the program; "HEADROOM" in it means a whole shell command
  std::string place;      ///< must stand at the start of the line
  int code = 2;
  std::string trace = {};  ///< text of t.csv, if any
};

const std::string kGood = small_scenario();

/// A scenario whose first `from` became `to`.
Case changed(const char* name, const std::string& from, const std::string& to,
             const std::string& place, int code = 2) {
  return {name, replaced(kGood, from, to), "run s.json", place, code};
}

/// The good scenario under other arguments.
Case called(const char* name, const std::string& arguments, const std::string& place,
            int code = 2) {
  return {name, kGood, arguments, place, code};
}

/// The good scenario on a trace with this text.
Case traced(const char* name, const std::string& trace, const std::string& place) {
  return {name, kGood, "run s.json --trace t.csv", place, 2, trace};
}

std::vector<Case> scenario_cases() {
  return {
      {"empty file", "", "run s.json", "s.json:1:1: "},
      {"not JSON", "model: llama", "run s.json", "s.json:1:"},
      {"truncated", kGood.substr(0, 60), "run s.json", "s.json:"},
      {"binary", std::string("\x01\x02\xff\xfe", 4), "run s.json", "s.json:1:"},
      {"a list", "[]", "run s.json", "s.json: /: "},
      {"a number", "12", "run s.json", "s.json: /: "},
      {"null", "null", "run s.json", "s.json: /: "},
      {"deep nesting", std::string(5000, '['), "run s.json", "s.json: /"},
      {"duplicate key", R"({"seed": 1, "seed": 2})", "run s.json", "s.json: /: "},
      {"empty object", "{}", "run s.json", "s.json: /: expected the key \"model\""},
      changed("NaN", "500", "NaN", "s.json:"),
      changed("number too large for a double", "500", "1e999", "s.json:"),
      changed("10^18 tokens", "500", "1e18", "s.json: /workload/prompt: "),
      changed("negative tokens", "500", "-5", "s.json: /workload/prompt: "),
      changed("unknown key", "\"replicas\"", "\"replcas\"", "s.json: /deployment/0/replcas: "),
      changed("unknown top key", "\"model\"", "\"modle\"", "s.json: /"),
      changed("zero replicas", "\"replicas\": 1", "\"replicas\": 0",
              "s.json: /deployment/0/replicas: "),
      changed("half a replica", "\"replicas\": 1", "\"replicas\": 0.5",
              "s.json: /deployment/0/replicas: "),
      changed("replicas as text", "\"replicas\": 1", "\"replicas\": \"1\"",
              "s.json: /deployment/0/replicas: "),
      changed("more replicas than devices", "\"replicas\": 1", "\"replicas\": 9",
              "s.json: /deployment/0/replicas: "),
      changed("tiers of negative size", "\"replicas\": 1", R"("kv_tiers": {"host": "-1 GB"})",
              "s.json: /deployment/0/kv_tiers/host: "),
      changed("a disk that stands still", "\"replicas\": 1",
              R"("kv_tiers": {"disk": "1 TB", "disk_bandwidth": "0 GB/s"})",
              "s.json: /deployment/0/kv_tiers/disk_bandwidth: expected at least 1 MB/s"),
      changed("tiers below a policy that keeps no prefixes", "\"replicas\": 1",
              R"("batch": "orca", "kv_tiers": {"host": "1 GB"})",
              "s.json: /deployment/0/batch: expected a policy that keeps prefixes"),
      changed("no replicas at all", "[{\"replicas\": 1}]", "[]", "s.json: /deployment: "),
      changed("deployment as object", "[{\"replicas\": 1}]", "{\"replicas\": 1}",
              "s.json: /deployment: "),
      changed("null in a list", "[{\"replicas\": 1}]", "[null]", "s.json: /deployment/0: "),
      changed("heads not divisible", "\"replicas\": 1", "\"tensor_parallel\": 3",
              "s.json: /deployment/0"),
      changed("too many devices for a node", "\"replicas\": 1", "\"tensor_parallel\": 16",
              "s.json: /deployment/0"),
      changed("rate without unit", "\"8 /s\"", "8", "s.json: /workload/rate: "),
      changed("rate in a wrong unit", "\"8 /s\"", "\"8 ms\"", "s.json: /workload/rate: "),
      changed("negative rate", "\"8 /s\"", "\"-8 /s\"", "s.json: /workload/rate: "),
      changed("rate zero", "\"8 /s\"", "\"0 /s\"", "s.json: /workload/rate: "),
      changed("rate NaN", "\"8 /s\"", "\"nan /s\"", "s.json: /workload/rate: "),
      changed("rate infinite", "\"8 /s\"", "\"inf /s\"", "s.json: /workload/rate: "),
      changed("no rate", "\"rate\": \"8 /s\", ", "", "s.json: /workload/rate: "),
      changed("no requests", "\"requests\": 20, ", "", "s.json: /workload/requests: "),
      changed("zero requests", "\"requests\": 20", "\"requests\": 0",
              "s.json: /workload/requests: "),
      changed("no prompt", "\"prompt\": 500, ", "", "s.json: /workload/prompt: "),
      changed("SLO in bytes", "\"1 s\"", "\"1 GiB\"", "s.json: /slo/ttft: "),
      changed("SLO without unit", "\"1 s\"", "\"1\"", "s.json: /slo/ttft: "),
      changed("SLO negative", "\"1 s\"", "\"-1 s\"", "s.json: /slo/ttft: "),
      changed("attainment above 1", "\"ttft\": \"1 s\"", "\"attainment\": 95",
              "s.json: /slo/attainment: "),
      changed("unknown model", "llama-3.1-8b", "llama-3.1-8", "s.json: /model"),
      changed("unknown device", "h100-sxm", "h100-sxn", "s.json: /cluster/nodes/0/device"),
      changed("unknown engine", "\"replicas\": 1", "\"engine\": \"vlm\"",
              "s.json: /deployment/0/engine"),
      changed("unknown policy", "\"replicas\": 1", "\"batch\": \"vllm-v2\"",
              "s.json: /deployment/0/batch: "),
      changed("unknown parameter", "\"replicas\": 1",
              "\"batch\": {\"policy\": \"vllm-v1\", \"max_num_seq\": 3}",
              "s.json: /deployment/0/batch/max_num_seq: "),
      changed("parameter out of bounds", "\"replicas\": 1",
              "\"batch\": {\"policy\": \"vllm-v1\", \"max_num_seqs\": -3}",
              "s.json: /deployment/0/batch/max_num_seqs: "),
      changed("unknown routing", "\"slo\"", "\"routing\": \"round-robbin\", \"slo\"",
              "s.json: /routing: "),
      changed("unknown cost", "\"replicas\": 1", "\"cost\": \"rofline\"",
              "s.json: /deployment/0/cost"),
      changed("profile store missing", "\"replicas\": 1", "\"cost\": \"table:none.sqlite\"", ""),
      changed("unknown number format", "\"model\": \"llama-3.1-8b\"",
              "\"model\": {\"name\": \"llama-3.1-8b\", \"weights\": \"fp7\"}", "s.json: /model"),
      changed("nodes of no such name", "\"replicas\": 1", "\"nodes\": \"b200\"",
              "s.json: /deployment/0/nodes: "),
      changed("longer than the model", "\"replicas\": 1", "\"max_model_len\": 1000000",
              "s.json: /deployment/0/max_model_len: "),
      changed("swap space as number", "\"replicas\": 1", "\"swap_space\": 4",
              "s.json: /deployment/0/swap_space: "),
      changed("a law that needs a mean", "500", "{\"kind\": \"lognormal\"}",
              "s.json: /workload/prompt: "),
      changed("a value for another law", "500", "{\"mean\": 5, \"alpha\": 2}",
              "s.json: /workload/prompt/alpha: "),
      changed("unknown law", "500", "{\"kind\": \"lognorm\", \"mean\": 5}",
              "s.json: /workload/prompt/kind: "),
      changed("uniform upside down", "500", "{\"kind\": \"uniform\", \"least\": 9, \"most\": 3}",
              "s.json: /workload/prompt: "),
      changed("empirical without values", "500", "{\"kind\": \"empirical\"}",
              "s.json: /workload/prompt: "),
      changed("weights that match no values", "500",
              "{\"kind\": \"empirical\", \"values\": [1, 2], \"weights\": [1]}",
              "s.json: /workload/prompt/weights: "),
      changed("trace beside a generator", "\"requests\"", "\"trace\": \"t.csv\", \"requests\"",
              "s.json: /workload/"),
      changed("think time without clients", "\"requests\"", "\"think\": \"1 s\", \"requests\"",
              "s.json: /workload/think: "),
      changed("a tab in a name", "\"slo\"", "\"name\": \"a\\tb\", \"slo\"", "s.json: /name: "),
      // The answer is no.
      changed("a model that does not fit", "llama-3.1-8b", "llama-3.1-70b",
              "s.json: /deployment/0: ", 1),
  };
}

std::vector<Case> command_cases() {
  return {
      called("no command", "", "headroom: "),
      called("unknown command", "rum s.json", "headroom: "),
      called("unknown trace command", "trace inof t.csv", "headroom: "),
      called("unknown option", "run s.json --jsn x", "headroom run: "),
      called("unknown short option", "run s.json -j x", "headroom run: "),
      called("no scenario", "run", "headroom run: "),
      called("two scenarios", "run s.json s.json", "headroom run: "),
      called("option without its value", "run s.json --json", "headroom run: "),
      called("flag with a value", "run s.json --quiet=3", "headroom run: "),
      called("option twice", "run s.json --seed 1 --seed 2", "--seed: "),
      called("missing scenario", "run none.json", "none.json: "),
      called("folder as scenario", "run .", ".: "),
      called("seed no number", "run s.json --seed x", "--seed: /seed: "),
      called("seed negative", "run s.json --seed=-1", "--seed: /seed: "),
      called("rate negative", "run s.json --rate=-3/s", "--rate: /workload/rate: "),
      called("set without value", "run s.json --set seed", "--set: "),
      called("set unknown key", "run s.json --set sed=3", "--set sed: /sed: "),
      called("set into a scalar list", "run s.json --set deployment.5.replicas=3",
             "--set deployment.5.replicas: "),
      called("window without dots", "run s.json --window 3", "--window: "),
      called("window on a generated load", "run s.json --window '1 s..2 s'",
             "s.json: /workload/window"),
      called("time limit without unit", "run s.json --time-limit 5", "--time-limit: /time_limit: "),
      called("both colours", "run s.json --color --no-color", "--color: "),
      called("one file for two documents", "run s.json --json r --markdown r", "--markdown: "),
      called("explain beside an output", "run s.json --explain-config --json r", "--json: "),
      called("environment without value", "HEADROOM: HEADROOM_SET=seed \"$HEADROOM\" run s.json",
             "HEADROOM_SET: "),
      called("environment with unknown key",
             "HEADROOM: HEADROOM_SET='sed=3' \"$HEADROOM\" run s.json", "HEADROOM_SET sed: /sed: "),
      called("output folder missing", "run s.json --json none/r.json", "none/r.json: "),
      called("output is a folder", "run s.json --json .", ".: "),
      called("full disk for JSON", "run s.json --quiet --json /dev/full", "/dev/full: "),
      called("full disk for Markdown", "run s.json --quiet --markdown /dev/full", "/dev/full: "),
      called("full disk for requests", "run s.json --quiet --requests-csv /dev/full",
             "/dev/full: "),
      called("file at its size limit",
             "HEADROOM: ulimit -f 1; \"$HEADROOM\" run s.json --quiet --json r.json", "r.json: "),
      called("full disk for stdout", "HEADROOM: \"$HEADROOM\" run s.json --quiet > /dev/full",
             "standard output: "),
      called("no database in the scenario's place", "run s.json --db s.json", "s.json: "),
      called("unknown list topic", "list polices", "headroom list: "),
      called("unknown help topic", "help exit-code", "headroom help: "),
      called("unknown shell", "completion bsh", "headroom completion: "),
      called("trace convert without output", "trace convert t.csv", "headroom trace convert: "),
      called("trace info of a missing file", "trace info none.csv", "none.csv: "),
      called("trace info of a folder", "trace info .", ".: "),
      called("closed loop with a rate", "run s.json --set workload.clients=3",
             "s.json: /workload/"),
      called("missing trace", "run s.json --trace none.csv", "none.csv: "),
  };
}

std::vector<Case> trace_cases() {
  const std::string head = "arrival_s,prompt_tokens,output_tokens\n";
  return {
      traced("empty trace", "", "t.csv"),
      traced("trace without rows", head, "t.csv"),
      traced("trace of no known format", "alpha,beta\n1,2\n", "t.csv"),
      traced("truncated CSV", head + "0,10,10\n1,5", "t.csv:3:"),
      traced("trace with 10^18 tokens", head + "0,1000000000000000000,10\n", "t.csv:2:"),
      traced("trace with negative tokens", head + "0,-10,10\n", "t.csv:2:"),
      traced("trace with NaN", head + "nan,10,10\n", "t.csv:2:"),
      traced("trace that goes back", head + "5,10,10\n1,10,10\n", "t.csv:3:"),
      traced("trace with words", head + "0,ten,10\n", "t.csv:2:"),
      traced("binary trace", std::string("\x00\x01\x02\x03", 4), "t.csv"),
      {"a rate that a trace would ignore", kGood, "run s.json --trace t.csv --rate '3 /s'", "", 2,
       head + "0,10,10\n"},
      {"trace format misnamed", kGood, "run s.json --trace t.csv --set workload.format=brust", "",
       2, head + "0,10,10\n"},
  };
}

void check_case(const Case& test) {
  INFO(test.name);
  const Folder folder;
  folder.write("s.json", test.scenario);
  folder.write("t.csv", test.trace);
  const std::set<std::string> before = folder.files();
  const std::string mark = "HEADROOM: ";
  const Outcome outcome = test.arguments.rfind(mark, 0) == 0
                              ? folder.shell(test.arguments.substr(mark.size()))
                              : folder.headroom(test.arguments);
  INFO("stderr: " << outcome.err);
  CHECK(outcome.code == test.code);
  CHECK(outcome.error_lines() == 1);
  CHECK(outcome.err.rfind(test.place, 0) == 0);
  if (test.code == 2) {
    CHECK(outcome.err.find("; ") != std::string::npos);  // a remedy follows
  }
  CHECK(outcome.out.empty());
  CHECK(folder.files() == before);
  CHECK(folder.read("s.json") == test.scenario);
}

}  // namespace

TEST_CASE("a wrong scenario is answered by one line with its place, and leaves no file") {
  for (const Case& test : scenario_cases()) check_case(test);
}

TEST_CASE("a wrong call is answered by one line with its place, and leaves no file") {
  for (const Case& test : command_cases()) check_case(test);
}

TEST_CASE("a wrong trace is answered by one line with its place, and leaves no file") {
  for (const Case& test : trace_cases()) check_case(test);
}

TEST_CASE("the table of bad inputs has at least 60 cases") {
  CHECK(scenario_cases().size() + command_cases().size() + trace_cases().size() >= 60);
}

TEST_CASE("a mistyped option names the right one in at least 95 of 100 one-letter typos") {
  const Folder folder;
  int tried = 0;
  int right = 0;
  for (const std::string name :
       {"markdown", "requests-csv", "rate-scale", "routing", "time-limit", "require-measured",
        "explain-config", "quiet", "window", "limit"}) {
    std::vector<std::string> typos{name, name, name};
    typos[0].erase(name.size() / 2, 1);
    typos[1][1] = 'x';
    typos[2].insert(2, "q");
    for (const std::string& typo : typos) {
      ++tried;
      const Outcome outcome = folder.headroom("run s.json --" + typo);
      right += outcome.err.find("did you mean \"--" + name + "\"?") != std::string::npos ? 1 : 0;
    }
  }
  CHECK(tried == 30);
  CHECK(right >= 29);
}
