// Standard output and standard error, and signals.
//
// Law: answers go to stdout in one piece at the end, so that a full disk or a closed pipe is
// noticed; everything else goes to stderr. A reader that closed the pipe wanted no more: that is no
// error.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

namespace headroom {

/// Adds to what will be written to stdout.
void print(std::string_view text);
/// Writes what was printed. Throws InputError when the system refuses, unless the reader closed the
/// pipe.
void finish_output();
/// One line on stderr; line breaks inside become spaces.
void complain(std::string_view line);

/// How far a command is, on stderr: rewritten in place on a terminal, a line every 30 s elsewhere.
class ProgressLine {
 public:
  /// "sweep", "cells".
  ProgressLine(std::string what, std::string parts, bool quiet);
  /// Clears the line.
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  /// The time left follows from the parts that were done since the first call.
  void show(std::size_t done, std::size_t all, std::string_view doing = {});

 private:
  std::string what_, parts_;
  bool quiet_, terminal_, shown_ = false;
  std::chrono::steady_clock::time_point begin_{}, next_{};
  std::size_t done_before_ = 0;
  bool begun_ = false;
};

/// Turns true when the user pressed Ctrl-C once after `watch_interrupts`; the second press ends the
/// program.
[[nodiscard]] const std::atomic<bool>& interrupted();
void watch_interrupts();
/// A closed pipe and a file at its size limit become error codes instead of signals that end the
/// program in the middle of a file.
void ignore_write_signals();

}  // namespace headroom
