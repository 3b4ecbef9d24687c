#include "traces/trace_source.h"

#include <cmath>
#include <limits>

#include "sim/check.h"
#include "traces/exact_numbers.h"
#include "traces/length_stream.h"

namespace headroom {

Duration scaled(Duration offset, double scale) {
  __extension__ typedef unsigned __int128 Uint128;
  SIM_CHECK(scale >= 1e-6 && scale <= 1e6, "a rate scale lies between 1e-6 and 1e6");
  if (scale == 1) return offset;
  // scale = mantissa * 2^-shift with a mantissa of 53 bits; 2^-20 < scale < 2^20 gives 33 <= shift
  // <= 72.
  int exponent = 0;
  const double fraction = std::frexp(scale, &exponent);
  const auto mantissa = static_cast<std::uint64_t>(std::ldexp(fraction, 53));
  int shift = 53 - exponent;
  // Long division of offset * 2^shift by the mantissa, up to 60 bits a step: remainders stay below
  // 2^53.
  auto value = static_cast<Uint128>(static_cast<std::uint64_t>(offset.value()));
  Uint128 quotient = value / mantissa;
  Uint128 rest = value % mantissa;
  while (shift > 0) {
    const int step = shift < 60 ? shift : 60;
    rest <<= step;
    quotient = (quotient << step) + rest / mantissa;
    rest %= mantissa;
    shift -= step;
    if (quotient >> 62 != 0) return Duration(kLargestExact);
  }
  if (rest * 2 >= mantissa) ++quotient;
  return Duration(static_cast<std::int64_t>(quotient));
}

TraceSource::TraceSource(std::unique_ptr<TraceReader> reader, const WorkloadSpec& spec)
    : reader_(std::move(reader)),
      scale_(spec.rate_scale),
      left_(spec.limit == 0 ? std::numeric_limits<std::uint64_t>::max() : spec.limit),
      start_(spec.window_start.value_or(Duration(0))),
      end_(spec.window_end.value_or(Duration(std::numeric_limits<std::int64_t>::max()))) {
  if (!(scale_ >= 1e-6) || !(scale_ <= 1e6)) {
    throw InputError("/workload/rate_scale", "expected a factor from 1e-6 to 1e6, got " +
                                                 std::to_string(scale_) + "; correct the factor");
  }
  if (start_.value() < 0 || end_ <= start_) {
    throw InputError("/workload/window_end",
                     "expected a window that ends after its start, got an empty one; swap them");
  }
  advance();
  if (ahead_.arrival == Instant::never()) {
    throw InputError(reader_->place(),
                     "expected requests in the window, got none; `headroom trace info` tells the "
                     "trace's span");
  }
}

void TraceSource::advance() {
  ahead_ = RequestSpec{};
  ahead_.arrival = Instant::never();
  if (left_ == 0) return;
  std::optional<TraceRow> row = reader_->next();
  while (row && *row->offset < start_) row = reader_->next();
  if (!row || *row->offset >= end_) {
    left_ = 0;
    return;
  }
  --left_;
  ahead_ = request_of(*row);
  ahead_.arrival = Instant() + scaled(*row->offset - start_, scale_);
  if (ahead_.prefix_blocks.empty()) return;
  std::vector<std::uint64_t>& kept = hashes_[turn_ ^= 1];
  kept.assign(row->prefix_blocks.begin(), row->prefix_blocks.end());
  ahead_.prefix_blocks = kept;
}

RequestSpec TraceSource::take() {
  SIM_CHECK(ahead_.arrival < Instant::never(), "a source is asked only while it has a request");
  const RequestSpec taken = ahead_;
  advance();
  return taken;
}

}  // namespace headroom
