// `headroom compare` as its users meet it: exit codes, what it names, every kind of file.
#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "reports/comparison.h"
#include "reports/comparison_text.h"
#include "sim/cli/assemble.h"
#include "sim/scenario_reader.h"
#include "tests/catch.h"
#include "tests/cli/program.h"

using namespace headroom::cli_test;
using headroom::ChangeWord;
using headroom::Comparison;
using headroom::CostCache;
using headroom::MetricChange;
using headroom::NamedMetric;
using headroom::OverrideForm;
using headroom::RecordFile;
using headroom::RecordSet;
using headroom::RunOptions;
using headroom::RunRecord;
using headroom::RunResult;
using headroom::ScenarioText;
using headroom::Summary;
using headroom::ValueSource;

namespace {

/// 300 requests at half of what one H100 takes, two replicas.
std::string scenario() {
  return R"({
  "name": "chat", "model": "llama-3.1-8b",
  "cluster": {"nodes": [{"device": "h100-sxm", "devices_per_node": 8}]},
  "deployment": [{"replicas": 2}],
  "workload": {"rate": "12 /s", "requests": 300,
    "prompt": {"kind": "lognormal", "mean": 800, "cv": 1, "least": 1, "most": 4000},
    "output": {"kind": "lognormal", "mean": 120, "cv": 0.8, "least": 1, "most": 600}},
  "slo": {"ttft": "2 s"}
})";
}

/// a.json, a report of the scenario, and b.json, one under these options besides.
void write_reports(const Folder& folder, const std::string& options) {
  folder.write("s.json", scenario());
  REQUIRE(folder.headroom("run s.json --json a.json").code == 0);
  static_cast<void>(folder.headroom("run s.json " + options + " --json b.json"));
  REQUIRE(folder.files().contains("b.json"));
}

bool says(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

}  // namespace

TEST_CASE("a run compared with itself: the same decisions, exit 0") {
  const Folder folder;
  write_reports(folder, "");
  const Outcome same = folder.headroom("compare a.json b.json");
  CHECK(same.code == 0);
  CHECK(says(same.out, "identical: b.json against a.json"));
  CHECK(says(same.out, "compare: same decisions, nothing changed"));
  CHECK(same.err.empty());
}

TEST_CASE("a slower batch policy: the regression is named, exit 1") {
  const Folder folder;
  write_reports(folder, "--batch static");
  const Outcome worse = folder.headroom("compare a.json b.json");
  CHECK(worse.code == 1);
  CHECK(says(worse.out, "WORSE: b.json against a.json"));
  CHECK(says(worse.out, "~       deployment.0.batch.policy: vllm-v1 -> static"));
  CHECK(says(worse.out, "WORSE   ttft.p99 ms"));
  CHECK(says(worse.out, "same requests"));
  CHECK(says(worse.out, "Mean latency +"));
  // The other way round it is a gain, and no gate fails.
  const Outcome better = folder.headroom("compare b.json a.json --fail-on 'ttft.p99 > +5%'");
  CHECK(better.code == 0);
  CHECK(says(better.out, "better  ttft.p99 ms"));
  // A gate on the candidate's own figure.
  CHECK(folder.headroom("compare b.json a.json --fail-on 'attainment < 0.95'").code == 0);
  CHECK(folder.headroom("compare b.json a.json --fail-on 'tpot < 1 s'").code == 1);
}

TEST_CASE("another scenario cannot be compared: exit 3 and what differs, unless forced") {
  const Folder folder;
  write_reports(folder, "--rate '13 /s'");
  const Outcome apart = folder.headroom("compare a.json b.json --junit j.xml");
  CHECK(apart.code == 3);
  CHECK(says(apart.out, "workload.rate differs: 12 req/s against 13 req/s"));
  CHECK(says(folder.read("j.xml"), "<error message=\"workload.rate differs"));
  const Outcome forced = folder.headroom("compare a.json b.json --force --fail-on 'ttft > +900%'");
  CHECK(forced.code == 0);
  CHECK(says(forced.out, "not comparable (forced)"));
}

TEST_CASE("gates of the scenario hold without an option, and are no part of its digest") {
  const Folder folder;
  folder.write("s.json", scenario());
  folder.write("g.json", replaced(scenario(), "\"slo\"", "\"gates\": [\"ttft > +900%\"], \"slo\""));
  REQUIRE(folder.headroom("run s.json --json a.json").code == 0);
  static_cast<void>(folder.headroom("run g.json --batch static --json b.json"));
  const Outcome gated = folder.headroom("compare a.json b.json");
  CHECK(says(gated.out, "(gate: ttft > +900%)"));
  REQUIRE(folder.headroom("run g.json --json c.json").code == 0);
  CHECK(says(folder.headroom("compare a.json c.json").out, "same decisions"));
  folder.write("bad.json", replaced(scenario(), "\"slo\"", "\"gates\": [\"ttft 5\"], \"slo\""));
  const Outcome bad = folder.headroom("run bad.json");
  CHECK(bad.code == 2);
  CHECK(says(bad.err, "bad.json: /gates"));
}

TEST_CASE("databases, sweeps and folders are compared as reports are") {
  const Folder folder;
  folder.write("s.json", scenario());
  for (const char* seed : {"1", "2", "3"}) {
    REQUIRE(folder.headroom("run s.json --db a.db --seed " + std::string(seed)).code == 0);
    static_cast<void>(
        folder.headroom("run s.json --batch static --db b.db --seed " + std::string(seed)));
  }
  const Outcome runs = folder.headroom("compare a.db b.db");
  CHECK(runs.code == 1);
  CHECK(says(runs.out, "3 seeds"));
  CHECK(says(runs.out, "95 % interval"));
  CHECK(folder.headroom("compare a.db#2 a.db#2-2").code == 0);
  CHECK(folder.headroom("compare a.db#1 a.db#2").code == 3);  // other seeds
  const std::string sweep = "sweep s.json --quiet --seeds 3 --set deployment.batch=";
  REQUIRE(folder.headroom(sweep + "vllm-v1 --json v.json --db v.db").code == 0);
  static_cast<void>(folder.headroom(sweep + "static --json t.json --db t.db"));
  const Outcome sweeps = folder.headroom("compare v.json t.json");
  CHECK(sweeps.code == 1);
  const Outcome stored = folder.headroom("compare v.db t.db");
  CHECK(stored.code == 1);
  CHECK(says(folder.headroom("compare v.json v.db").out, "same decisions"));
  // A sweep and the runs of a database answer the same question.
  CHECK(folder.headroom("compare a.db v.db").code == 0);
  static_cast<void>(
      folder.shell("mkdir base new && \"$HEADROOM\" run s.json --json base/1.json && "
                   "\"$HEADROOM\" run s.json --seed 2 --json base/2.json && "
                   "cp base/*.json new"));
  CHECK(folder.headroom("compare base new").code == 0);
  const Outcome gone = folder.shell("rm new/2.json; \"$HEADROOM\" compare base new");
  CHECK(gone.code == 3);
  CHECK(says(gone.out, "seeds differ: 1, 2 against 1"));
}

TEST_CASE("every kind of document is written; several candidates are compared with one base") {
  const Folder folder;
  write_reports(folder, "--batch static");
  const Outcome all = folder.headroom(
      "compare a.json a.json b.json --json c.json --html c.html --markdown c.md "
      "--junit c.xml --sarif -");
  CHECK(all.code == 1);
  const auto sarif = nlohmann::json::parse(all.out);
  CHECK(sarif.at("runs").at(0).at("results").size() >= 1);
  const auto json = nlohmann::json::parse(folder.read("c.json"));
  CHECK(json.at("schema") == "headroom.compare");
  REQUIRE(json.at("comparisons").size() == 2);
  CHECK(json.at("comparisons").at(0).at("verdict") == "identical");
  CHECK(json.at("comparisons").at(1).at("verdict") == "WORSE");
  CHECK(says(folder.read("c.md"), "| **WORSE** | latency.ttft.p99, ms |"));
  CHECK(says(folder.read("c.html"), "Of 2 candidates 1 is worse than a.json, 0 without an answer"));
  // On standard output a page stands alone.
  const Outcome page = folder.headroom("compare a.json b.json --html -");
  CHECK(page.code == 1);
  CHECK(page.out.starts_with("<!DOCTYPE html>"));
  CHECK(page.out.ends_with("</html>\n"));
  CHECK(says(folder.read("c.xml"), "<failure message=\"latency.ttft.p99 was "));
  // A checker of XML agrees, where one is installed.
  CHECK(folder.shell("! command -v xmllint >/dev/null || xmllint --noout c.xml").code == 0);
}

TEST_CASE("a history tells the level that changed, as text and as a page") {
  const Folder folder;
  folder.write("s.json", scenario());
  for (const char* options :
       {"--label v1", "--label v2", "--label v3 --batch static", "--label v4 --batch static"}) {
    static_cast<void>(folder.headroom(std::string("run s.json --db r.db ") + options));
  }
  const Outcome text = folder.headroom("history r.db --metric ttft.p99 --html h.html");
  CHECK(text.code == 0);
  CHECK(says(text.out, "chat, latency.ttft.p99: 4 points, 1 change\n"));
  CHECK(says(folder.read("h.html"), "latency.ttft.p99 of chat: got worse at v3, from "));
  const Outcome page = folder.headroom("history r.db --metric ttft.p99 --html -");
  CHECK(page.out == folder.read("h.html"));
  check_bad_calls(folder, {{"history r.db --metric ttft.p98", "did you mean 'latency.ttft.p9"}});
}

TEST_CASE("what is no record is bad input: exit 2 with a way out") {
  const Folder folder;
  folder.write("s.json", scenario());
  REQUIRE(folder.headroom("run s.json --json a.json").code == 0);
  folder.write("torn.json", folder.read("a.json").substr(0, 3000));
  folder.write("old.json", replaced(folder.read("a.json"), "\"metrics\"", "\"figures\""));
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"compare a.json none.json", "none.json: expected a report, a sweep or a database"},
      {"compare a.json s.json", "s.json: expected a report (headroom run --json)"},
      {"compare a.json torn.json", "torn.json: expected a report"},
      {"compare a.json old.json", "old.json: expected a whole report of this version"},
      {"compare a.json a.json --fail-on 'ttft.p98 > 3'", "did you mean 'latency.ttft.p9"},
      {"compare a.json a.json --fail-on 'ttft.p99 > 3%'", "a change in per cent has a sign"},
      {"compare a.json", "expected BASE CANDIDATE..."},
      {"compare a.json a.json --json - --junit -", "expected one document on stdout"}};
  check_bad_calls(folder, cases);
}

TEST_CASE("outputs that cannot all be kept are refused before anything is written") {
  const Folder folder;
  folder.write("s.json", scenario());
  REQUIRE(folder.headroom("run s.json --json a.json").code == 0);
  const std::set<std::string> before = folder.files();
  check_bad_calls(
      folder, {{"compare a.json a.json --markdown m --json - --junit -",
                "--junit: expected one document on stdout"},
               {"compare a.json a.json --json x --junit x", "--junit: expected a place of its own"},
               {"compare a.json a.json --json ''", "--json: expected the path of a file"},
               {"compare a.json a.json --json - --first-difference",
                "--first-difference: expected the answer on stdout"},
               {"history none.db --json x --html x", "--html: expected a place of its own"},
               {"run s.json --json x --markdown x", "--markdown: expected a place of its own"},
               {"run s.json --json - --markdown -", "--markdown: expected one document"},
               {"validate none.csv --json x --svg x", "--svg: expected a place of its own"}});
  CHECK(folder.files() == before);
  CHECK(folder.headroom("compare a.json a.json --json - --junit -").out.empty());
}

TEST_CASE("--first-difference names the first decision in which two runs part") {
  const Folder folder;
  write_reports(folder, "--routing least-outstanding");
  const Outcome found = folder.headroom("compare a.json b.json --first-difference");
  INFO(found.out);
  CHECK(says(found.out, "chat, seed 1: first difference"));
  CHECK(says(found.out, " equal milestones"));
  // Both sides' next milestones: the same request, routed to different replicas.
  const std::size_t base = found.out.find("  base:\n");
  const std::size_t other = found.out.find("  candidate:\n");
  REQUIRE(base != std::string::npos);
  REQUIRE(other != std::string::npos);
  const auto line_after = [&](std::size_t at) {
    const std::size_t start = found.out.find('\n', at) + 1;
    return found.out.substr(start, found.out.find('\n', start) - start);
  };
  CHECK(says(line_after(base), "routed on replica"));
  CHECK(line_after(base) != line_after(other));
  CHECK(line_after(base).substr(0, line_after(base).find("replica")) ==
        line_after(other).substr(0, line_after(other).find("replica")));
  // Equal runs have none; a record that this program does not reproduce is said to be so.
  CHECK(says(folder.headroom("compare a.json a.json --first-difference").out,
             "chat: the same decisions"));
  std::string foreign = folder.read("b.json");
  for (std::size_t at = foreign.find("\"decisions\": [\n"); at < foreign.size(); ++at) {
    if (foreign[at] >= '0' && foreign[at] <= '8') ++foreign[at];
  }
  folder.write("foreign.json", replaced(foreign, "\"decisions\": \"", "\"decisions\": \"f"));
  CHECK(says(folder.headroom("compare a.json foreign.json --first-difference").out,
             "unknown: this program does not decide as the candidate's chat, seed 1 did"));
}

namespace {

/// What a run leaves in a record. A clock that runs slower by `factor` makes every cost larger by
/// it: the same run with arrivals `factor` faster, all times then longer by `factor`.
RunRecord run_of(CostCache& costs, std::uint64_t seed, double factor) {
  ScenarioText text{"trial.json", scenario(), {}};
  const auto set = [&](const std::string& path, const std::string& value) {
    text.overrides.push_back({path, value, ValueSource::command_line, "test", OverrideForm::guess});
  };
  set("seed", std::to_string(seed));
  set("workload.rate", std::to_string(12 * factor) + " /s");
  RunOptions options;
  options.costs = &costs;
  const RunResult result = run_scenario(read_scenario(text).scenario, options);
  const Summary summary = summarise(result.metrics, result.context);
  RunRecord run;
  run.seed = seed;
  run.verdict = to_string(summary.slo.verdict);
  run.scenario_digest = std::to_string(factor);
  run.cost_digest = "costs";
  run.decision_digest = summary.decision_digest;
  run.metrics = metric_list(summary);
  for (NamedMetric& metric : run.metrics) {
    if (metric.unit == "ms") metric.value *= factor;
    if (metric.unit == "1/s") metric.value /= factor;
  }
  return run;
}

RecordFile seeds_of(CostCache& costs, std::uint64_t first, double factor) {
  RecordSet set;
  set.name = "trial";
  set.inputs = {{"/costs", std::to_string(factor)}};
  for (std::uint64_t i = 0; i < 5; ++i) set.runs.push_back(run_of(costs, first + i, factor));
  return {"trial", {std::move(set)}};
}

}  // namespace

TEST_CASE("five seeds find a change of 2 % of the mean TPOT and no change of 0 %") {
  // 200 trials of five seeds a side, usual gates. No change: two sides that differ in their seeds
  // alone, so that the truth is 0 and the differences are all chance; Holm holds the share of
  // trials that fail at all to 5 %, half of which are gains.
  constexpr int kTrials = 200;
  CostCache costs;
  int found = 0, false_alarms = 0, smallest = 0;
  for (int trial = 0; trial < kTrials; ++trial) {
    const auto first = static_cast<std::uint64_t>(trial) * 5 + 1;
    const RecordFile base = seeds_of(costs, first, 1);
    const Comparison slower = headroom::compare_records(base, seeds_of(costs, first, 1.02), {});
    for (const MetricChange& change : slower.sets.front().metrics) {
      if (change.name != "latency.tpot.mean") continue;
      found += change.word == ChangeWord::worse ? 1 : 0;
      // The planted 2 %, and what the busier batch adds to it.
      smallest += change.share > 0.015 && change.share < 0.04 ? 1 : 0;
    }
    RecordFile luck = seeds_of(costs, 100'000 + first, 1);
    for (std::size_t i = 0; i < 5; ++i) {
      luck.sets.front().runs[i].seed = base.sets.front().runs[i].seed;
    }
    const Comparison nothing = headroom::compare_records(base, luck, {});
    false_alarms += nothing.outcome == headroom::Outcome::worse ? 1 : 0;
  }
  std::printf("2 %% found in %d of %d trials, 0 %% taken for worse in %d\n", found, kTrials,
              false_alarms);
  CHECK(found == kTrials);
  CHECK(smallest == kTrials);
  CHECK(false_alarms <= kTrials / 20);
}
