// Fields of a journal's line (profiles/line_journal.h): separated text, read one after another.
//
// Law: what is not understood makes the reader bad for good, and no value is read beyond the line.
// Cost: linear in the text. Not here: what fields mean.
#pragma once

#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>

namespace headroom {

/// Text as one field: tabs and line ends, which separate fields and lines, become spaces.
[[nodiscard]] inline std::string one_field(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  return text;
}

class FieldReader {
 public:
  explicit FieldReader(std::string_view text, char separator = '\t')
      : rest_(text), separator_(separator) {}
  std::string_view next() {
    if (!more_) good_ = false;
    const std::size_t end = rest_.find(separator_);
    const std::string_view field = rest_.substr(0, end);
    more_ = end != std::string_view::npos;
    rest_.remove_prefix(more_ ? end + 1 : rest_.size());
    return field;
  }
  /// A field that is a number as a whole.
  template <class Number>
  void number(Number& value) {
    const std::string_view field = next();
    const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
    good_ = good_ && error == std::errc() && end == field.data() + field.size();
  }
  [[nodiscard]] bool more() const { return more_; }  ///< fields are left
  [[nodiscard]] bool good() const { return good_; }  ///< all so far were understood

 private:
  std::string_view rest_;
  char separator_;
  bool more_ = true, good_ = true;
};

}  // namespace headroom
