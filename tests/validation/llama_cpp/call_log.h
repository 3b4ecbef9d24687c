// What a run of the real engine leaves behind: every request, and every engine call with what it
// computed and how long it took.
//
// The clock of a run is virtual: it advances by the processor time of the calls and jumps over idle
// gaps. All time between two calls belongs to the second, so calls and gaps add up to the clock
// without a rest. Times are whole microseconds.
// Law: reading what was written gives the same log. Cost: about 12 bytes a call.
// Not here: who computes (virtual_engine.h), the simulated counterpart
// (tests/validation/llama_cpp_replay_test.cpp).
#pragma once

#include <cstdint>
#include <fstream>
#include <istream>
#include <ostream>
#include <sstream>
#include <string>
#include <vector>

#include "sim/check.h"

namespace headroom::llama_cpp {

/// How a call is composed: names as the batch policy `llama-cpp` has them.
struct Composition {
  std::string order = "together";  ///< together | in-turn | prompts-first
  std::int32_t slots = 8;
  std::int32_t batch = 512;  ///< tokens of one call
  std::int32_t slot_tokens = 1280;
};

struct LoggedRequest {
  std::int64_t arrival = 0;
  std::int32_t prompt = 1, output = 1;
  std::int64_t first_token = 0, finish = 0;
};

struct CallPart {
  std::int32_t request = 0;
  std::int32_t tokens = 1;
  friend bool operator==(const CallPart&, const CallPart&) = default;
};

struct LoggedCall {
  std::int64_t gap = 0;  ///< idle time before it
  std::int64_t duration = 0;
  std::vector<CallPart> parts{};
};

/// Calls of one known shape between two calls of the run, outside its clock: how fast the machine
/// is just then.
struct Anchor {
  std::int64_t decode = 0, prefill = 0;
};

struct CallLog {
  std::string engine;  ///< one line: which engine, model and machine
  Composition composition{};
  std::vector<LoggedRequest> requests{};
  std::vector<LoggedCall> calls{};
  std::vector<Anchor> anchors{};
};

inline void write_log(const CallLog& log, std::ostream& out) {
  const Composition& how = log.composition;
  out << "headroom-call-log 1\n"
      << log.engine << '\n'
      << how.order << ' ' << how.slots << ' ' << how.batch << ' ' << how.slot_tokens << '\n'
      << log.requests.size() << " requests: arrival prompt output first-token finish, us\n";
  for (const LoggedRequest& request : log.requests)
    out << request.arrival << ' ' << request.prompt << ' ' << request.output << ' '
        << request.first_token << ' ' << request.finish << '\n';
  out << log.anchors.size() << " anchors: decode prefill, us\n";
  for (const Anchor& anchor : log.anchors) out << anchor.decode << ' ' << anchor.prefill << '\n';
  out << log.calls.size() << " calls: idle-before duration, us, then request[:tokens]\n";
  for (const LoggedCall& call : log.calls) {
    out << call.gap << ' ' << call.duration;
    for (const CallPart& part : call.parts) {
      out << ' ' << part.request;
      if (part.tokens != 1) out << ':' << part.tokens;
    }
    out << '\n';
  }
}

namespace log_detail {

inline std::istringstream line_of(std::istream& in, const std::string& file) {
  std::string line;
  if (!std::getline(in, line)) throw InputError(file, "expected another line, got the end");
  return std::istringstream(line);
}

inline std::size_t count_of(std::istream& in, const std::string& file) {
  std::size_t count = 0;
  if (!(line_of(in, file) >> count)) throw InputError(file, "expected a number of lines");
  return count;
}

inline LoggedCall call_of(std::istringstream line) {
  LoggedCall call;
  line >> call.gap >> call.duration;
  CallPart part;
  while (line >> part.request) {
    part.tokens = 1;
    if (line.peek() == ':') line.ignore(1) >> part.tokens;
    call.parts.push_back(part);
  }
  return call;
}

}  // namespace log_detail

/// Throws InputError naming `file` when a part is missing.
[[nodiscard]] inline CallLog read_log(std::istream& in, const std::string& file) {
  CallLog log;
  std::string title;
  if (!std::getline(in, title) || title != "headroom-call-log 1")
    throw InputError(file, "expected a call log of version 1");
  std::getline(in, log.engine);
  Composition& how = log.composition;
  log_detail::line_of(in, file) >> how.order >> how.slots >> how.batch >> how.slot_tokens;
  log.requests.resize(log_detail::count_of(in, file));
  for (LoggedRequest& request : log.requests)
    log_detail::line_of(in, file) >> request.arrival >> request.prompt >> request.output >>
        request.first_token >> request.finish;
  log.anchors.resize(log_detail::count_of(in, file));
  for (Anchor& anchor : log.anchors)
    log_detail::line_of(in, file) >> anchor.decode >> anchor.prefill;
  log.calls.resize(log_detail::count_of(in, file));
  for (LoggedCall& call : log.calls) call = log_detail::call_of(log_detail::line_of(in, file));
  return log;
}

[[nodiscard]] inline CallLog read_log_file(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw InputError(path, "expected a call log, got no readable file");
  return read_log(file, path);
}

}  // namespace headroom::llama_cpp
