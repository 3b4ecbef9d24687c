// Trace-event documents: valid JSON whatever a name holds, exact times.
#include "reports/trace_events.h"

#include <filesystem>

#include "sim/check.h"
#include "sim/scenario_json.h"
#include "tests/catch.h"
#include "tests/reports/timeline_file.h"

using namespace headroom;

TEST_CASE("every kind of event is one line of a JSON document, with exact microseconds") {
  const TimelineFile file;
  TraceEvents events(file.path());
  events.name_process(3, "site 3");
  events.name_thread({3, 1}, "accelerator");
  const TraceFlight flight{3, 255, "task"};
  events.open(flight, "HV", Instant() + Duration(1'234'567));
  events.slice({3, 1}, "HV", Instant() + Duration(2'000'001), kMillisecond,
               TraceArgs().add("task", 7).add("expected_ms", Duration(1'500'000)));
  events.counter(3, "tasks queued", Instant() + kSecond, 4);
  events.mark(flight, "deadline", Instant() + kSecond);
  events.close(flight, "HV", Instant() + kSecond * 2);
  events.commit();
  CHECK(file.text() ==
        "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n"
        "{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":3,\"args\":{\"name\":\"site 3\"}},\n"
        "{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":3,\"tid\":1,"
        "\"args\":{\"name\":\"accelerator\"}},\n"
        "{\"ph\":\"b\",\"name\":\"HV\",\"cat\":\"task\",\"id\":\"0xff\",\"pid\":3,\"tid\":0,"
        "\"ts\":1234.567},\n"
        "{\"ph\":\"X\",\"name\":\"HV\",\"pid\":3,\"tid\":1,\"ts\":2000.001,\"dur\":1000.000,"
        "\"args\":{\"task\":7,\"expected_ms\":1.500000}},\n"
        "{\"ph\":\"C\",\"name\":\"tasks queued\",\"pid\":3,\"ts\":1000000.000,"
        "\"args\":{\"value\":4}},\n"
        "{\"ph\":\"n\",\"name\":\"deadline\",\"cat\":\"task\",\"id\":\"0xff\",\"pid\":3,\"tid\":0,"
        "\"ts\":1000000.000},\n"
        "{\"ph\":\"e\",\"name\":\"HV\",\"cat\":\"task\",\"id\":\"0xff\",\"pid\":3,\"tid\":0,"
        "\"ts\":2000000.000}\n]}\n");
  CHECK(file.document().find("traceEvents")->children.size() == 7);
}

TEST_CASE("names with quotes, control characters and broken UTF-8 leave the document valid") {
  const TimelineFile file;
  TraceEvents events(file.path());
  events.name_process(0, "a \"quoted\" \\ name\nof two lines \x01 \xff");
  events.commit();
  const JsonNode document = file.document();
  const JsonNode& event = document.find("traceEvents")->children.at(0);
  CHECK(event.find("args")->find("name")->text == "a \"quoted\" \\ name of two lines ? ?");
}

TEST_CASE("a timeline that is not committed leaves no file") {
  const TimelineFile file;
  { TraceEvents events(file.path()); }
  CHECK(!std::filesystem::exists(file.path()));
  CHECK_THROWS_AS(TraceEvents("no/such/folder/t.json"), InputError);
}
