// What readers of all formats share: from the fields of a record to a checked row.
//
// Law: see trace_reader.h; every failure names the field's place.
// Not here: how a record is split into fields.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/mix.h"
#include "traces/line_reader.h"
#include "traces/trace_reader.h"

namespace headroom {

/// How a format writes times.
enum class TimeText : std::uint8_t { seconds, milliseconds, nanoseconds, date_time };

/// A field's text, its name for messages, and where it stands in the line.
struct FieldText {
  std::string_view text;
  std::string_view name;
  std::size_t offset = 0;
};

/// Checks fields against their line's place; one a reader.
class FieldParser {
 public:
  explicit FieldParser(const LineReader& lines) : lines_(lines) {}
  /// Nanoseconds on the format's own clock. Throws InputError.
  [[nodiscard]] std::int64_t time(const FieldText& field, TimeText kind) const;
  /// A token count from 0 to kMaxRequestTokens.
  [[nodiscard]] Tokens tokens(const FieldText& field) const;
  /// A whole number from 0 to `most`.
  [[nodiscard]] std::int64_t whole(const FieldText& field, std::int64_t most) const;
  /// A session's label: a positive number stands for itself, other text for its hash, "" and "0"
  /// for none.
  [[nodiscard]] static std::uint64_t label(std::string_view text);
  [[noreturn]] void fail(const FieldText& field, const std::string& expected,
                         const std::string& remedy) const;

 private:
  const LineReader& lines_;
};

/// A row before it is known to be a request: times absolute, lengths possibly 0.
struct RawRow {
  std::optional<std::int64_t> time_ns;
  TraceRow row;
  FieldText time_field{};
};

/// Turns raw rows into a reader: skips failed calls, subtracts the first row's time, insists on
/// order.
class RowReader : public TraceReader {
 public:
  std::optional<TraceRow> next() final;
  const TraceFormat& format() const final { return *format_; }
  bool has_arrivals() const final { return has_arrivals_; }
  SkippedRows skipped() const final { return skipped_; }
  std::string place() const override;

 protected:
  RowReader(LineReader lines, const TraceFormat& format)
      : lines_(std::move(lines)), fields_(lines_), format_(&format) {}
  /// The next record, whatever it holds.
  [[nodiscard]] virtual std::optional<RawRow> next_raw() = 0;
  /// Reads the first row ahead, so that an empty trace and a wrong first row fail when the trace is
  /// opened. Last in a constructor of a most derived class.
  void start();

  LineReader lines_;
  FieldParser fields_;

 private:
  [[nodiscard]] std::optional<TraceRow> next_checked();
  [[nodiscard]] bool skip(const TraceRow& row);

  const TraceFormat* format_;
  bool has_arrivals_ = false;
  std::optional<TraceRow> first_;
  bool first_waits_ = false;
  std::optional<std::int64_t> origin_, last_;
  SkippedRows skipped_;
};

/// A 64-bit mix of two words; chains block ids into prefix hashes.
[[nodiscard]] constexpr std::uint64_t chain_hash(std::uint64_t before, std::uint64_t block) {
  return finalised(before * kMixStep + block + 0x632be59bd9b4e019U);
}

/// The first characters of a text, printable, for messages.
[[nodiscard]] std::string shown(std::string_view text);

// The families; each in its own file. `head` is the first line (already taken from `lines`).
[[nodiscard]] std::unique_ptr<TraceReader> open_csv(LineReader lines, std::string head,
                                                    std::string_view format);
[[nodiscard]] std::unique_ptr<TraceReader> open_jsonl(LineReader lines, std::string head,
                                                      std::string_view format);
/// A USTAR bundle of recorded coding sessions; `lines` stands at its first byte.
[[nodiscard]] std::unique_ptr<TraceReader> open_bundle(LineReader lines, std::string_view format);

/// The entry of `trace_formats()` with this name. Requires that there is one.
[[nodiscard]] const TraceFormat& format_named(std::string_view name);

}  // namespace headroom
