#include "profiles/measure_journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "sim/check.h"

namespace headroom {
namespace {

constexpr std::array<const char*, kStepStates> kStateNames{"settled", "noisy", "throttled", "wrong",
                                                           "refused"};
constexpr const char* kHeader = "headroom-measure 1";
// No measurement writes as much; a larger file is not ours.
constexpr std::int64_t kMostBytes = std::int64_t{1} << 30;

std::string checksum(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return fmt::format("{:016x}", hash);
}

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
  return fmt::format("{}\t{}\t{}\t{}\t{}\t{}", record.step, to_string(record.state),
                     record.launches, one_field(record.note), numbers(record.device_ns),
                     numbers(record.wall_ns));
}

std::optional<StepRecord> record_of(std::string_view payload) {
  const std::vector<std::string_view> fields = split(payload, '\t');
  StepRecord record;
  if (fields.size() != 6 || !read_integer(fields[0], record.step) ||
      !read_integer(fields[2], record.launches))
    return std::nullopt;
  std::size_t state = 0;
  while (state < kStateNames.size() && fields[1] != kStateNames[state]) ++state;
  if (state == kStateNames.size()) return std::nullopt;
  record.state = static_cast<StepState>(state);
  record.note = std::string(fields[3]);
  if (!read_numbers(fields[4], record.device_ns) || !read_numbers(fields[5], record.wall_ns))
    return std::nullopt;
  return record;
}

/// A line's payload when its checksum holds.
std::optional<std::string_view> payload_in(std::string_view line) {
  const std::size_t at = line.rfind('\t');
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view payload = line.substr(0, at);
  if (line.substr(at + 1) != checksum(payload)) return std::nullopt;
  return payload;
}

std::string read_all(int file, std::int64_t size, const std::string& path) {
  std::string text(static_cast<std::size_t>(size), '\0');
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t n =
        ::pread(file, text.data() + done, text.size() - done, static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0)
      throw InputError(path, fmt::format("expected a journal that can be read, got: {}; delete it "
                                         "to measure anew",
                                         n < 0 ? std::strerror(errno) : "its end too early"));
    done += static_cast<std::size_t>(n);
  }
  return text;
}

}  // namespace

const char* to_string(StepState state) { return kStateNames[static_cast<std::size_t>(state)]; }

MeasureJournal::MeasureJournal(std::string path, const std::string& identity)
    : path_(std::move(path)) {
  file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file_ < 0)
    throw InputError(path_, fmt::format("expected a place to keep the measurement, got: {}; name a "
                                        "store in a folder that can be written",
                                        std::strerror(errno)));
  try {
    if (::flock(file_, LOCK_EX | LOCK_NB) != 0)
      throw InputError(path_,
                       "expected a measurement that nobody else runs, got one in use; wait for it "
                       "or name another store");
    recover(one_field(identity));
  } catch (...) {
    ::close(file_);
    throw;
  }
}

MeasureJournal::~MeasureJournal() { ::close(file_); }

void MeasureJournal::recover(const std::string& identity) {
  struct stat about {};
  if (::fstat(file_, &about) != 0 || !S_ISREG(about.st_mode) || about.st_size > kMostBytes)
    throw InputError(path_, "expected a measurement's journal, got something else; move it away");
  const std::string text = read_all(file_, about.st_size, path_);
  const std::string header = std::string(kHeader) + "\t" + identity;
  std::string_view rest = text;
  bool first = true;
  while (true) {
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) break;
    const std::optional<std::string_view> payload = payload_in(rest.substr(0, end));
    if (!payload) break;
    if (first && *payload != header)
      throw InputError(path_, "expected a measurement of " + identity + ", got one of " +
                                  std::string(payload->substr(payload->find('\t') + 1)) +
                                  "; finish it as it was begun, or delete the file");
    if (!first) {
      std::optional<StepRecord> record = record_of(*payload);
      if (!record) break;
      records_.push_back(std::move(*record));
    }
    first = false;
    size_ += static_cast<std::int64_t>(end) + 1;
    rest.remove_prefix(end + 1);
  }
  // A header cut short is ours; anything else that does not begin as one is not.
  if (first && text.compare(0, std::strlen(kHeader), header, 0,
                            std::min(std::strlen(kHeader), text.size())) != 0)
    throw InputError(path_, "expected a measurement's journal, got something else; move it away");
  if (::ftruncate(file_, static_cast<off_t>(size_)) != 0)
    throw InputError(path_, fmt::format("expected a journal that can be written, got: {}",
                                        std::strerror(errno)));
  if (first) write_line(header);
}

void MeasureJournal::append(StepRecord record) {
  write_line(payload_of(record));
  records_.push_back(std::move(record));
}

void MeasureJournal::write_line(const std::string& payload) {
  const std::string line = payload + "\t" + checksum(payload) + "\n";
  std::size_t done = 0;
  int error = 0;
  while (done < line.size() && error == 0) {
    const ssize_t n = ::pwrite(file_, line.data() + done, line.size() - done,
                               static_cast<off_t>(size_) + static_cast<off_t>(done));
    if (n > 0)
      done += static_cast<std::size_t>(n);
    else if (n == 0)
      error = ENOSPC;
    else if (errno != EINTR)
      error = errno;
  }
  if (error == 0 && ::fdatasync(file_) != 0) error = errno;
  if (error != 0) {
    // What cannot be cut off now, `recover` will not believe.
    static_cast<void>(!::ftruncate(file_, static_cast<off_t>(size_)));
    throw InputError(path_, fmt::format("expected room for the measurement's next step, got: {}; "
                                        "free the disk and start the same command again: it goes "
                                        "on where it stopped",
                                        std::strerror(error)));
  }
  size_ += static_cast<std::int64_t>(line.size());
}

void MeasureJournal::remove() { ::unlink(path_.c_str()); }

}  // namespace headroom
