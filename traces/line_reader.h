// The lines of a file, of standard input, or of either compressed with zstd.
//
// Law: memory is bounded by `max_line_bytes` plus a fixed window, whatever the input; any bytes are
// accepted and every failure is an InputError that names the place.
// Cost: one memchr a line; no allocation once warm.
// Not here: what a line means.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace headroom {

/// A stream of bytes; decompresses zstd (found by its magic number).
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// Up to `size` next bytes into `out`; 0 at the end. Throws InputError{path}.
  [[nodiscard]] virtual std::size_t read(char* out, std::size_t size) = 0;
};

/// Opens a file, or standard input for "-". Throws InputError for a missing file, a directory, and
/// files that are packed otherwise (gzip, xz, Parquet).
[[nodiscard]] std::unique_ptr<ByteSource> open_bytes(const std::string& path);

/// The same over bytes in memory (tests, fuzzers). `bytes` must outlive the source.
[[nodiscard]] std::unique_ptr<ByteSource> memory_bytes(std::string_view bytes,
                                                       const std::string& name);

/// Bytes a line may have. The longest document that a supported format holds on one line (a
/// recorded coding session with its block ids) has 4.2 million.
constexpr std::size_t kMaxLineBytes = std::size_t{64} << 20;

class LineReader {
 public:
  LineReader(std::unique_ptr<ByteSource> source, std::string name,
             std::size_t max_line_bytes = kMaxLineBytes);

  /// The next line without its end (LF or CRLF), valid until the next call; none at the end. A last
  /// line without an end counts. Throws InputError{name:line:column} for a line that is too long or
  /// has a NUL byte.
  [[nodiscard]] std::optional<std::string_view> next();
  /// The first `size` bytes of what comes next, or fewer at the end, without taking them.
  [[nodiscard]] std::string_view peek(std::size_t size);
  /// Takes exactly `size` bytes; fewer at the end. Valid until the next call. Requires size <=
  /// max_line_bytes.
  [[nodiscard]] std::string_view take(std::size_t size);
  /// Skips `size` bytes; false when the input ended before.
  [[nodiscard]] bool skip(std::uint64_t size);

  [[nodiscard]] const std::string& name() const { return name_; }
  /// Number of the line returned last, from 1.
  [[nodiscard]] std::uint64_t line() const { return line_; }
  /// "name:line:column" of byte `offset` (from 0) of the line returned last.
  [[nodiscard]] std::string place(std::size_t offset) const;

 private:
  [[nodiscard]] std::size_t available() const { return end_ - begin_; }
  bool fill();
  [[nodiscard]] std::string_view checked(std::string_view line) const;

  std::unique_ptr<ByteSource> source_;
  std::string name_;
  std::size_t max_line_bytes_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0, end_ = 0;
  bool at_end_ = false;
  std::uint64_t line_ = 0;
};

}  // namespace headroom
