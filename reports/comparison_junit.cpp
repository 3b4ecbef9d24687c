// A comparison as JUnit XML, in the form that Jenkins, GitLab and GitHub's actions read:
// testsuites, testsuite with counts, testcase with failure or error. `html_text` makes attributes
// and text of XML as well, and what XML 1.0 cannot hold is gone.
#include <fmt/format.h>

#include "reports/comparison_text.h"
#include "reports/html/markup.h"

namespace headroom {
namespace {

class Suite {
 public:
  explicit Suite(std::string name) : name_(std::move(name)) {}

  void property(const std::string& name, const std::string& value) {
    properties_ += fmt::format("      <property name=\"{}\" value=\"{}\"/>\n", html_text(name),
                               html_text(value));
  }
  void pass(const std::string& test) { open(test, "/>\n"); }
  void fail(const std::string& test, const std::string& why) {
    ++failures;
    open(test, fmt::format(">\n      <failure message=\"{0}\" type=\"worse\">{0}</failure>\n"
                           "    </testcase>\n",
                           html_text(why)));
  }
  void error(const std::string& test, const std::string& why) {
    ++errors;
    open(test, fmt::format(">\n      <error message=\"{0}\" type=\"no answer\">{0}</error>\n"
                           "    </testcase>\n",
                           html_text(why)));
  }
  [[nodiscard]] std::string text() const {
    return fmt::format(
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" "
        "skipped=\"0\" time=\"0\">\n    <properties>\n{}    </properties>\n{}"
        "  </testsuite>\n",
        html_text(name_), tests, failures, errors, properties_, cases_);
  }

  std::size_t tests = 0, failures = 0, errors = 0;

 private:
  void open(const std::string& test, const std::string& rest) {
    ++tests;
    cases_ += fmt::format("    <testcase classname=\"{}\" name=\"{}\" time=\"0\"{}",
                          html_text(name_), html_text(test), rest);
  }
  std::string name_, properties_, cases_;
};

Suite suite_of(const Comparison& comparison, const SetComparison& set) {
  Suite suite(set.name);
  suite.property("base", comparison.base);
  suite.property("candidate", comparison.candidate);
  suite.property("scenario", to_string(set.scenario));
  suite.property("costs", to_string(set.costs));
  suite.property("decisions", to_string(set.decisions));
  suite.property("requests", to_string(set.requests));
  for (const std::string& obstacle : set.obstacles) suite.error("comparable", obstacle);
  if (set.obstacles.empty()) suite.pass("comparable");
  std::string lost;
  for (const StatusFlip& flip : set.flips) {
    if (flip.worse) lost += (lost.empty() ? "" : "; ") + flip.base + " -> " + flip.candidate;
  }
  if (lost.empty()) {
    suite.pass("service level");
  } else {
    suite.fail("service level", lost);
  }
  for (const MetricChange& change : set.metrics) {
    if (change.gate.empty()) continue;
    const std::string test = change.name + ": not " + change.gate;
    if (change.word == ChangeWord::worse) {
      suite.fail(test, failure_sentence(change));
    } else if (change.word == ChangeWord::missing) {
      suite.error(test, failure_sentence(change));
    } else {
      suite.pass(test);
    }
  }
  return suite;
}

}  // namespace

std::string comparison_junit(const std::vector<Comparison>& comparisons) {
  std::string suites;
  std::size_t tests = 0, failures = 0, errors = 0;
  const auto add = [&](const Suite& suite) {
    tests += suite.tests;
    failures += suite.failures;
    errors += suite.errors;
    suites += suite.text();
  };
  for (const Comparison& comparison : comparisons) {
    for (const SetComparison& set : comparison.sets) add(suite_of(comparison, set));
    for (const std::string& name : comparison.only_base) {
      Suite suite(name);
      suite.property("base", comparison.base);
      suite.property("candidate", comparison.candidate);
      suite.error("comparable", "missing from the candidate");
      add(suite);
    }
  }
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<testsuites name=\"headroom compare\" tests=\"{}\" failures=\"{}\" "
      "errors=\"{}\" time=\"0\">\n{}</testsuites>\n",
      tests, failures, errors, suites);
}

}  // namespace headroom
