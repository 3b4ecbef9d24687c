#include "sim/cli/terminal.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "sim/check.h"

namespace headroom {
namespace {

std::string& pending() {
  static std::string text;
  return text;
}

std::atomic<bool>& interrupt_flag() {
  static std::atomic<bool> flag{false};
  return flag;
}
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may only touch such");

/// "12 s", "4 min", "2.1 h".
std::string time_text(double seconds) {
  if (seconds < 120) return fmt::format("{:.0f} s", seconds);
  if (seconds < 7200) return fmt::format("{:.0f} min", seconds / 60);
  return fmt::format("{:.1f} h", seconds / 3600);
}

void write_error(std::string_view text) {
  // Nothing is left to tell when stderr itself fails.
  static_cast<void>(!::write(STDERR_FILENO, text.data(), text.size()));
}

extern "C" void on_interrupt(int) {
  interrupt_flag().store(true);
  std::signal(SIGINT, SIG_DFL);
}

}  // namespace

void print(std::string_view text) { pending() += text; }

void finish_output() {
  std::string text = std::move(pending());
  pending().clear();
  std::size_t written = 0;
  while (written < text.size()) {
    const ssize_t n = ::write(STDOUT_FILENO, text.data() + written, text.size() - written);
    if (n > 0) {
      written += static_cast<std::size_t>(n);
    } else if (n < 0 && errno == EPIPE) {
      return;
    } else if (n == 0 || errno != EINTR) {
      throw InputError("standard output",
                       fmt::format("expected room for the answer, got: {}; free the disk or write "
                                   "elsewhere",
                                   std::strerror(errno)));
    }
  }
}

void complain(std::string_view line) {
  std::string text(line);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  write_error(text + '\n');
}

ProgressLine::ProgressLine(std::string what, std::string parts, bool quiet)
    : what_(std::move(what)),
      parts_(std::move(parts)),
      quiet_(quiet),
      terminal_(::isatty(STDERR_FILENO) == 1) {}

ProgressLine::~ProgressLine() {
  if (shown_) write_error("\r\x1b[K");
}

void ProgressLine::show(std::size_t done, std::size_t all, std::string_view doing) {
  constexpr std::chrono::seconds kBetween{30};
  constexpr std::size_t kBar = 20;
  const auto now = std::chrono::steady_clock::now();
  if (!std::exchange(begun_, true)) {
    begin_ = now;
    next_ = now + kBetween;
    done_before_ = done;
  }
  if (quiet_ || (!terminal_ && now < next_)) return;
  next_ = now + kBetween;
  std::string left;
  if (done > done_before_) {
    const double a_part = std::chrono::duration<double>(now - begin_).count() /
                          static_cast<double>(done - done_before_);
    left = fmt::format(", {} left", time_text(a_part * static_cast<double>(all - done)));
  }
  const std::size_t full = all == 0 ? kBar : kBar * done / all;
  const std::string line =
      fmt::format("{}: [{}{}] {} of {} {}{}  {}", what_, std::string(full, '#'),
                  std::string(kBar - full, '.'), done, all, parts_, left, doing);
  shown_ = terminal_;
  write_error(terminal_ ? "\r\x1b[K" + line : line + "\n");
}

const std::atomic<bool>& interrupted() { return interrupt_flag(); }

void watch_interrupts() {
  static_cast<void>(interrupt_flag());  // constructed before the handler can run
  std::signal(SIGINT, on_interrupt);
}

void ignore_write_signals() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

}  // namespace headroom
