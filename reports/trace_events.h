// A timeline in the trace-event format: what Perfetto (ui.perfetto.dev) and chrome://tracing open.
//
// A process is one place of the system (a site, a replica), a thread one thing in it that does one
// job at a time. What overlaps (tasks, requests) is a flight: it opens, holds slices and marks of
// its own, and closes. Written while the simulation runs; the file is complete under its name or
// not there at all (reports/output_file.h).
// Laws: times are exact microseconds with three decimals; whatever a name holds, the document is
// valid JSON; same calls, same bytes.
// Cost: about 120 bytes an event, no memory that grows.
// Not here: what the events mean (reports/edge_timeline.h). Format: "Trace Event Format", Google,
// chromium's catapult project.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "reports/output_file.h"
#include "sim/units.h"

namespace headroom {

/// What a reader sees of an event when it is clicked on.
class TraceArgs {
 public:
  TraceArgs& add(std::string_view name, std::string_view text);
  TraceArgs& add(std::string_view name, std::int64_t count);
  /// In milliseconds, exactly.
  TraceArgs& add(std::string_view name, Duration time);
  [[nodiscard]] const std::string& json() const { return json_; }

 private:
  void key(std::string_view name);
  std::string json_;  ///< members without their braces
};

/// A process and a thread of the timeline; the thread 0 stands for the process.
struct TracePlace {
  std::uint64_t process = 0, thread = 0;
};

/// Something that overlaps others of its kind: its slices are shown together.
struct TraceFlight {
  std::uint64_t process = 0, id = 0;  ///< the id is unique in the document
  std::string_view kind;              ///< e.g. "task"
};

class TraceEvents {
 public:
  /// Throws InputError as OutputFile does.
  explicit TraceEvents(const std::string& path);

  void name_process(std::uint64_t process, std::string_view name);
  void name_thread(TracePlace place, std::string_view name);
  /// A job of a thread.
  void slice(TracePlace place, std::string_view name, Instant start, Duration length,
             const TraceArgs& args = {});
  /// A number over time, drawn as a curve.
  void counter(std::uint64_t process, std::string_view name, Instant at, std::int64_t value);
  /// Opens a slice of a flight; slices of one flight nest, so that the last opened closes first.
  void open(const TraceFlight& flight, std::string_view name, Instant at,
            const TraceArgs& args = {});
  void close(const TraceFlight& flight, std::string_view name, Instant at);
  /// A mark on a flight.
  void mark(const TraceFlight& flight, std::string_view name, Instant at,
            const TraceArgs& args = {});
  /// Steps of an arrow through the slices that hold its instants, in order of time.
  enum class FlowStep : std::uint8_t { start, on, end };
  void flow(FlowStep step, TracePlace place, std::uint64_t id, Instant at);
  /// Written so far.
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  /// Throws InputError; without it no file appears.
  void commit();

 private:
  void event(char phase, std::string_view name, const std::string& members, const TraceArgs& args);
  void flight_event(char phase, const TraceFlight& flight, std::string_view name, Instant at,
                    const TraceArgs& args);

  OutputFile file_;
  bool first_ = true;
  std::uint64_t bytes_ = 0;
};

}  // namespace headroom
