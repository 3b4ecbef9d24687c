#include "profiles/measure_journal.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

namespace headroom {
namespace {

constexpr std::array<const char*, kStepStates> kStateNames{"settled", "noisy", "throttled", "wrong",
                                                           "refused"};
/// Tabs and line ends separate fields and lines.
std::string one_field(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  return text;
}

std::string numbers(const std::vector<double>& values) {
  std::string text;
  for (const double value : values) text += fmt::format("{}{:.2f}", text.empty() ? "" : ",", value);
  return text;
}

std::vector<std::string_view> split(std::string_view text, char by) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(by);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

bool read_integer(std::string_view text, std::int64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

bool read_numbers(std::string_view text, std::vector<double>& values) {
  if (text.empty()) return true;
  for (const std::string_view word : split(text, ',')) {
    double value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc() || end != word.data() + word.size() || !(value >= 0)) return false;
    values.push_back(value);
  }
  return true;
}

std::string payload_of(const StepRecord& record) {
  return fmt::format("{}\t{}\t{}\t{:.6g}\t{}\t{}\t{}", record.step, to_string(record.state),
                     record.launches, record.clock, one_field(record.note),
                     numbers(record.device_ns), numbers(record.wall_ns));
}

std::optional<StepRecord> record_of(std::string_view payload) {
  const std::vector<std::string_view> fields = split(payload, '\t');
  StepRecord record;
  std::vector<double> clock;
  if (fields.size() != 7 || !read_integer(fields[0], record.step) ||
      !read_integer(fields[2], record.launches) || !read_numbers(fields[3], clock) ||
      clock.size() != 1)
    return std::nullopt;
  std::size_t state = 0;
  while (state < kStateNames.size() && fields[1] != kStateNames[state]) ++state;
  if (state == kStateNames.size()) return std::nullopt;
  record.state = static_cast<StepState>(state);
  record.clock = clock.front();
  record.note = std::string(fields[4]);
  if (!read_numbers(fields[5], record.device_ns) || !read_numbers(fields[6], record.wall_ns))
    return std::nullopt;
  return record;
}

}  // namespace

const char* to_string(StepState state) { return kStateNames[static_cast<std::size_t>(state)]; }

MeasureJournal::MeasureJournal(std::string path, const std::string& identity)
    : file_(std::move(path), {"headroom-measure 2", "a measurement", {}, true}, identity) {
  for (const std::string& line : file_.lines()) {
    std::optional<StepRecord> record = record_of(line);
    if (!record) break;
    records_.push_back(std::move(*record));
  }
  file_.keep_first(records_.size());
}

void MeasureJournal::append(StepRecord record) {
  file_.append(payload_of(record));
  records_.push_back(std::move(record));
}

}  // namespace headroom
