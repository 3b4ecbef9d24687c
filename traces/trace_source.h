// A trace replayed: its requests arrive when they did, at a chosen speed.
//
// Law: with start the window's start, a row at offset x arrives at (x - start) / rate_scale,
// rounded to the nearest nanosecond, halves up, computed exactly; so order is kept, and scale 1
// changes nothing.
// Cost: one row ahead in memory.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "sim/request_source.h"
#include "sim/scenario.h"
#include "traces/trace_reader.h"

namespace headroom {

/// `offset / scale` to the nearest nanosecond, halves up, exact for the double `scale` as it is;
/// answers beyond 2^62 ns are 2^62 ns. Requires offset >= 0 and 1e-6 <= scale <= 1e6.
[[nodiscard]] Duration scaled(Duration offset, double scale);

class TraceSource final : public RequestSource {
 public:
  /// Reads `rate_scale`, `limit` and the window. Requires a reader with arrivals. Throws
  /// InputError.
  TraceSource(std::unique_ptr<TraceReader> reader, const WorkloadSpec& spec);
  Instant next_arrival() const override { return ahead_.arrival; }
  RequestSpec take() override;

 private:
  void advance();

  std::unique_ptr<TraceReader> reader_;
  double scale_;
  std::uint64_t left_;
  Duration start_, end_;
  RequestSpec ahead_;
  std::array<std::vector<std::uint64_t>, 2> hashes_;
  std::size_t turn_ = 0;
};

}  // namespace headroom
