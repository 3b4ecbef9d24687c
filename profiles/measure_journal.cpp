#include "profiles/measure_journal.h"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "profiles/journal_fields.h"

namespace headroom {
namespace {

constexpr std::array<const char*, kStepStates> kStateNames{"settled", "noisy", "throttled", "wrong",
                                                           "refused"};

std::string numbers(const std::vector<double>& values) {
  std::string text;
  for (const double value : values) text += fmt::format("{}{:.2f}", text.empty() ? "" : ",", value);
  return text;
}

bool read_numbers(std::string_view text, std::vector<double>& values) {
  if (text.empty()) return true;
  for (FieldReader fields(text, ','); fields.more();) {
    fields.number(values.emplace_back());
    if (!fields.good() || !(values.back() >= 0)) return false;
  }
  return true;
}

std::string payload_of(const StepRecord& record) {
  return fmt::format("{}\t{}\t{}\t{:.6g}\t{}\t{}\t{}", record.step, to_string(record.state),
                     record.launches, record.clock, one_field(record.note),
                     numbers(record.device_ns), numbers(record.wall_ns));
}

std::optional<StepRecord> record_of(std::string_view payload) {
  FieldReader fields(payload);
  StepRecord record;
  fields.number(record.step);
  const std::string_view name = fields.next();
  std::size_t state = 0;
  while (state < kStateNames.size() && name != kStateNames[state]) ++state;
  if (state == kStateNames.size()) return std::nullopt;
  record.state = static_cast<StepState>(state);
  fields.number(record.launches);
  fields.number(record.clock);
  record.note = std::string(fields.next());
  if (!read_numbers(fields.next(), record.device_ns) ||
      !read_numbers(fields.next(), record.wall_ns) || !fields.good() || fields.more())
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
