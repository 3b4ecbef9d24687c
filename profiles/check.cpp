#include "profiles/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace headroom {
namespace {

using Field = std::int64_t KernelShape::*;

// What repeated measurements of one kernel differ by at most, in practice; a larger drop is a step.
constexpr double kFalling = 0.9;
constexpr double kLeastUse = 0.01;

constexpr std::array<std::pair<const char*, Field>, 17> kFields{
    {{"m", &KernelShape::m},
     {"n", &KernelShape::n},
     {"k", &KernelShape::k},
     {"batch", &KernelShape::batch},
     {"heads", &KernelShape::heads},
     {"kv_heads", &KernelShape::kv_heads},
     {"head_dim", &KernelShape::head_dim},
     {"chunk", &KernelShape::chunk},
     {"cached", &KernelShape::cached},
     {"context", &KernelShape::context},
     {"big_batch", &KernelShape::big_batch},
     {"big_context", &KernelShape::big_context},
     {"window", &KernelShape::window},
     {"experts", &KernelShape::experts},
     {"topk", &KernelShape::topk},
     {"bytes", &KernelShape::bytes},
     {"ranks", &KernelShape::ranks}}};

double real(std::int64_t value) { return static_cast<double>(value); }

bool is_collective(const std::string& op) {
  return op == "all_reduce" || op == "all_gather" || op == "reduce_scatter" || op == "all_to_all" ||
         op == "p2p";
}

/// The column along which an operator's times should grow.
Field axis_of(const std::string& op) {
  if (op == "decode_attention" || op == "mla_decode" || op == "mla_decode_module")
    return &KernelShape::context;
  if (op == "prefill_attention" || op == "encoder_attention" || op == "mla_prefill" ||
      op == "mla_prefill_module" || op == "mixed_attention")
    return &KernelShape::chunk;
  if (op == "elementwise" || is_collective(op)) return &KernelShape::bytes;
  return &KernelShape::m;
}

/// Bytes of one number, scales left out: a lower bound.
double width(const std::string& format) {
  if (format == "fp32") return 4;
  if (format == "bf16" || format == "fp16") return 2;
  if (format == "int4" || format == "nvfp4" || format == "mxfp4") return 0.5;
  return 1;
}

double flop_rate(const std::string& format, const DevicePeaks& peaks) {
  // Formats that differ from another by their scales only run at its rate.
  std::string name = format == "fp8_block" || format == "mxfp8" ? "fp8"
                     : format == "fp16"                         ? "bf16"
                     : format == "sq"                           ? "int8"
                                                                : format;
  const auto found = peaks.flops_per_second.find(name);
  return found == peaks.flops_per_second.end() ? 0 : found->second;
}

/// Work of one kernel.
struct Work {
  double flops = 0, bytes = 0;
};

/// Keys that all queries of a causal chunk see, summed.
double causal_pairs(const KernelShape& s) {
  const double chunk = real(s.chunk), cached = real(s.cached);
  const double all = chunk * cached + chunk * (chunk + 1) / 2;
  return s.window > 0 ? std::min(all, chunk * real(s.window)) : all;
}

Work work_of(const KernelShape& s) {
  const double stored = width(s.stored), compute = width(s.compute);
  if (s.op == "gemm") {
    const double m = real(s.m), n = real(s.n), k = real(s.k);
    return {2 * m * n * k, stored * n * k + compute * m * k + 2 * m * n};
  }
  if (s.op == "moe") {
    const double ranks = real(std::max<std::int64_t>(s.ranks, 1));
    const double pairs = real(s.m) * real(s.topk) / ranks, matrix = real(s.n) * real(s.k);
    const double used = std::min(real(s.experts) / ranks, pairs);
    // Balanced routing touches this many experts; skewed routing fewer, so only one is certain.
    const double certain = s.variant.starts_with("balanced") ? used : std::min(used, 1.0);
    // Skew moves work between ranks, so the measured one may have had less than its share.
    const double share = s.ranks > 1 && !s.variant.starts_with("balanced") ? 0 : 1;
    return {6 * pairs * matrix * share, 3 * certain * matrix * stored};
  }
  const double query = real(s.batch) * real(s.heads) * real(s.head_dim);
  const double kv = 2 * real(s.batch) * real(s.kv_heads) * real(s.head_dim) * stored;
  if (s.op == "decode_attention") {
    const double keys = real(s.window > 0 ? std::min(s.window, s.context) : s.context);
    return {4 * query * keys, 4 * query + kv * keys};
  }
  if (s.op == "prefill_attention")
    return {4 * query * causal_pairs(s), 4 * query * real(s.chunk) + kv * real(s.chunk)};
  if (s.op == "elementwise") return {0, real(s.bytes)};
  return {};
}

double link_seconds(const KernelShape& s, const DevicePeaks& peaks) {
  if (peaks.link_bytes_per_second <= 0 || s.ranks < 2) return 0;
  const double ranks = real(s.ranks);
  const double share = s.op == "p2p"          ? 1
                       : s.op == "all_reduce" ? 2 * (ranks - 1) / ranks
                                              : (ranks - 1) / ranks;
  return real(s.bytes) * share / peaks.link_bytes_per_second;
}

/// Rows sorted into lines: all but the axis equal, the axis rising.
class Checker {
 public:
  Checker(std::vector<KernelRow> rows, const DevicePeaks& peaks, std::size_t examples)
      : rows_(std::move(rows)), peaks_(peaks), examples_(examples) {
    result_.rows = static_cast<std::int64_t>(rows_.size());
    if (!rows_.empty()) result_.op = rows_.front().shape.op;
    axis_ = axis_of(result_.op);
  }

  CheckedOp run() {
    for (const KernelRow& row : rows_) judge(row);
    sort_into_lines();
    each_line([&](auto first, auto last) { count_sizes(first, last); });
    each_line([&](auto first, auto last) { check_line(first, last); });
    for (auto& found : found_)
      std::move(found.begin(), found.end(), std::back_inserter(result_.examples));
    return std::move(result_);
  }

 private:
  using Iterator = std::vector<KernelRow>::const_iterator;

  /// Lines that should have the same sizes.
  struct Family {
    std::int64_t lines = 0;
    std::map<std::int64_t, std::int64_t> sizes{};  ///< lines that have a size
  };

  void add(Finding finding, const std::string& text) {
    const auto kind = static_cast<std::size_t>(finding);
    ++result_.counts[kind];
    if (found_[kind].size() < examples_)
      found_[kind].push_back(std::string(to_string(finding)) + ": " + text);
  }

  void judge(const KernelRow& row) {
    if (row.shape.variant.find('#') != std::string::npos)
      add(Finding::duplicate, describe(row.shape));
    const double least = roofline_seconds(row.shape, peaks_);
    if (!(least > 0)) return;
    ++result_.judged;
    const double used = least / (row.times.median_ns * 1e-9);
    const std::string text = fmt::format("{}: {:.3g} us, {:.3g} of the roofline",
                                         describe(row.shape), row.times.median_ns * 1e-3, used);
    if (used > 1) add(Finding::faster_than_roofline, text);
    if (used < kLeastUse) add(Finding::below_one_percent, text);
  }

  [[nodiscard]] KernelShape line_of(const KernelShape& shape) const {
    KernelShape line = shape;
    line.*axis_ = 0;
    return line;
  }
  [[nodiscard]] static std::string family_of(const KernelShape& s) {
    return s.compute + '/' + s.stored + '/' + s.variant + '/' + std::to_string(s.window) + '/' +
           std::to_string(s.head_dim);
  }

  void sort_into_lines() {
    const Field axis = axis_;
    std::stable_sort(rows_.begin(), rows_.end(), [axis](const KernelRow& a, const KernelRow& b) {
      // The numbers first: they differ more often than the texts.
      for (const auto& [name, field] : kFields)
        if (field != axis && a.shape.*field != b.shape.*field)
          return a.shape.*field < b.shape.*field;
      if (const int c = a.shape.compute.compare(b.shape.compute); c != 0) return c < 0;
      if (const int c = a.shape.stored.compare(b.shape.stored); c != 0) return c < 0;
      if (const int c = a.shape.variant.compare(b.shape.variant); c != 0) return c < 0;
      return a.shape.*axis < b.shape.*axis;
    });
  }

  template <typename OnLine>
  void each_line(OnLine on_line) {
    for (Iterator first = rows_.cbegin(); first != rows_.cend();) {
      const KernelShape line = line_of(first->shape);
      const Iterator last = std::find_if(
          first, rows_.cend(), [&](const KernelRow& row) { return line_of(row.shape) != line; });
      // Marked rows are findings of their own and no line of a grid.
      if (line.variant.find('#') == std::string::npos) on_line(first, last);
      first = last;
    }
  }

  void count_sizes(Iterator first, Iterator last) {
    Family& family = families_[family_of(first->shape)];
    ++family.lines;
    for (; first != last; ++first) ++family.sizes[first->shape.*axis_];
  }

  void check_line(Iterator first, Iterator last) {
    const Family& family = families_[family_of(first->shape)];
    for (Iterator row = first; std::next(row) != last; ++row) {
      const KernelRow& next = *std::next(row);
      if (next.times.median_ns < kFalling * row->times.median_ns)
        add(Finding::falling_step, fmt::format("{}: {:.3g} us, {:.3g} us at {}",
                                               describe(next.shape), next.times.median_ns * 1e-3,
                                               row->times.median_ns * 1e-3, row->shape.*axis_));
      const auto above = family.sizes.lower_bound(next.shape.*axis_);
      for (auto size = family.sizes.upper_bound(row->shape.*axis_); size != above; ++size)
        if (2 * size->second > family.lines)
          add(Finding::hole, fmt::format("{} has no {}", describe(row->shape), size->first));
    }
  }

  std::vector<KernelRow> rows_;
  const DevicePeaks& peaks_;
  std::size_t examples_;
  Field axis_ = &KernelShape::m;
  CheckedOp result_{};
  std::array<std::vector<std::string>, kFindings> found_{};
  std::map<std::string, Family> families_{};
};

}  // namespace

const char* to_string(Finding finding) {
  switch (finding) {
    case Finding::faster_than_roofline:
      return "faster than the roofline";
    case Finding::below_one_percent:
      return "below 1 % of the roofline";
    case Finding::duplicate:
      return "duplicate";
    case Finding::hole:
      return "hole";
    case Finding::falling_step:
      return "falling step";
  }
  return "";
}

double roofline_seconds(const KernelShape& shape, const DevicePeaks& peaks) {
  if (is_collective(shape.op)) return link_seconds(shape, peaks);
  const Work work = work_of(shape);
  const double rate = flop_rate(shape.compute, peaks);
  const double computing = rate > 0 ? work.flops / rate : 0;
  const double moving = peaks.bytes_per_second > 0 ? work.bytes / peaks.bytes_per_second : 0;
  return std::max(computing, moving);
}

CheckedOp check_kernels(std::vector<KernelRow> rows, const DevicePeaks& peaks,
                        std::size_t examples) {
  return Checker(std::move(rows), peaks, examples).run();
}

std::string describe(const KernelShape& shape) {
  std::string text = shape.op;
  if (!shape.compute.empty()) text += " " + shape.compute + "/" + shape.stored;
  for (const auto& [name, field] : kFields)
    if (shape.*field != 0) text += fmt::format(" {}={}", name, shape.*field);
  if (!shape.variant.empty()) text += " [" + shape.variant + "]";
  return text;
}

}  // namespace headroom
