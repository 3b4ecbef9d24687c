#include "sim/cli/terminal.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

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
  text += '\n';
  // Nothing is left to tell when stderr itself fails.
  static_cast<void>(!::write(STDERR_FILENO, text.data(), text.size()));
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
