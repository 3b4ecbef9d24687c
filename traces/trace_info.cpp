#include "traces/trace_info.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <unordered_set>

namespace headroom {
namespace {

/// Mean and variance without a second pass (Welford 1962).
class Moments {
 public:
  void add(double value) {
    ++count_;
    const double delta = value - mean_;
    mean_ += delta / static_cast<double>(count_);
    squares_ += delta * (value - mean_);
  }
  /// `zeros` values of 0 at once (Chan, Golub and LeVeque 1979).
  void add_zeros(std::uint64_t zeros) {
    const auto n = static_cast<double>(count_);
    const auto m = static_cast<double>(zeros);
    if (zeros == 0) return;
    squares_ += mean_ * mean_ * n * m / (n + m);
    mean_ *= n / (n + m);
    count_ += zeros;
  }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] double mean() const { return mean_; }
  [[nodiscard]] double variance() const {
    return count_ > 0 ? squares_ / static_cast<double>(count_) : 0;
  }

 private:
  std::uint64_t count_ = 0;
  double mean_ = 0, squares_ = 0;
};

/// Arrivals per window of fixed length, windows aligned at the first arrival.
class WindowCounts {
 public:
  explicit WindowCounts(Duration window) : window_(window) {}
  void add(Duration offset) {
    const std::int64_t index = offset / window_;
    if (index != index_) close(index);
    ++count_;
  }
  /// Most arrivals in a window, the last one (cut short by the trace's end) included.
  [[nodiscard]] std::uint64_t peak() const { return std::max(peak_, count_); }
  /// Over whole windows; none for fewer than two.
  [[nodiscard]] std::optional<double> dispersion() const {
    if (counts_.count() < 2 || counts_.mean() <= 0) return std::nullopt;
    return counts_.variance() / counts_.mean();
  }
  [[nodiscard]] Duration window() const { return window_; }

 private:
  void close(std::int64_t next) {
    counts_.add(static_cast<double>(count_));
    counts_.add_zeros(static_cast<std::uint64_t>(next - index_ - 1));
    peak_ = std::max(peak_, count_);
    count_ = 0;
    index_ = next;
  }
  Duration window_;
  std::int64_t index_ = 0;
  std::uint64_t count_ = 0, peak_ = 0;
  Moments counts_;
};

class ArrivalCounter {
 public:
  void add(Duration offset) {
    if (any_) gaps_.add(seconds(offset - last_));
    any_ = true;
    last_ = offset;
    second_.add(offset);
    minute_.add(offset);
  }
  [[nodiscard]] std::optional<ArrivalSummary> summary() const {
    if (!any_) return std::nullopt;
    ArrivalSummary out;
    out.span = last_;
    if (last_.value() > 0) {
      out.mean_rate = PerSecond(static_cast<double>(gaps_.count()) / seconds(last_));
      out.gap_cv = std::sqrt(gaps_.variance()) / gaps_.mean();
    }
    out.peak_second = PerSecond(static_cast<double>(second_.peak()));
    out.peak_minute = PerSecond(static_cast<double>(minute_.peak()) / 60);
    out.dispersion_second = second_.dispersion();
    out.dispersion_minute = minute_.dispersion();
    return out;
  }

 private:
  bool any_ = false;
  Duration last_{0};
  Moments gaps_;
  WindowCounts second_{kSecond}, minute_{kSecond * 60};
};

class PrefixCounter {
 public:
  void add(const TraceRow& row) {
    tokens_ += row.prompt;
    if (row.prefix_blocks.empty()) return;
    std::int64_t hits = 0;
    bool leading = true;
    for (const std::uint64_t block : row.prefix_blocks) {
      leading = leading && seen_.count(block) > 0;
      if (leading) ++hits;
    }
    for (const std::uint64_t block : row.prefix_blocks) {
      if (seen_.size() < kMaxInfoBlocks) seen_.insert(block);
    }
    out_.complete = out_.complete && seen_.size() < kMaxInfoBlocks;
    out_.blocks += row.prefix_blocks.size();
    out_.hit_blocks += static_cast<std::uint64_t>(hits);
    out_.hit_tokens += std::min(row.prefix_block_tokens * hits, row.prompt);
  }
  [[nodiscard]] std::optional<PrefixSummary> summary() const {
    if (out_.blocks == 0) return std::nullopt;
    PrefixSummary out = out_;
    out.distinct_blocks = seen_.size();
    out.hit_share_blocks = static_cast<double>(out.hit_blocks) / static_cast<double>(out.blocks);
    out.hit_share_tokens = out.hit_tokens.as_double() / tokens_.as_double();
    return out;
  }

 private:
  PrefixSummary out_;
  Tokens tokens_{0};
  std::unordered_set<std::uint64_t> seen_;  ///< asked and counted only; its order reaches no result
};

[[nodiscard]] LengthSummary lengths_of(const LogHistogram& lengths, std::int64_t sum) {
  LengthSummary out;
  out.sum = sum;
  if (lengths.count() == 0) return out;
  out.mean = static_cast<double>(sum) / static_cast<double>(lengths.count());
  out.p50 = lengths.quantile(0.50);
  out.p90 = lengths.quantile(0.90);
  out.p95 = lengths.quantile(0.95);
  out.p99 = lengths.quantile(0.99);
  out.largest = lengths.largest();
  return out;
}

/// Thousands separated by commas.
[[nodiscard]] std::string grouped(std::int64_t value) {
  const std::string digits = std::to_string(value);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text.push_back(',');
    text.push_back(digits[i]);
  }
  return text;
}

[[nodiscard]] std::string grouped(std::uint64_t value) {
  return grouped(static_cast<std::int64_t>(value));
}

[[nodiscard]] std::string dispersion_text(const std::optional<double>& value) {
  return value ? fmt::format("{:.2f}", *value) : std::string("-");
}

[[nodiscard]] std::string arrivals_text(const ArrivalSummary& arrivals) {
  std::string text = fmt::format("  {:<12}{:.6f} s\n", "span", seconds(arrivals.span));
  text += fmt::format("  {:<12}{:.4g} /s mean, {:.4g} /s peak second, {:.4g} /s peak minute\n",
                      "rate", arrivals.mean_rate.value(), arrivals.peak_second.value(),
                      arrivals.peak_minute.value());
  text += fmt::format("  {:<12}gap cv {:.2f}, dispersion {} (1 s) {} (60 s); 1 is Poisson\n",
                      "burstiness", arrivals.gap_cv, dispersion_text(arrivals.dispersion_second),
                      dispersion_text(arrivals.dispersion_minute));
  return text;
}

/// Counts of tokens in at most 8 characters: 9999999, 268.4M.
[[nodiscard]] std::string brief(double value, int decimals) {
  return value < 1e6 ? fmt::format("{:.{}f}", value, decimals)
                     : fmt::format("{:.1f}M", value * 1e-6);
}

[[nodiscard]] std::string lengths_text(const TraceInfo& info) {
  constexpr const char* kRow = "  {:<8}{:>19}{:>9}{:>8}{:>8}{:>8}{:>8}{:>9}\n";
  std::string text = "\n" + fmt::format(fmt::runtime(kRow), "tokens", "sum", "mean", "p50", "p90",
                                        "p95", "p99", "max");
  const auto row = [&](const char* name, const LengthSummary& x) {
    const auto count = [](std::int64_t tokens) { return brief(static_cast<double>(tokens), 0); };
    text += fmt::format(fmt::runtime(kRow), name, grouped(x.sum), brief(x.mean, 1), count(x.p50),
                        count(x.p90), count(x.p95), count(x.p99), count(x.largest));
  };
  row("prompt", info.prompt);
  row("output", info.output);
  return text;
}

[[nodiscard]] std::string prefix_text(const PrefixSummary& prefix) {
  return fmt::format(
      "\n  {:<12}{} blocks, {} distinct{}\n  {:<12}{:.2f} % of tokens, {:.2f} % of blocks "
      "(cache without bounds)\n",
      "prefixes", grouped(prefix.blocks), grouped(prefix.distinct_blocks),
      prefix.complete ? "" : " counted, then full", "reuse", 100 * prefix.hit_share_tokens,
      100 * prefix.hit_share_blocks);
}

}  // namespace

TraceInfo trace_info(TraceReader& reader, const std::string& name) {
  TraceInfo info;
  info.name = name;
  info.format = std::string(reader.format().name);
  LogHistogram prompt;
  LogHistogram output;
  ArrivalCounter arrivals;
  PrefixCounter prefix;
  std::unordered_set<std::uint64_t> sessions;
  std::set<std::uint32_t> classes;
  while (const std::optional<TraceRow> row = reader.next()) {
    ++info.requests;
    prompt.add(row->prompt.value());
    output.add(row->output.value());
    info.prompt.sum += row->prompt.value();
    info.output.sum += row->output.value();
    if (row->offset) arrivals.add(*row->offset);
    if (row->session != 0) {
      sessions.insert(row->session);
      ++info.requests_in_sessions;
    }
    classes.insert(row->class_index);
    prefix.add(*row);
  }
  info.prompt = lengths_of(prompt, info.prompt.sum);
  info.output = lengths_of(output, info.output.sum);
  info.skipped = reader.skipped();
  info.arrivals = arrivals.summary();
  info.prefix = prefix.summary();
  info.sessions = sessions.size();
  info.classes = classes.size();
  return info;
}

std::string to_text(const TraceInfo& info) {
  std::string text = fmt::format("{} ({})\n", info.name, info.format);
  text += fmt::format("  {:<12}{}\n", "requests", grouped(info.requests));
  if (info.skipped.failed > 0) {
    text += fmt::format("  {:<12}{} without output tokens, passed over\n", "failed",
                        grouped(info.skipped.failed));
  }
  if (info.skipped.empty > 0) {
    text += fmt::format("  {:<12}{} without prompt tokens, passed over\n", "empty",
                        grouped(info.skipped.empty));
  }
  text += info.arrivals ? arrivals_text(*info.arrivals)
                        : fmt::format("  {:<12}none recorded: lengths only\n", "arrivals");
  if (info.sessions > 0) {
    text += fmt::format("  {:<12}{} with {} requests\n", "sessions", grouped(info.sessions),
                        grouped(info.requests_in_sessions));
  }
  if (info.classes > 1) text += fmt::format("  {:<12}{}\n", "classes", grouped(info.classes));
  text += lengths_text(info);
  if (info.prefix) text += prefix_text(*info.prefix);
  return text;
}

}  // namespace headroom
