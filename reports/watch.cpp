#include "reports/watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "reports/number_text.h"
#include "reports/progress.h"
#include "reports/sparkline.h"
#include "reports/text_layout.h"

namespace headroom {
namespace {

constexpr double kFirst = 0.5;  // s; shorter runs show nothing
constexpr double kEvery = 0.25;
constexpr std::uint64_t kCallsPerLook = 64;
constexpr std::size_t kColumns = 80;
constexpr std::size_t kSparkColumns = 50;

double ms(std::int64_t ns) { return static_cast<double>(ns) / 1e6; }

std::string latency_line(const char* name, const LogHistogram& all) {
  return fmt::format("{:<9} mean {:>10}   p50 {:>10}   p99 {:>10} ms", name,
                     significant(all.mean() / 1e6), significant(ms(all.quantile(0.5))),
                     significant(ms(all.quantile(0.99))));
}

}  // namespace

Watch::Options Watch::on_terminal(std::string title, std::uint64_t requests) {
  return {std::move(title), requests, steady_seconds, write_stderr};
}

Watch::Watch(Options options) : options_(std::move(options)) {
  start_ = options_.clock();
  next_ = start_ + kFirst;
}

Watch::~Watch() { finish(); }

void Watch::on_finished(const FinishedRequest& request) {
  ++finished_;
  ttft_.add(request.ttft().value());
  if (request.output.value() > 1) tpot_.add(request.tpot().value());
  step(request.finish);
}

void Watch::on_rejected(const RejectedRequest& request) {
  ++rejected_;
  step(request.when);
}

void Watch::on_sample(const ClusterSample& sample) {
  if (skipped_++ % stride_ == 0) samples_.push_back(sample);
  if (samples_.size() > 2 * kSparkColumns) {
    for (std::size_t i = 0; 2 * i < samples_.size(); ++i) samples_[i] = samples_[2 * i];
    samples_.resize((samples_.size() + 1) / 2);
    stride_ *= 2;
  }
  step(sample.time);
}

void Watch::step(Instant now) {
  now_ = now;
  if (calls_++ % kCallsPerLook != 0) return;
  const double time = options_.clock();
  if (time < next_) return;
  next_ = time + kEvery;
  draw(time - start_);
}

std::vector<std::string> Watch::picture(double elapsed) const {
  std::vector<std::string> lines;
  lines.push_back(shortened(printable(options_.title), kColumns));
  lines.push_back(
      shortened(progress_line(elapsed, now_, finished_ + rejected_, options_.requests), kColumns));
  const auto curve = [&](const char* name, auto value) {
    std::vector<double> values;
    for (const ClusterSample& sample : samples_)
      values.push_back(static_cast<double>(value(sample)));
    const double top = values.empty() ? 0 : *std::max_element(values.begin(), values.end());
    lines.push_back(fmt::format("{:<9} [{:<{}}] {}", name,
                                top > 0 ? sparkline(values, top, kSparkColumns) : "", kSparkColumns,
                                values.empty() ? "-" : significant(values.back())));
  };
  curve("waiting", [](const ClusterSample& s) { return s.waiting; });
  curve("running", [](const ClusterSample& s) { return s.running; });
  curve("KV blocks", [](const ClusterSample& s) { return s.used_blocks; });
  if (finished_ > 0) lines.push_back(latency_line("TTFT", ttft_));
  if (tpot_.count() > 0) lines.push_back(latency_line("TPOT", tpot_));
  if (rejected_ > 0) lines.push_back(fmt::format("rejected  {}", rejected_));
  return lines;
}

void Watch::draw(double elapsed) {
  std::string text = drawn_ > 0 ? fmt::format("\033[{}A", drawn_) : std::string();
  const std::vector<std::string> lines = picture(elapsed);
  for (const std::string& line : lines) text += "\r\033[K" + line + "\n";
  drawn_ = lines.size();
  options_.write(text);
}

void Watch::finish() {
  if (drawn_ > 0) options_.write(fmt::format("\033[{}A\033[J", drawn_));
  drawn_ = 0;
}

}  // namespace headroom
