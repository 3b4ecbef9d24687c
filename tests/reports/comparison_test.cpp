#include "reports/comparison.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "reports/comparison_text.h"
#include "sim/check.h"
#include "tests/catch.h"
#include "tests/reports/record_fixture.h"

using namespace headroom;
using fixture::record_of;

namespace {

const MetricChange& metric(const Comparison& comparison, const std::string& name) {
  for (const MetricChange& change : comparison.sets.front().metrics) {
    if (change.name == name) return change;
  }
  throw std::runtime_error("no metric " + name);
}

RecordFile with_tpot(const std::string& version, std::vector<double> values) {
  return record_of(version, {{"latency.tpot.mean", Better::lower, std::move(values)}});
}

Comparison judged(const RecordFile& base, const RecordFile& candidate,
                  const std::vector<std::string>& gates = {}) {
  ComparisonOptions options;
  for (const std::string& gate : gates) options.gates.push_back(parse_gate(gate, "test"));
  return compare_records(base, candidate, options);
}

}  // namespace

TEST_CASE("a gate says what it is about and where it fails") {
  const Gate share = parse_gate("ttft.p99 > +5%", "g");
  CHECK(share.metric == "latency.ttft.p99");
  CHECK(share.of == Gate::Of::share);
  CHECK(share.fails(0.051));
  CHECK_FALSE(share.fails(0.05));
  const Gate value = parse_gate("attainment<0.95", "g");
  CHECK(value.metric == "slo.joint");
  CHECK(value.of == Gate::Of::value);
  CHECK(value.fails(0.9499));
  CHECK_FALSE(value.fails(0.95));
  CHECK(parse_gate("attainment < 95 %", "g").limit == Approx(0.95));
  // A bare 0 is a change: no cost is below it.
  CHECK(parse_gate("cost > 0", "g").of == Gate::Of::change);
  CHECK(parse_gate("cost >= 0", "g").fails(0));
  CHECK(parse_gate("tpot > 0.5 s", "g").limit == Approx(500));
  CHECK(parse_gate("e2e.custom > +2", "g").metric == "e2e.custom");
  for (const char* bad : {"ttft.p99", "> 5", "ttft.p99 > x", "ttft.p99 > 5%", "", "ttft > "}) {
    INFO(bad);
    CHECK_THROWS_AS(parse_gate(bad, "--fail-on"), InputError);
  }
}

TEST_CASE("runs with the same digests are the same, and no figure is looked at") {
  const RecordFile base = with_tpot("a", {10, 11});
  const Comparison comparison = judged(base, base);
  CHECK(comparison.identical());
  CHECK(comparison.outcome == Outcome::ok);
  CHECK(comparison_line(comparison) == "compare: same decisions, nothing changed");
  CHECK(comparison_console(comparison, Detail::changes).find("same decisions") !=
        std::string::npos);
}

TEST_CASE("one seed is exact: a change beyond its gate is worse, one within is drift") {
  const Comparison worse = judged(with_tpot("a", {100}), with_tpot("b", {102}));
  CHECK(metric(worse, "latency.tpot.mean").word == ChangeWord::worse);
  CHECK(worse.outcome == Outcome::worse);
  CHECK(worse.usual_gates);
  CHECK(judged(with_tpot("a", {100}), with_tpot("b", {100.5})).outcome == Outcome::ok);
  const Comparison better = judged(with_tpot("a", {100}), with_tpot("b", {90}));
  CHECK(metric(better, "latency.tpot.mean").word == ChangeWord::better);
  CHECK(better.outcome == Outcome::ok);
}

TEST_CASE("over seeds the paired interval decides, not the mean alone") {
  // Differences 2, 2.1, 1.9, 2, 2: certain. Seeds differ by far more than that.
  const Comparison real = judged(with_tpot("a", {100, 150, 90, 120, 110}),
                                 with_tpot("b", {102, 152.1, 91.9, 122, 112}));
  CHECK(metric(real, "latency.tpot.mean").word == ChangeWord::worse);
  // t(4) = 2.7764, s = 0.0707107: half-width 0.0878 of a mean of 114.
  CHECK(metric(real, "latency.tpot.mean").share == Approx(2.0 / 114));
  CHECK(metric(real, "latency.tpot.mean").share_half == Approx(0.0878 / 114).epsilon(1e-3));
  // Differences 20, -12, 9, -11, 4: mean 2, and nothing is certain.
  const Comparison open =
      judged(with_tpot("a", {100, 150, 90, 120, 110}), with_tpot("b", {120, 138, 99, 109, 114}));
  CHECK(metric(open, "latency.tpot.mean").word == ChangeWord::unclear);
  CHECK(open.outcome == Outcome::ok);
  ComparisonOptions strict;
  strict.doubt = ComparisonOptions::Doubt::fails;
  CHECK(compare_records(with_tpot("a", {100, 150, 90}), with_tpot("b", {120, 138, 99}), strict)
            .outcome == Outcome::worse);
}

TEST_CASE("a gain never fails; figures without a direction only drift") {
  const RecordFile base = record_of(
      "a", {{"throughput.goodput", Better::higher, {50}}, {"engine.busy", Better::neither, {0.5}}});
  const RecordFile more = record_of(
      "b", {{"throughput.goodput", Better::higher, {60}}, {"engine.busy", Better::neither, {0.9}}});
  const Comparison gain = judged(base, more);
  CHECK(metric(gain, "throughput.goodput").word == ChangeWord::better);
  CHECK(metric(gain, "engine.busy").word == ChangeWord::drift);
  CHECK(gain.outcome == Outcome::ok);
  CHECK(judged(more, base).outcome == Outcome::worse);
}

TEST_CASE("named gates take the place of the usual ones") {
  const RecordFile base = with_tpot("a", {100});
  CHECK(judged(base, with_tpot("b", {104}), {"tpot > +5%"}).outcome == Outcome::ok);
  CHECK(judged(base, with_tpot("b", {106}), {"tpot > +5%"}).outcome == Outcome::worse);
  CHECK(judged(base, with_tpot("b", {100.001}), {"tpot > 0"}).outcome == Outcome::worse);
  CHECK(judged(base, with_tpot("b", {106}), {"tpot > 110 ms"}).outcome == Outcome::ok);
  // Of the scenario's own gates either side's counts.
  RecordFile gated = base;
  gated.sets.front().gates = {"tpot > +3%"};
  CHECK(judged(gated, with_tpot("b", {104})).outcome == Outcome::worse);
  CHECK_THROWS_AS(judged(base, base, {"tpot > 3 USD"}), InputError);
}

TEST_CASE("a second gate on a part of the latency is a row of its own and no second part") {
  const RecordFile base = record_of("a", {{"part.queue", Better::lower, {10}}});
  const RecordFile slower = record_of("b", {{"part.queue", Better::lower, {12}}});
  const Comparison comparison = judged(base, slower, {"part.queue > +50%", "part.queue > 100 ms"});
  const SetComparison& set = comparison.sets.front();
  CHECK(set.metrics.size() == 2);
  REQUIRE(set.parts.size() == 1);
  CHECK(attribution_sentence(set) == "Mean latency +2.00 ms: queue +2.00.");
}

TEST_CASE("what cannot be compared is never a pass") {
  const RecordFile base = with_tpot("a", {100});
  RecordFile other = with_tpot("b", {100});
  other.sets.front().inputs[2].value = "9 /s";
  other.sets.front().runs.front().workload_digest = "others";
  const Comparison apart = judged(base, other);
  CHECK(apart.outcome == Outcome::no_answer);
  REQUIRE(apart.sets.front().obstacles.size() == 1);
  CHECK(apart.sets.front().obstacles.front() == "workload.rate differs: 8 /s against 9 /s");
  CHECK(apart.sets.front().metrics.empty());
  ComparisonOptions force;
  force.force = ComparisonOptions::Force::yes;
  CHECK(compare_records(base, other, force).outcome == Outcome::ok);
  // The same name of a trace, another content.
  RecordFile changed = with_tpot("b", {100});
  changed.sets.front().runs.front().workload_digest = "others";
  CHECK(judged(base, changed).outcome == Outcome::no_answer);
  // Other seeds.
  RecordFile seeds = with_tpot("b", {100});
  seeds.sets.front().runs.front().seed = 2;
  CHECK(judged(base, seeds).sets.front().obstacles.front() == "seeds differ: 1 against 2");
  // A gated figure that is gone.
  RecordFile bare = with_tpot("b", {100});
  bare.sets.front().runs.front().metrics.clear();
  CHECK(judged(base, bare).outcome == Outcome::no_answer);
  // A scenario that is gone.
  RecordFile two = base;
  two.sets.push_back(two.sets.front());
  two.sets.back().name = "t";
  const Comparison gone = judged(two, base);
  CHECK(gone.only_base == std::vector<std::string>{"t"});
  CHECK(gone.outcome == Outcome::no_answer);
}

TEST_CASE("a service level that is lost fails whatever the gates; one unlucky seed is none") {
  const RecordFile base = with_tpot("a", {100, 100, 100, 100, 100});
  RecordFile lost = with_tpot("b", {100, 100, 100, 100, 100});
  for (std::size_t i = 0; i < 2; ++i) {
    lost.sets.front().runs[i].verdict = to_string(SloVerdict::missed);
  }
  CHECK(judged(base, lost, {"tpot > +50%"}).outcome == Outcome::ok);
  lost.sets.front().runs[2].verdict = to_string(SloVerdict::missed);
  const Comparison flipped = judged(base, lost, {"tpot > +50%"});
  REQUIRE(flipped.sets.front().flips.size() == 1);
  CHECK(flipped.sets.front().flips.front().candidate == "service level MISSED (3 of 5 seeds miss)");
  CHECK(flipped.outcome == Outcome::worse);
  RecordFile unfit = base;
  for (RunRecord& run : unfit.sets.front().runs) run.status = CellStatus::does_not_fit;
  CHECK(judged(base, unfit).outcome == Outcome::worse);
}

TEST_CASE("other decisions from the same scenario and costs are drift of the program, and say so") {
  const RecordFile base = with_tpot("a", {100});
  RecordFile drift = base;
  drift.sets.front().runs.front().decision_digest = "others";
  const Comparison comparison = judged(base, drift);
  CHECK(comparison.sets.front().code_drift());
  CHECK(comparison.outcome == Outcome::ok);
  CHECK(comparison_console(comparison, Detail::changes).find("(drift)") != std::string::npos);
}

TEST_CASE("checkpoints name the window in which decisions part") {
  RecordFile base = with_tpot("a", {100});
  RecordFile other = with_tpot("b", {100});
  base.sets.front().runs.front().checkpoints = {1'000, {"0", "1", "2", "3", "4"}};
  other.sets.front().runs.front().checkpoints = {2'000, {"0", "2", "x"}};
  const DecisionWindow window = judged(base, other).sets.front().windows.front();
  CHECK(window.after_ns == 2'000);
  CHECK(window.before_ns == 4'000);
}

TEST_CASE("Holm: of many figures a chance one does not fail, a clear one does") {
  // Ten figures; differences with t(4) of 3: chance 0.040 each, below 0.05 alone, not of ten.
  std::vector<fixture::Figure> base, now;
  for (const char* name : {"latency.ttft.mean", "latency.ttft.p99", "latency.tpot.mean",
                           "latency.tpot.p99", "latency.end_to_end.mean"}) {
    base.push_back({name, Better::lower, {100, 100, 100, 100, 100}});
    now.push_back({name, Better::lower, {105, 102, 101, 107, 103}});
  }
  const double chance = student_interval({5, 2, 1, 7, 3}).chance;
  CHECK(chance < 0.05);
  CHECK(chance * 5 > 0.05);
  CHECK(judged(record_of("a", base), record_of("b", now)).outcome == Outcome::ok);
  now.front().values = {105, 105.1, 104.9, 105, 105};
  const Comparison clear = judged(record_of("a", base), record_of("b", now));
  CHECK(clear.outcome == Outcome::worse);
  CHECK(clear.count(ChangeWord::worse) == 1);
  CHECK(clear.sets.front().metrics.front().name == "latency.ttft.mean");  // worst first
}

namespace {

/// Elements of an XML document in order; fails the test where tags do not nest.
struct Element {
  std::string name, parent;
  std::set<std::string> attributes;
};

std::vector<Element> elements_of(const std::string& xml) {
  std::vector<Element> found;
  std::vector<std::string> open;
  std::size_t at = xml.find("?>") + 2;
  while ((at = xml.find('<', at)) != std::string::npos) {
    const std::size_t end = xml.find('>', at);
    REQUIRE(end != std::string::npos);
    std::string tag = xml.substr(at + 1, end - at - 1);
    at = end;
    if (tag[0] == '/') {
      REQUIRE_FALSE(open.empty());
      CHECK(open.back() == tag.substr(1));
      open.pop_back();
      continue;
    }
    const bool closed = tag.back() == '/';
    if (closed) tag.pop_back();
    Element element;
    element.name = tag.substr(0, tag.find(' '));
    element.parent = open.empty() ? "" : open.back();
    std::size_t place = element.name.size();
    while ((place = tag.find("=\"", place)) != std::string::npos) {
      const std::size_t start = tag.rfind(' ', place) + 1;
      const std::string name = tag.substr(start, place - start);
      CHECK(element.attributes.insert(name).second);
      place = tag.find('"', place + 2) + 1;
    }
    found.push_back(element);
    if (!closed) open.push_back(element.name);
  }
  CHECK(open.empty());
  return found;
}

Comparison hostile() {
  RecordFile base = with_tpot("a", {100});
  base.sets.front().name = "</testcase> & \"quotes\" \x01 \xF0\x9F\x98\x80 | <b>";
  RecordFile other = with_tpot("b", {150});
  other.sets.front().name = base.sets.front().name;
  other.sets.push_back(other.sets.front());
  base.sets.push_back(base.sets.front());
  base.sets.back().name = "gone";
  other.sets.back().name = "new";
  return judged(base, other);
}

}  // namespace

TEST_CASE("JUnit output keeps to the elements and attributes of its schema") {
  // As in junit-10.xsd of Jenkins' xUnit plug-in: what may stand where, and what is required.
  const std::map<std::string, std::set<std::string>> parents = {
      {"testsuites", {""}},         {"testsuite", {"testsuites"}}, {"properties", {"testsuite"}},
      {"property", {"properties"}}, {"testcase", {"testsuite"}},   {"failure", {"testcase"}},
      {"error", {"testcase"}}};
  const std::map<std::string, std::set<std::string>> required = {
      {"testsuites", {}},     {"testsuite", {"name"}},
      {"properties", {}},     {"property", {"name", "value"}},
      {"testcase", {"name"}}, {"failure", {}},
      {"error", {}}};
  const std::string xml = comparison_junit({hostile()});
  std::size_t failures = 0, errors = 0;
  for (const Element& element : elements_of(xml)) {
    INFO(element.name);
    REQUIRE(parents.count(element.name) == 1);
    CHECK(parents.at(element.name).count(element.parent) == 1);
    for (const std::string& attribute : required.at(element.name)) {
      CHECK(element.attributes.count(attribute) == 1);
    }
    failures += element.name == "failure" ? 1U : 0U;
    errors += element.name == "error" ? 1U : 0U;
  }
  CHECK(failures == 1);
  CHECK(errors == 1);  // the scenario that is gone
  CHECK(xml.find("failures=\"1\" errors=\"1\"") != std::string::npos);
  CHECK(xml.find('\x01') == std::string::npos);
}

TEST_CASE("SARIF output has what its schema requires") {
  // sarif-schema-2.1.0: version, runs; tool.driver.name; message.text; level of an enumeration;
  // uri references; lines from 1.
  const auto json = nlohmann::json::parse(comparison_sarif({hostile()}));
  CHECK(json.at("version") == "2.1.0");
  REQUIRE(json.at("runs").size() == 1);
  const auto& run = json.at("runs").at(0);
  CHECK(run.at("tool").at("driver").at("name") == "headroom");
  std::set<std::string> rules;
  for (const auto& rule : run.at("tool").at("driver").at("rules")) {
    CHECK(rules.insert(rule.at("id").get<std::string>()).second);
    CHECK(rule.at("shortDescription").at("text").is_string());
  }
  REQUIRE(run.at("results").size() == 2);
  const std::set<std::string> levels{"none", "note", "warning", "error"};
  for (const auto& result : run.at("results")) {
    CHECK(rules.count(result.at("ruleId")) == 1);
    CHECK(levels.count(result.at("level")) == 1);
    CHECK_FALSE(result.at("message").at("text").get<std::string>().empty());
    const auto& place = result.at("locations").at(0).at("physicalLocation");
    const std::string uri = place.at("artifactLocation").at("uri");
    CHECK(uri.find_first_of(" <>\"\\^`{|}") == std::string::npos);
    CHECK(place.at("region").at("startLine").get<int>() >= 1);
  }
}

TEST_CASE("hostile names break neither lines nor tables; Markdown stays within a comment") {
  const Comparison comparison = hostile();
  const std::string console = comparison_console(comparison, Detail::everything);
  CHECK(console.find('\x01') == std::string::npos);
  std::vector<Comparison> many(400, comparison);
  const std::string page = comparison_markdown(many);
  CHECK(page.find("<b>") == std::string::npos);
  RecordFile base = with_tpot("a", {100});
  RecordFile other = with_tpot("b", {150});
  for (int i = 0; i < 2000; ++i) {
    const std::string name = "latency.custom." + std::to_string(i);
    base.sets.front().runs.front().metrics.push_back({name, "ms", 1, Better::lower});
    other.sets.front().runs.front().metrics.push_back({name, "ms", 2, Better::lower});
  }
  const std::string big = comparison_markdown({judged(base, other)});
  CHECK(big.size() < 65'536);
  CHECK(big.find("rows more did not fit") != std::string::npos);
}
