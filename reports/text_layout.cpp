#include "reports/text_layout.h"

#include <algorithm>
#include <cstdint>

namespace headroom {
namespace {

/// Bytes of the well-formed UTF-8 character at the start of `text`, 0 where it is broken. Requires
/// text not empty.
std::size_t character_bytes(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  std::size_t bytes = 0;
  std::uint32_t code = 0;
  if ((lead & 0xe0U) == 0xc0U) bytes = 2, code = lead & 0x1fU;
  if ((lead & 0xf0U) == 0xe0U) bytes = 3, code = lead & 0x0fU;
  if ((lead & 0xf8U) == 0xf0U) bytes = 4, code = lead & 0x07U;
  if (bytes == 0 || bytes > text.size()) return 0;
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0U) != 0x80U) return 0;
    code = code << 6U | (byte(i) & 0x3fU);
  }
  constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  const bool control = code < 0xa0;  // C1 controls
  const bool direction = (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
                         (code >= 0x2060 && code <= 0x2069) || code == 0xfeff;
  if (code < kLeast[bytes] || code > 0x10ffff || surrogate || control || direction) return 0;
  return bytes;
}

/// Columns of the character of `bytes` bytes at the start of `text`; wide scripts start at U+1100.
std::size_t character_width(std::string_view text, std::size_t bytes) {
  if (bytes < 3) return 1;
  if (bytes > 3) return 2;
  const auto lead = static_cast<unsigned char>(text[0]);
  const auto next = static_cast<unsigned char>(text[1]);
  const bool wide = lead > 0xe1 || (lead == 0xe1 && next >= 0x84);
  const bool punctuation = lead == 0xe2 && next < 0x8c;  // U+2000 to U+22FF: dashes, arrows, maths
  return wide && !punctuation ? 2 : 1;
}

std::size_t next_bytes(std::string_view rest) {
  return std::max<std::size_t>(1, character_bytes(rest));
}

}  // namespace

std::string printable(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const char first = text.front();
    const std::size_t bytes = character_bytes(text);
    if (first == '\n' || first == '\t' || first == '\r') {
      result += ' ';
    } else if (bytes == 0 || static_cast<unsigned char>(first) < 0x20 || first == 0x7f) {
      result += '?';
    } else {
      result.append(text.substr(0, bytes));
    }
    text.remove_prefix(std::max<std::size_t>(1, bytes));
  }
  return result;
}

std::string json_string(std::string_view text) {
  // What `printable` leaves needs only these two escapes.
  std::string json = "\"";
  for (const char c : printable(text)) {
    if (c == '"' || c == '\\') json += '\\';
    json += c;
  }
  return json + '"';
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const std::size_t bytes = next_bytes(text);
    width += character_width(text, bytes);
    text.remove_prefix(bytes);
  }
  return width;
}

namespace {

/// The longest start of `text` that fits `width` columns, in bytes.
std::size_t fitting_bytes(std::string_view text, std::size_t width) {
  std::size_t taken = 0;
  while (taken < text.size()) {
    const std::string_view rest = text.substr(taken);
    const std::size_t bytes = next_bytes(rest);
    const std::size_t columns = character_width(rest, bytes);
    if (columns > width) break;
    width -= columns;
    taken += bytes;
  }
  return taken;
}

}  // namespace

std::string shortened(std::string_view text, std::size_t width) {
  std::string clean = printable(text);
  if (display_width(clean) <= width) return clean;
  clean.resize(fitting_bytes(clean, width - 3));
  return clean + "...";
}

std::string left_cell(std::string_view text, std::size_t width) {
  std::string cell = shortened(text, width);
  cell.append(width - display_width(cell), ' ');
  return cell;
}

std::string right_cell(std::string_view text, std::size_t width) {
  const std::string cell = shortened(text, width);
  return std::string(width - display_width(cell), ' ') + cell;
}

std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
  std::vector<std::string> lines;
  const std::string clean = printable(text);
  std::string line;
  std::size_t position = 0;
  while (position < clean.size()) {
    const std::size_t end = std::min(clean.find(' ', position), clean.size());
    std::string_view word = std::string_view(clean).substr(position, end - position);
    position = end + 1;
    if (word.empty()) continue;
    if (!line.empty() && display_width(line) + 1 + display_width(word) > width) {
      lines.push_back(line);
      line.clear();
    }
    while (display_width(word) > width) {
      const std::size_t bytes = std::max(next_bytes(word), fitting_bytes(word, width));
      lines.emplace_back(word.substr(0, bytes));
      word.remove_prefix(bytes);
    }
    if (!line.empty()) line += ' ';
    line.append(word);
  }
  if (!line.empty()) lines.push_back(line);
  return lines;
}

}  // namespace headroom
