// The fields of one CSV line (RFC 4180 without line breaks inside quotes).
//
// Law: joining the fields with commas gives the line back, quotes aside.
// Cost: O(length), no allocation but for fields that hold doubled quotes.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace headroom {

class CsvFields {
 public:
  /// Splits `line`, which must outlive the answers. False when a quote is not closed or followed by
  /// text: `fault_offset` tells where.
  [[nodiscard]] bool split(std::string_view line);
  [[nodiscard]] std::size_t size() const { return fields_.size(); }
  /// The field's text, without quotes and surrounding blanks.
  [[nodiscard]] std::string_view operator[](std::size_t i) const { return fields_[i].text; }
  /// Byte of the line, from 0, at which the field starts.
  [[nodiscard]] std::size_t offset(std::size_t i) const { return fields_[i].offset; }
  [[nodiscard]] std::size_t fault_offset() const { return fault_offset_; }

 private:
  struct Field {
    std::string_view text;
    std::size_t offset = 0;
  };
  [[nodiscard]] bool quoted(std::string_view line, std::size_t& at);
  void plain(std::string_view line, std::size_t& at);

  std::vector<Field> fields_;
  std::deque<std::string> unescaped_;  ///< fields with doubled quotes; a deque keeps addresses
  std::size_t fault_offset_ = 0;
};

}  // namespace headroom
