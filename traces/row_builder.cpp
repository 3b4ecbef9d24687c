#include "traces/row_builder.h"

#include <algorithm>
#include <charconv>

#include "sim/check.h"
#include "traces/exact_numbers.h"

namespace headroom {
namespace {

/// Powers of ten from the unit in the text to nanoseconds.
[[nodiscard]] int scale_of(TimeText kind) {
  if (kind == TimeText::seconds) return 9;
  return kind == TimeText::milliseconds ? 6 : 0;
}

[[nodiscard]] const char* unit_of(TimeText kind) {
  if (kind == TimeText::seconds) return "seconds";
  return kind == TimeText::milliseconds ? "milliseconds" : "nanoseconds";
}

/// 64-bit FNV-1a, then mixed: short labels differ in all bits.
[[nodiscard]] std::uint64_t hash_text(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  }
  return chain_hash(hash, text.size());
}

}  // namespace

std::string shown(std::string_view text) {
  constexpr std::size_t kMost = 40;
  std::string out = "\"";
  for (const char c : text.substr(0, kMost)) {
    const auto byte = static_cast<unsigned char>(c);
    out.push_back(byte < 0x20 || byte == 0x7f ? '?' : c);
  }
  return out + (text.size() > kMost ? "...\"" : "\"");
}

void FieldParser::fail(const FieldText& field, const std::string& expected,
                       const std::string& remedy) const {
  throw InputError(lines_.place(field.offset), std::string(field.name) + ": expected " + expected +
                                                   ", got " + shown(field.text) + "; " + remedy);
}

std::int64_t FieldParser::time(const FieldText& field, TimeText kind) const {
  if (kind == TimeText::date_time) {
    const std::optional<std::int64_t> ns = parse_date_time(field.text);
    if (!ns) fail(field, "a time like 2024-05-10 00:00:00.009930", "correct the time");
    return *ns;
  }
  const ExactNumber number = parse_decimal(field.text, scale_of(kind));
  const std::string expected = std::string("a time in ") + unit_of(kind);
  if (number.fault == NumberFault::not_a_number) fail(field, expected, "correct the number");
  if (number.fault == NumberFault::negative) {
    fail(field, expected + " of at least 0", "shift the trace's clock");
  }
  if (number.fault == NumberFault::too_large) {
    fail(field, expected + " below 146 years", "correct the time or its unit");
  }
  return number.value;
}

std::int64_t FieldParser::whole(const FieldText& field, std::int64_t most) const {
  const ExactNumber number = parse_whole(field.text);
  if (number.fault != NumberFault::none || number.value > most) {
    fail(field, "a whole number from 0 to " + std::to_string(most), "correct the number");
  }
  return number.value;
}

Tokens FieldParser::tokens(const FieldText& field) const {
  return Tokens(whole(field, kMaxRequestTokens.value()));
}

std::uint64_t FieldParser::label(std::string_view text) {
  if (text.empty()) return 0;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc{} && end == text.data() + text.size()) return number;
  return std::max<std::uint64_t>(1, hash_text(text));
}

std::string RowReader::place() const { return lines_.name() + ":" + std::to_string(lines_.line()); }

void RowReader::start() {
  first_ = next_checked();
  if (!first_) {
    throw InputError(
        lines_.name() + ":" + std::to_string(std::max<std::uint64_t>(1, lines_.line())),
        "expected at least one request, got " +
            (skipped_.failed + skipped_.empty > 0
                 ? std::to_string(skipped_.failed + skipped_.empty) + " rows without tokens"
                 : std::string("none")) +
            "; choose another trace");
  }
  first_waits_ = true;
}

std::optional<TraceRow> RowReader::next() {
  if (first_waits_) {
    first_waits_ = false;
    return first_;
  }
  return next_checked();
}

bool RowReader::skip(const TraceRow& row) {
  if (row.prompt.value() > 0 && row.output.value() > 0) return false;
  ++(row.output.value() == 0 ? skipped_.failed : skipped_.empty);
  skipped_.prompt_tokens += row.prompt;
  skipped_.output_tokens += row.output;
  return true;
}

std::optional<TraceRow> RowReader::next_checked() {
  while (std::optional<RawRow> raw = next_raw()) {
    if (raw->time_ns) {
      if (last_ && *raw->time_ns < *last_) {
        fields_.fail(raw->time_field, "a time no earlier than the row before",
                     "sort the trace by time");
      }
      last_ = raw->time_ns;
    }
    if (skip(raw->row)) continue;
    if (raw->time_ns) {
      if (!origin_) origin_ = raw->time_ns;
      raw->row.offset = Duration(*raw->time_ns - *origin_);
      has_arrivals_ = true;
    }
    return raw->row;
  }
  return std::nullopt;
}

}  // namespace headroom
