// headroom profile calibrate as a user meets it: against a server of known costs, interrupted, and
// against servers that are none.
#include <sstream>

#include "tests/catch.h"
#include "tests/cli/program.h"
#include "tests/profiles/known_server.h"

using namespace headroom::cli_test;
namespace known = headroom::known;

namespace {

known::Costs quick() {
  known::Costs costs;
  costs.base = 2e-3;
  costs.per_decode = 1e-3;
  costs.per_context = 0;
  costs.alone = costs.beside = costs.ingest = 4e-3;
  return costs;
}

/// A closed loop of `clients` on the calibrated server.
std::string scenario(int clients) {
  return R"({
  "model": "llama-3.1-8b",
  "cluster": {"nodes": [{"device": "h100-sxm"}]},
  "deployment": [{"cost": "calibrated:s.cost.json", "engine": "./s.engine.json"}],
  "workload": {"clients": )" +
         std::to_string(clients) + R"(, "requests": )" + std::to_string(4 * clients) +
         R"(, "prompt": 100, "output": 101},
  "slo": {"ttft": "10 s"}
})";
}

/// Mean of a column of a CSV file with a header.
double mean_of(const std::string& csv, const std::string& column) {
  std::istringstream lines(csv);
  std::string line, cell;
  std::getline(lines, line);
  std::istringstream names(line);
  std::size_t wanted = 0;
  while (std::getline(names, cell, ',') && cell != column) ++wanted;
  double sum = 0, count = 0;
  while (std::getline(lines, line)) {
    std::istringstream cells(line);
    for (std::size_t i = 0; i <= wanted; ++i) std::getline(cells, cell, ',');
    sum += std::strtod(cell.c_str(), nullptr);
    ++count;
  }
  return sum / count;
}

}  // namespace

// Three clients at 100 tokens of prompt: contexts run from 101 to 200, 150.5 on average. A step
// takes 8 + 3 x 1 + 0.002 x 3 x 150.5 = 11.90 ms, what prompts stall it by aside; 100 of them
// follow the first token. One of the three is now and then between two requests.
TEST_CASE("a calibrated server is simulated, at a concurrency that nobody measured") {
  const known::Server server(known::Costs{});
  const Folder folder;
  const Outcome calibrated = folder.headroom("profile calibrate --url " + server.url() +
                                             " --output s --concurrency 1,2,4 --hold-out none "
                                             "--prompts 32,256,1024 --tokens 16 --rounds 2 "
                                             "--late 5 --engine sglang");
  INFO(calibrated.err << calibrated.out);
  REQUIRE(calibrated.code == 0);
  CHECK(calibrated.error_lines() == 1);
  CHECK(calibrated.err.find("sending 96 requests, at most 4 at a time") != std::string::npos);
  CHECK(server.requests() == 96);
  CHECK(calibrated.out.find("Calibrated known-model with ") == 0);
  CHECK(folder.files() == std::set<std::string>{"s.cost.json", "s.engine.json"});
  // No file says where the server is.
  for (const char* file : {"s.cost.json", "s.engine.json"})
    CHECK(folder.read(file).find("127.0.0.1") == std::string::npos);

  folder.write("three.json", scenario(3));
  const Outcome run = folder.headroom("run three.json --requests-csv r.csv");
  INFO(run.err << run.out);
  REQUIRE(run.code == 0);
  CHECK(run.out.find("steps calibrated on a live server (known-model, ") != std::string::npos);
  CHECK(mean_of(folder.read("r.csv"), "decode_ms") == Approx(1190).epsilon(0.03));
}

TEST_CASE("a calibration that Ctrl-C or kill ended goes on with the same command") {
  const known::Server server(quick());
  const Folder folder;
  const auto with = [&server](const char* options) {
    return std::string("\"$HEADROOM\" profile calibrate --output s ") + options +
           " --late 2 --url " + server.url();
  };
  const std::string command = with("--rounds 4");
  const Outcome stopped =
      folder.shell("timeout --foreground --preserve-status -s INT 1 " + command);
  INFO(stopped.err);
  CHECK(stopped.code == 130);
  CHECK(stopped.err.find("run the same command again to go on") != std::string::npos);
  CHECK(folder.files() == std::set<std::string>{"s.calibrating"});
  CHECK(folder.read("s.calibrating").find("127.0.0.1") == std::string::npos);
  static_cast<void>(folder.shell("timeout -s KILL 1 " + command));
  const Outcome other = folder.shell(with("--rounds 3"));
  CHECK(other.code == 2);
  CHECK(other.err.find("finish it as it was begun, or delete the file") != std::string::npos);
  const Outcome finished = folder.shell(command);
  INFO(finished.err);
  CHECK(finished.code == 0);
  CHECK(finished.err.find("going on after ") != std::string::npos);
  // What the killed process had opened may lie there too.
  CHECK(folder.files().contains("s.cost.json"));
  CHECK(folder.files().contains("s.engine.json"));
  CHECK_FALSE(folder.files().contains("s.calibrating"));
}

TEST_CASE("what would be sent is said without sending it") {
  const known::Server server(quick());
  const Folder folder;
  const Outcome outcome =
      folder.headroom("profile calibrate --list --concurrency 1,16 --url " + server.url());
  // A round: 4 prompts three times; (1 + 16 + 3 + 6) requests three times at the shorter context
  // and once at the longer; 3 rounds. Then 8 late requests of 2 lengths with one to be late for,
  // and two looks: 3 x (12 + 104) + 32 + 2 = 382.
  CHECK(outcome.code == 0);
  CHECK(outcome.out.find("382 requests, at most 16 at a time") == 0);
  CHECK(server.requests() == 0);
  CHECK(folder.files().empty());
}

TEST_CASE(
    "a server that cannot be calibrated is one line, and leaves no file but what it answered") {
  const auto fails = [](known::Manner manner, const std::string& options, int code,
                        const std::string& part, const std::set<std::string>& left = {}) {
    const known::Server server(quick(), manner);
    const Folder folder;
    const Outcome outcome =
        folder.headroom("profile calibrate --quiet " + options + " --url " + server.url());
    INFO(outcome.err);
    CHECK(outcome.code == code);
    CHECK(outcome.error_lines() == 1);
    CHECK(outcome.err.find(part) != std::string::npos);
    CHECK(folder.files() == left);
  };
  fails(known::Manner::not_streaming, "", 2, "expected a stream of events");
  fails(known::Manner::fails, "", 2, "got 500");
  fails(known::Manner::cuts, "", 2, "got its end after 3 tokens");
  fails(known::Manner::endless, "", 2, "\"max_tokens\"");
  fails(known::Manner::says_nothing, "--request-seconds 1", 2, "--request-seconds");
  fails(known::Manner::dies_later, "", 3, "got 500", {"calibrated.calibrating"});
}

TEST_CASE("options that make no sense are refused with their names") {
  const Folder folder;
  const auto refused = [&](const std::string& arguments, const std::string& part) {
    const Outcome outcome = folder.headroom("profile calibrate " + arguments);
    INFO(arguments << ": " << outcome.err);
    CHECK(outcome.code == 2);
    CHECK(outcome.error_lines() == 1);
    CHECK(outcome.err.find(part) != std::string::npos);
  };
  const std::string url = "--quiet --url http://127.0.0.1:9 ";
  refused("", "add --url");
  refused("--url ftp://a", "--url: expected http://HOST:PORT");
  refused(url, "mend --url");
  refused(url + "--concurrency 1,x", "--concurrency");
  refused(url + "--concurrency 0", "--concurrency");
  refused(url + "--hold-out 4", "--hold-out: expected levels that --concurrency does not fit");
  refused(url + "--prompts 5", "--prompts: expected at least two lengths");
  refused(url + "--fields '[]'", "--fields: expected a JSON object");
  refused(url + "--key-variable NO_SUCH_VARIABLE", "--key-variable");
  refused(url + "--engine vlm", "--engine");
  refused(url + "--output no/such/folder", "no/such/folder.cost.json");
  CHECK(folder.files().empty());
}
