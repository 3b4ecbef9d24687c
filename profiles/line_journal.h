// A file of lines, each whole on disk before the next: what a long command has done so far.
//
// Law: after a kill, a full disk or a torn write the file holds every line whose `append` returned,
// and nothing else; a file of another kind or identity is refused and left as it is; two processes
// never write one. Cost: one write a line, and where it is to survive a power cut one fdatasync.
// Not here: what lines mean (profiles/measure_journal.h, profiles/calibrate_journal.h,
// sim/cli/validate_journal.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace headroom {

/// What a journal is, to its file and to people.
struct JournalKind {
  std::string header{};   ///< first in the file, with the version of its lines
  std::string content{};  ///< "a measurement"
  std::string others{};   ///< "expected X, got Y" for another identity; empty: both are shown
  bool outlives_power = true;
};

class LineJournal {
 public:
  /// Opens or creates, and locks. What a killed writer left of a line is cut off. Throws InputError
  /// when the file is another kind's or identity's, is in use, or cannot be written.
  LineJournal(std::string path, JournalKind kind, const std::string& identity);
  ~LineJournal();
  LineJournal(const LineJournal&) = delete;
  LineJournal& operator=(const LineJournal&) = delete;

  /// Of this and earlier processes.
  [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }
  /// Line breaks become spaces. Durable when it returns. Throws InputError when the system refuses;
  /// the file is as before.
  void append(std::string line);
  /// Forgets all lines but the first `count`.
  void keep_first(std::size_t count);
  /// Deletes the file.
  void remove();
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  void recover(const std::string& identity);
  void write(const std::string& payload);
  void cut(std::int64_t size);

  std::string path_;
  JournalKind kind_;
  int file_ = -1;
  std::int64_t size_ = 0;  ///< of what is known to be whole
  std::vector<std::string> lines_{};
  std::vector<std::int64_t> begins_{};  ///< of each line in the file
};

}  // namespace headroom
