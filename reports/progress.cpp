#include "reports/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "reports/number_text.h"

namespace headroom {
namespace {

constexpr double kFirstTerminalLine = 1;  // s; shorter runs stay silent
constexpr double kTerminalEvery = 0.2;    // s; readable, and too rare to cost anything
constexpr double kLogEvery = 30;          // s
constexpr std::uint64_t kCallsPerLook = 64;
constexpr const char* kClearLine = "\r\033[K";

std::string clock_text(double s) {
  const auto whole = static_cast<std::uint64_t>(std::clamp(s, 0.0, 3.6e8));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
}

}  // namespace

double steady_seconds() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

void write_stderr(const std::string& text) {
  std::fputs(text.c_str(), stderr);
  std::fflush(stderr);
}

std::string progress_line(double elapsed, Instant now, std::uint64_t done, std::uint64_t expected) {
  const double rate = elapsed > 0 ? static_cast<double>(done) / elapsed : 0;
  std::string text =
      fmt::format("simulated {}, {}", clock_text(static_cast<double>(now.ns()) / 1e9), done);
  if (expected >= done && expected > 0) {
    text += fmt::format(" of {} requests ({:.0f} %)", expected,
                        100.0 * static_cast<double>(done) / static_cast<double>(expected));
  } else {
    text += " requests";
  }
  text += fmt::format(", {} requests/s", significant(rate, 3));
  if (expected > done && rate > 0) {
    text += fmt::format(", {} left", clock_text(static_cast<double>(expected - done) / rate));
  }
  return text;
}

Progress::Where Progress::detect() {
  return ::isatty(STDERR_FILENO) != 0 ? Where::terminal : Where::log;
}

Progress::Progress(Options options) : options_(std::move(options)) {
  if (!options_.clock) options_.clock = steady_seconds;
  if (!options_.write) options_.write = write_stderr;
  if (options_.where == Where::nowhere) return;
  start_ = options_.clock();
  next_ = start_ + (options_.where == Where::terminal ? kFirstTerminalLine : kLogEvery);
}

Progress::~Progress() { finish(); }

void Progress::on_finished(const FinishedRequest& request) {
  ++done_;
  step(request.finish);
}

void Progress::on_rejected(const RejectedRequest& request) {
  ++done_;
  step(request.when);
}

void Progress::on_sample(const ClusterSample& sample) { step(sample.time); }

void Progress::step(Instant now) {
  if (options_.where == Where::nowhere) return;
  if (calls_++ % kCallsPerLook == 0) look(now);
}

void Progress::look(Instant now) {
  const double time = options_.clock();
  if (time < next_) return;
  const std::string text = progress_line(time - start_, now, done_, options_.requests.value_or(0));
  if (options_.where == Where::terminal) {
    options_.write(kClearLine + text);
    shown_ = true;
    next_ = time + kTerminalEvery;
  } else {
    options_.write(text + "\n");
    next_ = time + kLogEvery;
  }
}

void Progress::finish() {
  if (!shown_) return;
  options_.write(kClearLine);
  shown_ = false;
}

}  // namespace headroom
