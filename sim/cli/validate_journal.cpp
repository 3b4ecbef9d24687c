#include "sim/cli/validate_journal.h"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>

#include "profiles/journal_fields.h"
#include "sim/cli/commands.h"
#include "sim/cli/text_digest.h"

namespace headroom {
namespace {

/// 64-bit FNV-1a.
std::uint64_t hash_of(std::string_view text, std::uint64_t hash = 0xcbf29ce484222325ULL) {
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return hash;
}

/// Size and time of a file too large to read.
std::string stamp_of(const std::string& path) {
  std::error_code ignored;
  const auto size = std::filesystem::file_size(path, ignored);
  const auto time = std::filesystem::last_write_time(path, ignored).time_since_epoch().count();
  return fmt::format("{}:{}:{}", path, size, time);
}

std::string number(double value) {
  char buffer[32];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr};
}

std::string fields_of(const ValidatedPoint& point) {
  std::string text = one_field(point.unpredicted);
  const auto add = [&text](const std::string& field) { text += "\t" + field; };
  for (const auto& figure : point.predicted) add(figure ? number(*figure) : "-");
  for (const double share : point.time_share) add(number(share));
  for (const double share : point.evidence) add(number(share));
  for (const double share : point.extrapolated) add(number(share));
  for (const double value : {point.busy, point.queued_share, point.kv_demand, point.kv_peak})
    add(number(value));
  add(std::to_string(point.kv_blocks));
  add(std::to_string(point.preemptions));
  return text;
}

/// "-": none.
void read_figure(FieldReader& fields, std::optional<double>& value) {
  const FieldReader before = fields;
  if (fields.next() == "-") {
    value.reset();
    return;
  }
  fields = before;
  fields.number(value.emplace());
}

bool read_fields(std::string_view text, ValidatedPoint& point) {
  FieldReader fields(text);
  point.unpredicted = std::string(fields.next());
  for (auto& figure : point.predicted) read_figure(fields, figure);
  for (double& share : point.time_share) fields.number(share);
  for (double& share : point.evidence) fields.number(share);
  for (double& share : point.extrapolated) fields.number(share);
  for (double* value : {&point.busy, &point.queued_share, &point.kv_demand, &point.kv_peak})
    fields.number(*value);
  fields.number(point.kv_blocks);
  fields.number(point.preemptions);
  return fields.good() && !fields.more();
}

}  // namespace

std::string validate_identity(const BenchmarkHabits& habits) {
  std::string text = kVersion;
  // Where a program cannot read itself its version has to do.
  text += fmt::format("|{:016x}", hash_of(file_bytes("/proc/self/exe")));
  text += fmt::format("|{}|{}|{}", habits.requests_per_client,
                      habits.shortest ? number(*habits.shortest) : "-", habits.cost);
  const std::size_t colon = habits.cost.find(':');
  if (colon != std::string::npos) text += "|" + stamp_of(habits.cost.substr(colon + 1));
  for (const auto& [name, path] : habits.engines)
    text += fmt::format("|{}={}:{:016x}", name, path, hash_of(file_bytes(path)));
  return fmt::format("{:016x}", hash_of(text));
}

PointJournal::PointJournal(std::string path, const std::string& identity)
    : file_(std::move(path),
            {"headroom-validate 2", "finished points",
             "expected points that this build found with these options, got others'", false},
            identity) {
  for (const std::string& line : file_.lines()) {
    std::uint64_t key = 0;
    const std::size_t cut = line.find('\t');
    if (cut != std::string::npos &&
        std::from_chars(line.data(), line.data() + cut, key, 16).ec == std::errc())
      lines_[key] = line.substr(cut + 1);
  }
}

bool PointJournal::recall(std::string_view what, ValidatedPoint& result) const {
  const std::lock_guard lock(mutex_);
  const auto found = lines_.find(hash_of(what));
  if (found == lines_.end()) return false;
  ValidatedPoint recalled = result;
  if (!read_fields(found->second, recalled)) return false;
  result = std::move(recalled);
  return true;
}

void PointJournal::keep(std::string_view what, const ValidatedPoint& result) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t key = hash_of(what);
  std::string fields = fields_of(result);
  file_.append(fmt::format("{:016x}\t{}", key, fields));
  lines_[key] = std::move(fields);
}

std::size_t PointJournal::size() const {
  const std::lock_guard lock(mutex_);
  return lines_.size();
}

}  // namespace headroom
