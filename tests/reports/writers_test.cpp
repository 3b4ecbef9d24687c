#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "reports/console.h"
#include "reports/json_report.h"
#include "reports/markdown.h"
#include "reports/text_layout.h"
#include "tests/catch.h"
#include "tests/reports/metrics_fixture.h"

namespace headroom {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

/// Names of every unpleasant kind in every field, figures as large as they get.
Summary hostile_summary() {
  ReportContext c = fixture::context();
  const std::string long_word(300, 'x');
  c.scenario = "sc|en\nario\033[31m <script> " + long_word;
  c.model = "org/" + long_word;
  c.device = "\xff\xfe broken \xe6\x97\xa5\xe6\x9c\xac " + long_word;
  c.cost_model = long_word + " " + long_word;
  c.price_source = long_word;
  c.power_source = long_word;
  c.scenario_digest = long_word;
  c.tool_version = long_word;
  c.gpus = 1'000'000;
  c.notes = {long_word, "a | b"};
  c.warnings = {std::string(90, 'w') + " " + long_word};
  c.lower_bound->reason = long_word;
  Metrics m = fixture::ten_requests();
  RequestRow slow = fixture::row_of(10);
  slow.id = 11;
  slow.ttft_ns = std::int64_t{4} << 60;
  slow.end_to_end_ns = slow.ttft_ns;
  m.rows.push(slow);
  m.output_tokens = std::int64_t{1} << 62;
  m.live_at_end = 1;
  return summarise(m, c);
}

TEST_CASE("no console line is wider than 80 columns, whatever the names and figures") {
  for (const Summary& summary : {fixture::summary(), hostile_summary(), summarise({}, {})}) {
    const std::string text = console_report(summary, Colour::off);
    for (const std::string& line : lines_of(text)) {
      INFO(line);
      CHECK(display_width(line) <= kConsoleColumns);
      CHECK(line.find_last_not_of(' ') + 1 == line.size());
    }
    CHECK(text.find('\033') == std::string::npos);
  }
}

TEST_CASE("colour adds escape sequences and nothing else") {
  const Summary summary = fixture::summary();
  const std::string plain = console_report(summary, Colour::off);
  std::string stripped;
  const std::string coloured = console_report(summary, Colour::on);
  for (std::size_t i = 0; i < coloured.size(); ++i) {
    if (coloured[i] == '\033') {
      while (coloured[i] != 'm') ++i;
    } else {
      stripped += coloured[i];
    }
  }
  CHECK(coloured != plain);
  CHECK(stripped == plain);
}

TEST_CASE("the console says the verdict, the bound and the interval's scope in words") {
  const std::string text = console_report(fixture::summary(), Colour::off);
  CHECK(text.find("Service level: MISSED") != std::string::npos);
  CHECK(text.find("41.67 % of 12 arrived requests (target 90.00 %)") != std::string::npos);
  CHECK(text.find("a perfect system needs 3 GPUs, this run used 4") != std::string::npos);
  CHECK(text.find("2 rejected (") != std::string::npos);
  // Eleven seconds of ten requests, fewer than 400: no interval, and it says so.
  CHECK(text.find("no confidence interval") != std::string::npos);
}

TEST_CASE("the JSON document has a schema version and every table") {
  const auto json = nlohmann::json::parse(json_report(fixture::summary()));
  CHECK(json.at("schema") == "headroom.run");
  CHECK(json.at("schema_version") == kReportSchemaVersion);
  for (const char* key :
       {"tool_version", "scenario",   "seed",       "digests",       "system",         "slo",
        "requests",     "latency_ms", "confidence", "latency_parts", "throughput",     "engine",
        "replicas",     "saturation", "cost",       "lower_bound",   "simulated_time", "series",
        "warnings",     "notes",      "advice"}) {
    INFO(key);
    CHECK(json.contains(key));
  }
  CHECK(json.at("seed") == 18446744073709551615ULL);
  CHECK(json.at("latency_ms").size() == kLatencyMetrics);
  CHECK(json.at("latency_ms").at("ttft").at("p90") == 900.0);
  CHECK(json.at("latency_parts").size() == kLatencyParts);
  CHECK(json.at("replicas").size() == 2);
  CHECK(json.at("simulated_time").at("by_operator").size() == kOperatorClasses);
  CHECK(json.at("slo").at("verdict") == "missed");
  CHECK(json.at("digests").at("decisions") == "0123456789abcdef");
  CHECK(json.at("lower_bound").at("gpus") == 3);
  CHECK(json.at("confidence").at("means").at(0).at("mean_ms").is_null());
}

TEST_CASE("the JSON document writes null for what does not exist, never zero") {
  const auto json = nlohmann::json::parse(json_report(summarise({}, {})));
  CHECK(json.at("latency_ms").at("ttft").at("p99").is_null());
  CHECK(json.at("cost").at("usd").is_null());
  CHECK(json.at("lower_bound").is_null());
  CHECK(json.at("slo").at("attainment").at("joint").is_null());
  CHECK(json.at("digests").at("scenario").is_null());
}

TEST_CASE("prefix hits are summed over replicas, and absent where no prompt could share") {
  Metrics metrics = fixture::ten_requests();
  CHECK_FALSE(summarise(metrics, fixture::context()).engine.prefixes);
  metrics.hashed = 12;
  metrics.replicas[0].prefixes = {Tokens(6000), Tokens(1500), Blocks(7)};
  metrics.replicas[1].prefixes = {Tokens(4000), Tokens(500), Blocks(0)};
  const Summary s = summarise(metrics, fixture::context());
  REQUIRE(s.engine.prefixes);
  CHECK(s.engine.prefixes->hit_share == Approx(0.2));
  CHECK(s.engine.prefixes->saved_tokens == 2000);
  CHECK(s.engine.prefixes->evicted_blocks == 7);
  const std::string text = console_report(s, Colour::off);
  CHECK(text.find("20.00 % of 10000 prompt tokens found") != std::string::npos);
  CHECK(json_report(s).find("\"saved_prefill_tokens\": 2000") != std::string::npos);
  CHECK(markdown_report(s).find("| prefix cache, prompt tokens found | 20.00 % |") !=
        std::string::npos);
}

TEST_CASE("names of any bytes leave the JSON document valid") {
  const std::string text = json_report(hostile_summary());
  CHECK(nlohmann::json::accept(text));
}

TEST_CASE("the same summary gives the same bytes in every format") {
  const Summary one = fixture::summary();
  const Summary two = fixture::summary();
  CHECK(console_report(one, Colour::on) == console_report(two, Colour::on));
  CHECK(json_report(one) == json_report(two));
  CHECK(markdown_report(one) == markdown_report(two));
}

TEST_CASE("Markdown tables keep their columns whatever the names") {
  std::size_t columns = 0;
  for (const std::string& line : lines_of(markdown_report(hostile_summary()))) {
    if (line.empty() || line.front() != '|') {
      columns = 0;
      continue;
    }
    std::size_t bars = 0;
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (line[i] == '|' && (i == 0 || line[i - 1] != '\\')) ++bars;
    }
    INFO(line);
    if (columns == 0) columns = bars;
    CHECK(bars == columns);
  }
}

TEST_CASE("a Markdown cell shows markup characters as themselves") {
  CHECK(markdown_cell("a|b") == "a\\|b");
  CHECK(markdown_cell("<b>&") == "&lt;b&gt;&amp;");
  CHECK(markdown_cell("*x*\n`y`") == "\\*x\\* \\`y\\`");
  CHECK(markdown_cell("back\\|slash") == "back\\\\\\|slash");
}

}  // namespace
}  // namespace headroom
