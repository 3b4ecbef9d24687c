// What a run of the real engine leaves behind: every request, and every engine call with what it
// computed and how long it took.
//
// The clock of a run is virtual: it advances by the processor time of the calls and jumps over idle
// gaps. All time between two calls belongs to the second, so calls and gaps add up to the clock
// without a rest. Times are whole microseconds.
// Law: reading what was written gives the same log. Cost: about 12 bytes a call, 200 an anchor.
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

/// A call of known shape between two calls of the run, outside its clock.
struct AnchorCall {
  bool generates = false;  ///< rows of one token each, else tokens of one prompt
  std::int32_t tokens = 1;
  std::int64_t duration = 0;
};

/// How fast the machine was after so many calls of the run.
struct Anchor {
  std::int64_t calls_before = 0;
  std::vector<AnchorCall> calls{};
};

struct CallLog {
  std::string engine;  ///< one line: which engine, model and machine
  Composition composition{};
  std::vector<LoggedRequest> requests{};
  std::vector<LoggedCall> calls{};
  std::vector<Anchor> anchors{};
};

[[nodiscard]] inline const char* kind_of(const AnchorCall& call) {
  return call.generates ? "decode" : "prefill";
}

constexpr const char* kCallLogTitle = "headroom-call-log 2";

inline void write_log(const CallLog& log, std::ostream& out) {
  const Composition& how = log.composition;
  out << kCallLogTitle << '\n'
      << log.engine << '\n'
      << how.order << ' ' << how.slots << ' ' << how.batch << ' ' << how.slot_tokens << '\n'
      << log.requests.size() << " requests: arrival prompt output first-token finish, us\n";
  for (const LoggedRequest& request : log.requests)
    out << request.arrival << ' ' << request.prompt << ' ' << request.output << ' '
        << request.first_token << ' ' << request.finish << '\n';
  out << log.anchors.size() << " anchors: calls before, then decode|prefill tokens us of each\n";
  for (const Anchor& anchor : log.anchors) {
    out << anchor.calls_before;
    for (const AnchorCall& call : anchor.calls)
      out << ' ' << kind_of(call) << ' ' << call.tokens << ' ' << call.duration;
    out << '\n';
  }
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

inline Anchor anchor_of(std::istringstream line, const std::string& file) {
  Anchor anchor;
  bool good = static_cast<bool>(line >> anchor.calls_before);
  for (std::string kind; good && line >> kind;) {
    AnchorCall call;
    call.generates = kind == "decode";
    good = (call.generates || kind == "prefill") && line >> call.tokens >> call.duration;
    anchor.calls.push_back(call);
  }
  if (!good)
    throw InputError(
        file, "expected an anchor: calls before, then decode|prefill tokens us, got " + line.str());
  return anchor;
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
  if (!std::getline(in, title) || title != kCallLogTitle)
    throw InputError(file,
                     std::string("expected a first line ") + kCallLogTitle + ", got " + title);
  std::getline(in, log.engine);
  Composition& how = log.composition;
  log_detail::line_of(in, file) >> how.order >> how.slots >> how.batch >> how.slot_tokens;
  log.requests.resize(log_detail::count_of(in, file));
  for (LoggedRequest& request : log.requests)
    log_detail::line_of(in, file) >> request.arrival >> request.prompt >> request.output >>
        request.first_token >> request.finish;
  log.anchors.resize(log_detail::count_of(in, file));
  for (Anchor& anchor : log.anchors)
    anchor = log_detail::anchor_of(log_detail::line_of(in, file), file);
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
