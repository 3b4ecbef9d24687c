// Traces in our own formats, written.
//
// Law: reading what was written gives the same rows (the CSV leaves prefix hashes out and says so).
// Cost: O(1) memory; about 0.2 us a row. Files and their names are the sink's business.
//
// CSV: `arrival_s,prompt_tokens,output_tokens[,session,turn,class]`. JSON lines: the same keys, and
// `prefix_blocks` (unsigned 64-bit chained hashes) with `prefix_block_tokens`. arrival_s: decimal
// seconds since the first row, exact to the nanosecond; left out where there are none. session: 0
// none; turn: index in it; class: 0 to 4095.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "sim/request_source.h"
#include "traces/trace_reader.h"

namespace headroom {

class TraceWriter {
 public:
  enum class Format : std::uint8_t { csv, jsonl };
  /// `sink` takes pieces of text of up to 64 KiB; what it throws passes through.
  TraceWriter(std::function<void(std::string_view)> sink, Format format)
      : sink_(std::move(sink)), format_(format) {}
  /// Rows must all have an offset or none.
  void write(const TraceRow& row);
  /// Hands the rest to the sink. Call it last.
  void finish();
  [[nodiscard]] Format format() const { return format_; }

 private:
  void write_csv(const TraceRow& row);
  void write_json(const TraceRow& row);
  void number(std::uint64_t value);
  void time(Duration offset);

  std::function<void(std::string_view)> sink_;
  Format format_;
  std::string text_;
  bool begun_ = false;
};

struct ConvertSummary {
  std::uint64_t rows = 0;
  SkippedRows skipped;
  std::uint64_t rows_without_prefix = 0;  ///< rows whose prefix hashes the CSV could not keep
};

/// Writes all rows of `reader` and finishes.
[[nodiscard]] ConvertSummary convert_trace(TraceReader& reader, TraceWriter& writer);

/// Writes the arrivals of an open loop and finishes. Sources that wait for answers (closed loops,
/// sessions) are told that each request leaves when it arrives: think times alone pace them.
[[nodiscard]] ConvertSummary write_arrivals(RequestSource& source, TraceWriter& writer);

}  // namespace headroom
