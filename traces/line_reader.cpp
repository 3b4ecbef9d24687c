#include "traces/line_reader.h"

#include <algorithm>
#include <cstring>

#include "sim/check.h"

namespace headroom {
namespace {
constexpr std::size_t kFirstBuffer = std::size_t{256} << 10;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
}  // namespace

LineReader::LineReader(std::unique_ptr<ByteSource> source, std::string name,
                       std::size_t max_line_bytes)
    : source_(std::move(source)),
      name_(std::move(name)),
      max_line_bytes_(max_line_bytes),
      buffer_(kFirstBuffer) {
  if (peek(kByteOrderMark.size()) == kByteOrderMark) begin_ += kByteOrderMark.size();
}

/// Reads more behind what is there; false at the end. Moves or grows the buffer when it is full.
bool LineReader::fill() {
  if (at_end_) return false;
  if (end_ == buffer_.size()) {
    if (begin_ > 0) {
      std::memmove(buffer_.data(), buffer_.data() + begin_, available());
      end_ -= begin_;
      begin_ = 0;
    } else {
      buffer_.resize(buffer_.size() * 2);
    }
  }
  const std::size_t got = source_->read(buffer_.data() + end_, buffer_.size() - end_);
  end_ += got;
  at_end_ = got == 0;
  return got > 0;
}

std::optional<std::string_view> LineReader::next() {
  std::size_t searched = 0;
  while (true) {
    const char* from = buffer_.data() + begin_;
    const auto* newline =
        static_cast<const char*>(std::memchr(from + searched, '\n', available() - searched));
    if (newline != nullptr) {
      const auto size = static_cast<std::size_t>(newline - from);
      ++line_;
      begin_ += size + 1;
      return checked({from, size});
    }
    searched = available();
    if (searched > max_line_bytes_) {
      ++line_;
      throw InputError(place(max_line_bytes_), "expected a line of at most " +
                                                   std::to_string(max_line_bytes_) +
                                                   " bytes, got a longer one; is this a trace?");
    }
    if (!fill()) break;
  }
  if (available() == 0) return std::nullopt;
  ++line_;
  const std::string_view rest(buffer_.data() + begin_, available());
  begin_ = end_;
  return checked(rest);
}

std::string_view LineReader::checked(std::string_view line) const {
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  const std::size_t zero = line.find('\0');
  if (zero != std::string_view::npos) {
    throw InputError(place(zero), "expected text, got a NUL byte; is this a text file?");
  }
  return line;
}

std::string_view LineReader::peek(std::size_t size) {
  while (available() < size && fill()) {
  }
  return {buffer_.data() + begin_, std::min(size, available())};
}

std::string_view LineReader::take(std::size_t size) {
  const std::string_view bytes = peek(size);
  begin_ += bytes.size();
  return bytes;
}

bool LineReader::skip(std::uint64_t size) {
  while (size > 0) {
    if (available() == 0 && !fill()) return false;
    const auto step = static_cast<std::size_t>(std::min<std::uint64_t>(size, available()));
    begin_ += step;
    size -= step;
  }
  return true;
}

std::string LineReader::place(std::size_t offset) const {
  return name_ + ":" + std::to_string(line_) + ":" + std::to_string(offset + 1);
}

}  // namespace headroom
