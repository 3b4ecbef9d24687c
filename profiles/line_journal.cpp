#include "profiles/line_journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "sim/check.h"

namespace headroom {
namespace {

// No command writes as much; a larger file is not ours.
constexpr std::int64_t kMostBytes = std::int64_t{1} << 30;

/// 64-bit FNV-1a in hexadecimal digits.
std::string checksum(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return fmt::format("{:016x}", hash);
}

std::string one_line(std::string text) {
  for (char& c : text)
    if (c == '\n' || c == '\r') c = ' ';
  return text;
}

/// What a line of the file says when its checksum holds.
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
      throw InputError(path, fmt::format("expected a file that can be read, got: {}; delete it to "
                                         "begin anew",
                                         n < 0 ? std::strerror(errno) : "its end too early"));
    done += static_cast<std::size_t>(n);
  }
  return text;
}

}  // namespace

LineJournal::LineJournal(std::string path, JournalKind kind, const std::string& identity)
    : path_(std::move(path)), kind_(std::move(kind)) {
  file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file_ < 0)
    throw InputError(path_, fmt::format("expected a place to keep {}, got: {}; name another in a "
                                        "folder that can be written",
                                        kind_.content, std::strerror(errno)));
  try {
    if (::flock(file_, LOCK_EX | LOCK_NB) != 0)
      throw InputError(path_, fmt::format("expected {} that no other process writes, got one in "
                                          "use; wait for it or name another",
                                          kind_.content));
    recover(one_line(identity));
  } catch (...) {
    ::close(file_);
    throw;
  }
}

LineJournal::~LineJournal() { ::close(file_); }

void LineJournal::recover(const std::string& identity) {
  const auto not_ours = [this] {
    throw InputError(path_, fmt::format("expected a file that keeps {}, got something else; move "
                                        "it away or name another",
                                        kind_.content));
  };
  struct stat about {};
  if (::fstat(file_, &about) != 0 || !S_ISREG(about.st_mode) || about.st_size > kMostBytes)
    not_ours();
  const std::string text = read_all(file_, about.st_size, path_);
  const std::string header = kind_.header + "\t" + identity;
  std::string_view rest = text;
  while (true) {
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) break;
    const std::optional<std::string_view> payload = payload_in(rest.substr(0, end));
    if (!payload) break;
    if (size_ > 0) {
      lines_.emplace_back(*payload);
      begins_.push_back(size_);
    } else if (*payload != header) {
      const std::size_t tab = payload->find('\t');
      if (payload->substr(0, tab) != kind_.header) not_ours();
      const std::string found(tab == std::string_view::npos ? *payload : payload->substr(tab + 1));
      throw InputError(path_,
                       (kind_.others.empty() ? fmt::format("expected {} of {}, got one of {}",
                                                           kind_.content, identity, found)
                                             : kind_.others) +
                           "; finish it as it was begun, or delete the file");
    }
    size_ += static_cast<std::int64_t>(end) + 1;
    rest.remove_prefix(end + 1);
  }
  // A header cut short is ours; anything else that does not begin as one is not.
  const std::string_view start = std::string_view(text).substr(0, kind_.header.size());
  if (size_ == 0 && start != std::string_view(kind_.header).substr(0, start.size())) not_ours();
  cut(size_);
  if (size_ == 0) write(header);
}

void LineJournal::cut(std::int64_t size) {
  if (::ftruncate(file_, static_cast<off_t>(size)) != 0)
    throw InputError(path_, fmt::format("expected a file that can be written, got: {}; name "
                                        "another",
                                        std::strerror(errno)));
  size_ = size;
}

void LineJournal::keep_first(std::size_t count) {
  if (count >= lines_.size()) return;
  cut(begins_[count]);
  lines_.resize(count);
  begins_.resize(count);
}

void LineJournal::append(std::string line) {
  line = one_line(std::move(line));
  const std::int64_t begin = size_;
  write(line);
  begins_.push_back(begin);
  lines_.push_back(std::move(line));
}

void LineJournal::write(const std::string& payload) {
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
  if (error == 0 && kind_.outlives_power && ::fdatasync(file_) != 0) error = errno;
  if (error != 0) {
    // What cannot be cut off now, `recover` will not believe.
    static_cast<void>(!::ftruncate(file_, static_cast<off_t>(size_)));
    throw InputError(path_,
                     fmt::format("expected room to go on with {}, got: {}; free the disk and "
                                 "start the same command again: it goes on where it stopped",
                                 kind_.content, std::strerror(error)));
  }
  size_ += static_cast<std::int64_t>(line.size());
}

void LineJournal::remove() { ::unlink(path_.c_str()); }

}  // namespace headroom
