// The program as its users meet it: every exit code, both streams, stdin, pipes, colour.
#include <string>

#include "tests/catch.h"
#include "tests/cli/program.h"
#include "tests/paths.h"

using namespace headroom::cli_test;

namespace {

const std::string kEscape = "\x1b[";

/// A scenario that takes seconds to simulate: for interrupts.
std::string long_scenario() {
  return replaced(small_scenario(), "\"requests\": 20", "\"requests\": 50000000");
}

}  // namespace

TEST_CASE("a run that meets its service level exits 0 and says so on stdout alone") {
  const Folder folder;
  folder.write("s.json", small_scenario());
  const Outcome outcome = folder.headroom("run s.json");
  CHECK(outcome.code == 0);
  CHECK(outcome.out.find("Service level: MET") != std::string::npos);
  CHECK(outcome.err.empty());
}

TEST_CASE("a missed service level exits 1 with the whole report") {
  const Folder folder;
  folder.write("s.json", replaced(small_scenario(), "\"1 s\"", "\"1 us\""));
  const Outcome outcome = folder.headroom("run s.json");
  CHECK(outcome.code == 1);
  CHECK(outcome.out.find("Service level: MISSED") != std::string::npos);
}

TEST_CASE("a model that does not fit exits 1 and names the smallest split that does") {
  const Folder folder;
  folder.write("s.json", small_scenario());
  const Outcome outcome = folder.headroom("run s.json --set model=llama-3.1-70b --json r.json");
  CHECK(outcome.code == 1);
  CHECK(outcome.err.find("a GPU at tp 1, has") != std::string::npos);
  CHECK(outcome.err.find("smallest that fits: tp ") != std::string::npos);
  CHECK(outcome.out.empty());
  CHECK(folder.files() == std::set<std::string>{"s.json"});
}

TEST_CASE("a run without a finished request exits 3: there is nothing to judge") {
  const Folder folder;
  folder.write("s.json", small_scenario());
  const Outcome outcome = folder.headroom("run s.json --time-limit '1 us'");
  CHECK(outcome.code == 3);
}

TEST_CASE("costs that rest on extrapolation are refused with --require-measured") {
  const Folder folder;
  folder.write("s.json", replaced(small_scenario(), "h100-sxm", "a10"));
  const Outcome outcome = folder.headroom("run s.json --require-measured --json r.json");
  CHECK(outcome.code == 3);
  CHECK(outcome.error_lines() == 1);
  CHECK(outcome.err.find("--require-measured: expected") == 0);
  CHECK(folder.files() == std::set<std::string>{"s.json"});
}

TEST_CASE("an interrupted run exits 130 and leaves no file") {
  const Folder folder;
  folder.write("s.json", long_scenario());
  // Its unfinished documents lie in the folder from its start on: then it is interrupted.
  const Outcome outcome = folder.shell(
      "\"$HEADROOM\" run s.json --quiet --json r.json --requests-csv r.csv & pid=$!; "
      "while [ $(ls -A | wc -l) -lt 3 ]; do sleep 0.02; done; kill -INT $pid; wait $pid");
  CHECK(outcome.code == 130);
  CHECK(outcome.error_lines() == 1);
  CHECK(outcome.out.empty());
  CHECK(folder.files() == std::set<std::string>{"s.json"});
}

TEST_CASE("the same run gives the same bytes on every output") {
  const Folder folder;
  folder.write("s.json", small_scenario());
  const std::string run = "run s.json --json J --markdown M --requests-csv C";
  const Outcome first = folder.headroom(run);
  const std::string json = folder.read("J"), markdown = folder.read("M"), csv = folder.read("C");
  const Outcome second = folder.headroom(run);
  CHECK(first.code == 0);
  CHECK(first.out == second.out);
  CHECK(folder.read("J") == json);
  CHECK(folder.read("M") == markdown);
  CHECK(folder.read("C") == csv);
  // A header and one line a request.
  CHECK(std::count(csv.begin(), csv.end(), '\n') == 21);
}

TEST_CASE("the scenario may come from standard input, and a document may go to standard output") {
  const Folder folder;
  folder.write("s.json", small_scenario());
  const Outcome outcome = folder.shell("\"$HEADROOM\" run - --json - < s.json");
  CHECK(outcome.code == 0);
  CHECK(outcome.out.find("\"schema_version\": 1") != std::string::npos);
  CHECK(outcome.out.front() == '{');
  CHECK(outcome.out.find("Service level: MET") == std::string::npos);
}

TEST_CASE("a reader that closes the pipe early is no error") {
  const Folder folder;
  folder.write("s.json", small_scenario());
  const Outcome outcome = folder.shell("{ \"$HEADROOM\" list; echo \"code $?\" >&2; } | head -1");
  CHECK(outcome.err == "code 0\n");
}

TEST_CASE("colour comes only where it is wanted") {
  const Folder folder;
  folder.write("s.json", small_scenario());
  CHECK(folder.headroom("run s.json").out.find(kEscape) == std::string::npos);
  CHECK(folder.headroom("run s.json --color").out.find(kEscape) != std::string::npos);
  CHECK(folder.shell("NO_COLOR=1 \"$HEADROOM\" run s.json --color").out.find(kEscape) !=
        std::string::npos);
  CHECK(folder.shell("NO_COLOR=1 \"$HEADROOM\" run s.json").out.find(kEscape) == std::string::npos);
  CHECK(folder.headroom("run s.json --no-color").out.find(kEscape) == std::string::npos);
}

TEST_CASE("help opens with two examples and names every command") {
  const Folder folder;
  const Outcome outcome = folder.headroom("--help");
  CHECK(outcome.code == 0);
  CHECK(outcome.out.rfind("Examples:\n  headroom run quickstart\n", 0) == 0);
  for (const char* command : {"run", "list", "trace info", "trace convert", "trace generate",
                              "schema", "help", "version", "completion", "man"}) {
    CHECK(outcome.out.find(std::string("\n  ") + command + " ") != std::string::npos);
    const Outcome own = folder.headroom(std::string(command) + " --help");
    CHECK(own.code == 0);
    CHECK(own.out.rfind("Examples:\n", 0) == 0);
  }
  CHECK(folder.headroom("help run").out == folder.headroom("run --help").out);
  CHECK(folder.headroom("trace --help").out == folder.headroom("--help").out);
}

TEST_CASE("the exit codes are documented") {
  const Folder folder;
  const std::string text = folder.headroom("help exit-codes").out;
  for (const char* code : {"    0  ", "    1  ", "    2  ", "    3  ", "  130  ", "  134  "}) {
    CHECK(text.find(code) != std::string::npos);
  }
}

TEST_CASE("explain-config names each value's source: command line over environment over scenario") {
  const Folder folder;
  folder.write("s.json", small_scenario());
  const Outcome outcome = folder.shell(
      "HEADROOM_SET='seed=5;deployment.replicas=2' \"$HEADROOM\" run s.json --seed 7 "
      "--explain-config");
  CHECK(outcome.code == 0);
  const auto line_of = [&](const std::string& pointer) {
    const std::size_t at = outcome.out.find(pointer + " ");
    if (at == std::string::npos) return std::string();
    return outcome.out.substr(at, outcome.out.find('\n', at) - at);
  };
  CHECK(line_of("/seed").find("command line (--seed)") != std::string::npos);
  CHECK(line_of("/seed").find(" 7 ") != std::string::npos);
  CHECK(line_of("/deployment/0/replicas").find("environment (HEADROOM_SET") != std::string::npos);
  CHECK(line_of("/model/name").find("scenario") != std::string::npos);
  CHECK(line_of("/model/weights").find("built-in") != std::string::npos);
}

TEST_CASE("completion scripts hold every command and option, and bash accepts its own") {
  const Folder folder;
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const Outcome outcome = folder.headroom(std::string("completion ") + shell);
    CHECK(outcome.code == 0);
    for (const char* word : {"run", "trace", "requests-csv", "least-outstanding", "vllm-v1"}) {
      CHECK(outcome.out.find(word) != std::string::npos);
    }
  }
  CHECK(folder.shell("\"$HEADROOM\" completion bash > c && bash -n c").code == 0);
  const Outcome completed = folder.shell(
      "\"$HEADROOM\" completion bash > c && bash -c 'source ./c; COMP_WORDS=(headroom run --ro); "
      "COMP_CWORD=2; _headroom; echo \"${COMPREPLY[@]}\"'");
  CHECK(completed.out == "--routing\n");
}

TEST_CASE("the manual page names every option") {
  const Folder folder;
  const Outcome outcome = folder.headroom("man");
  CHECK(outcome.out.rfind(".TH HEADROOM 1", 0) == 0);
  CHECK(outcome.out.find("\\-\\-requests\\-csv FILE") != std::string::npos);
}

TEST_CASE("man and other shells read what is written for them, where they are installed") {
  const Folder folder;
  const Outcome man = folder.shell(
      "! command -v man >/dev/null || { \"$HEADROOM\" man > h.1 && LC_ALL=C.UTF-8 man "
      "--warnings=w -l h.1 2>&1 >page; }");
  CHECK(man.code == 0);
  CHECK(man.out.empty());  // its warnings
  CHECK(folder
            .shell("! command -v mandoc >/dev/null || { \"$HEADROOM\" man > h.1 && mandoc "
                   "-T lint -W error h.1; }")
            .code == 0);
  for (const std::string shell : {"zsh", "fish"}) {
    INFO(shell);
    CHECK(folder
              .shell("! command -v " + shell + " >/dev/null || { \"$HEADROOM\" completion " +
                     shell + " > c && " + shell + " -n c; }")
              .code == 0);
  }
}

TEST_CASE("--watch wants a terminal; on one it draws and leaves the report alone") {
  const Folder folder;
  folder.write("s.json", small_scenario());
  CHECK(folder.headroom("run s.json --watch").code == 2);
  if (folder.shell("command -v script").code != 0) {
    WARN("skipped: no script(1) here");
    return;
  }
  folder.write("l.json", replaced(small_scenario(), "\"requests\": 20", "\"requests\": 1500000"));
  const Outcome watched = folder.shell(
      "script -qec '\"$HEADROOM\" run l.json --watch --no-color > report' /dev/null < /dev/null");
  INFO(watched.out);
  CHECK(watched.out.find("KV blocks [") != std::string::npos);
  CHECK(watched.out.find("TPOT      mean") != std::string::npos);
  CHECK(folder.shell("\"$HEADROOM\" run l.json --quiet --no-color | cmp - report").code == 0);
}

TEST_CASE("the bundled scenario runs by name and by path, and needs nothing else") {
  const Folder folder;
  const Outcome by_name = folder.headroom("run quickstart --limit 50 --json -");
  const Outcome by_path = folder.headroom(
      "run '" HEADROOM_SOURCE_DIR "/sim/cli/scenarios/quickstart.json' --limit 50 --json -");
  CHECK(by_name.code == 0);
  CHECK(by_name.out == by_path.out);
}

TEST_CASE("a generated load written as a trace gives the run of the generator") {
  const Folder folder;
  folder.write("s.json", small_scenario());
  CHECK(folder.headroom("trace generate s.json --output load.csv").code == 0);
  const Outcome info = folder.headroom("trace info load.csv");
  CHECK(info.code == 0);
  CHECK(info.out.find("20") != std::string::npos);
  CHECK(folder.headroom("run s.json --requests-csv a.csv").code == 0);
  CHECK(folder.headroom("run s.json --trace load.csv --requests-csv b.csv").code == 0);
  // The trace starts at its first arrival, the generator at 0: only the arrivals differ, by one
  // constant.
  const std::string a = folder.read("a.csv"), b = folder.read("b.csv");
  CHECK(std::count(a.begin(), a.end(), '\n') == std::count(b.begin(), b.end(), '\n'));
  CHECK(folder.headroom("trace convert load.csv --to jsonl --output load.jsonl").code == 0);
  CHECK(folder.headroom("trace convert load.jsonl --output back.csv").code == 0);
  CHECK(folder.read("back.csv") == folder.read("load.csv"));
}

TEST_CASE("runs are recorded in a database") {
  const Folder folder;
  folder.write("s.json", small_scenario());
  CHECK(folder.headroom("run s.json --db runs.sqlite").code == 0);
  CHECK(folder.headroom("run s.json --db runs.sqlite").code == 0);
  CHECK(folder.files() == std::set<std::string>{"s.json", "runs.sqlite"});
}

TEST_CASE("routing policies differ in the answer") {
  const Folder folder;
  const std::string run = "run quickstart --limit 500 --json - --routing ";
  CHECK(folder.headroom(run + "round-robin").out != folder.headroom(run + "least-outstanding").out);
}
