#include "reports/trace_events.h"

#include <fmt/format.h>

#include "reports/number_text.h"
#include "reports/text_layout.h"

namespace headroom {
namespace {

std::string microseconds(std::int64_t ns) { return exact_decimal(ns, 3); }

}  // namespace

void TraceArgs::key(std::string_view name) {
  if (!json_.empty()) json_ += ',';
  json_ += json_string(name);
  json_ += ':';
}

TraceArgs& TraceArgs::add(std::string_view name, std::string_view text) {
  key(name);
  json_ += json_string(text);
  return *this;
}

TraceArgs& TraceArgs::add(std::string_view name, std::int64_t count) {
  key(name);
  json_ += std::to_string(count);
  return *this;
}

TraceArgs& TraceArgs::add(std::string_view name, Duration time) {
  key(name);
  json_ += exact_decimal(time.value(), 6);
  return *this;
}

TraceEvents::TraceEvents(const std::string& path) : file_(path) {
  file_.write("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[");
}

void TraceEvents::event(char phase, std::string_view name, const std::string& members,
                        const TraceArgs& args) {
  const std::string text = fmt::format(
      "{}\n{{\"ph\":\"{}\",\"name\":{},{}{}}}", first_ ? "" : ",", phase, json_string(name),
      members, args.json().empty() ? "" : ",\"args\":{" + args.json() + "}");
  bytes_ += text.size();
  file_.write(text);
  first_ = false;
}

void TraceEvents::name_process(std::uint64_t process, std::string_view name) {
  event('M', "process_name", fmt::format("\"pid\":{}", process), TraceArgs().add("name", name));
}

void TraceEvents::name_thread(TracePlace place, std::string_view name) {
  event('M', "thread_name", fmt::format("\"pid\":{},\"tid\":{}", place.process, place.thread),
        TraceArgs().add("name", name));
}

void TraceEvents::slice(TracePlace place, std::string_view name, Instant start, Duration length,
                        const TraceArgs& args) {
  event('X', name,
        fmt::format("\"pid\":{},\"tid\":{},\"ts\":{},\"dur\":{}", place.process, place.thread,
                    microseconds(start.ns()), microseconds(length.value())),
        args);
}

void TraceEvents::counter(std::uint64_t process, std::string_view name, Instant at,
                          std::int64_t value) {
  event('C', name, fmt::format("\"pid\":{},\"ts\":{}", process, microseconds(at.ns())),
        TraceArgs().add("value", value));
}

void TraceEvents::flight_event(char phase, const TraceFlight& flight, std::string_view name,
                               Instant at, const TraceArgs& args) {
  event(phase, name,
        fmt::format("\"cat\":{},\"id\":\"{:#x}\",\"pid\":{},\"tid\":0,\"ts\":{}",
                    json_string(flight.kind), flight.id, flight.process, microseconds(at.ns())),
        args);
}

void TraceEvents::open(const TraceFlight& flight, std::string_view name, Instant at,
                       const TraceArgs& args) {
  flight_event('b', flight, name, at, args);
}

void TraceEvents::close(const TraceFlight& flight, std::string_view name, Instant at) {
  flight_event('e', flight, name, at, {});
}

void TraceEvents::mark(const TraceFlight& flight, std::string_view name, Instant at,
                       const TraceArgs& args) {
  flight_event('n', flight, name, at, args);
}

void TraceEvents::flow(FlowStep step, TracePlace place, std::uint64_t id, Instant at) {
  constexpr char kPhases[] = {'s', 't', 'f'};
  const char phase = kPhases[static_cast<std::size_t>(step)];
  // "bp" e: the arrow ends in the slice that holds it, not in the next one.
  event(phase, "request",
        fmt::format("\"cat\":\"request\",\"id\":{},\"pid\":{},\"tid\":{},\"ts\":{}{}", id,
                    place.process, place.thread, microseconds(at.ns()),
                    phase == 'f' ? ",\"bp\":\"e\"" : ""),
        {});
}

void TraceEvents::commit() {
  file_.write("\n]}\n");
  file_.commit();
}

}  // namespace headroom
