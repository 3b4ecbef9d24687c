// Request traces, row by row, whatever public format they are in.
//
// Law: rows come in order of time, the first at offset 0; times are exact nanoseconds; every row
// asks for 1 to kMaxRequestTokens tokens each way. What a file says beyond that is an InputError
// with file:line:column.
// Cost: constant memory for every format but those marked `whole` (agent recordings, whose rows are
// not in order of time: they are read whole, within kMaxSortedRows). About 0.1 us a CSV row.
// Not here: what happens when a row arrives (sim/), or statistics of a trace (trace_info.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/request.h"
#include "sim/units.h"

namespace headroom {

/// One request of a trace.
struct TraceRow {
  std::optional<Duration> offset;  ///< since the first row; none in traces that record lengths only
  Tokens prompt{1};
  Tokens output{1};
  std::uint64_t session = 0;  ///< 0: none; a label that is not a number becomes its hash
  std::uint32_t turn = 0;     ///< index within the session, 0 where the trace does not say
  std::uint32_t class_index = 0;
  /// Chained hashes of the prompt's leading blocks; valid until the next call of `next`.
  std::span<const std::uint64_t> prefix_blocks{};
  Tokens prefix_block_tokens{0};
};

/// A format as data.
struct TraceFormat {
  std::string_view name;     ///< as `--format` takes it
  std::string_view summary;  ///< one sentence for `headroom list`
};

/// Rows that a reader passed over, and why they are not requests: a public trace marks failed calls
/// by 0 output tokens.
struct SkippedRows {
  std::uint64_t failed = 0;  ///< 0 output tokens
  std::uint64_t empty = 0;   ///< 0 prompt tokens
  Tokens prompt_tokens{0};   ///< of all skipped rows
  Tokens output_tokens{0};
};

class TraceReader {
 public:
  virtual ~TraceReader() = default;
  /// The next row, none at the end. Throws InputError{file:line:column}.
  [[nodiscard]] virtual std::optional<TraceRow> next() = 0;
  [[nodiscard]] virtual const TraceFormat& format() const = 0;
  /// True when rows have offsets.
  [[nodiscard]] virtual bool has_arrivals() const = 0;
  /// What was passed over so far.
  [[nodiscard]] virtual SkippedRows skipped() const = 0;
  /// "file:line" of the row returned last, for messages.
  [[nodiscard]] virtual std::string place() const = 0;
};

/// Rows that a format which must be sorted may have.
constexpr std::size_t kMaxSortedRows = 1'000'000;

/// Opens a trace: a path, or "-" for standard input; plain or zstd. `format` is a name of
/// `trace_formats()` or "auto", which looks at the first line. Throws InputError: missing, a
/// directory, empty, of no known format.
[[nodiscard]] std::unique_ptr<TraceReader> open_trace(const std::string& path,
                                                      std::string_view format = "auto");

/// The same over bytes in memory, which must outlive the reader.
[[nodiscard]] std::unique_ptr<TraceReader> read_trace(std::string_view bytes,
                                                      const std::string& name,
                                                      std::string_view format = "auto");

/// All formats, in the order in which they are listed.
[[nodiscard]] std::span<const TraceFormat> trace_formats();

}  // namespace headroom
