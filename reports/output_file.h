// One result file: complete under its name, or not there at all.
//
// Bytes go to a temporary file beside the target; `commit` flushes, fsyncs and renames it.
// Law: without a successful `commit` the target is as it was and no partial file is left. "-" is
// standard output; a target that exists and is no regular file (a pipe, a device) is written in
// place, for renaming over it would destroy it. Errors: InputError naming the path, for everything
// the system refuses (no such folder, not writable, disk full).
#pragma once

#include <string>
#include <string_view>

namespace headroom {

class OutputFile {
 public:
  /// Opens `path` for writing. Throws InputError when it is a directory or cannot be created.
  explicit OutputFile(std::string path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  /// Appends; buffered. Throws InputError when the system refuses.
  void write(std::string_view text);
  /// Makes the file complete and visible. Throws InputError; afterwards nothing may be written.
  void commit();
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  void open_in_place();
  void open_temporary();
  void flush();
  void sync_and_close();
  [[noreturn]] void fail(const std::string& what, int error);
  void discard() noexcept;

  std::string path_;       ///< as the user wrote it
  std::string target_;     ///< with symbolic links followed
  std::string temporary_;  ///< empty where the target is written in place
  std::string buffer_;
  int descriptor_ = -1;
};

/// Writes a whole document to `path` ("-" is standard output). Throws InputError as OutputFile
/// does.
void write_document(const std::string& path, std::string_view text);

}  // namespace headroom
