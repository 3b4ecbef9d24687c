#include "reports/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "sim/check.h"

namespace headroom {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 16;  // few system calls, little memory
constexpr mode_t kFileMode = 0666;                          // less the user's umask
constexpr int kNameTries = 100;

const char* remedy_for(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return "free some space or write elsewhere";
    case ENOENT:
    case ENOTDIR:
      return "create the folder first";
    case EACCES:
    case EPERM:
    case EROFS:
      return "choose a folder that you may write to";
    case EISDIR:
      return "name a file inside it";
    case ENAMETOOLONG:
      return "choose a shorter name";
    default:
      return "choose another file";
  }
}

}  // namespace

OutputFile::OutputFile(std::string path) : path_(std::move(path)), target_(path_) {
  if (path_.empty()) {
    throw InputError("output", "expected the name of a file, got an empty one; use - for stdout");
  }
  if (path_ == "-") {
    descriptor_ = STDOUT_FILENO;
    return;
  }
  struct stat status {};
  if (::stat(path_.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode)) fail("expected a file to write, got a directory", EISDIR);
    if (!S_ISREG(status.st_mode)) {
      open_in_place();
      return;
    }
    // Renaming over a file only asks the folder; a file that its owner made read-only stays.
    if (::access(path_.c_str(), W_OK) != 0) fail("cannot write this file", errno);
    std::error_code error;
    const std::filesystem::path real = std::filesystem::canonical(path_, error);
    if (!error) target_ = real.string();
  }
  open_temporary();
}

OutputFile::~OutputFile() { discard(); }

void OutputFile::open_in_place() {
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
  if (descriptor_ < 0) fail("cannot open it for writing", errno);
}

void OutputFile::open_temporary() {
  const std::filesystem::path target(target_);
  const std::string folder = target.has_parent_path() ? target.parent_path().string() + "/" : "";
  const std::string base = "." + target.filename().string() + "." + std::to_string(::getpid());
  for (int attempt = 0; attempt < kNameTries; ++attempt) {
    const std::string name = folder + base + "." + std::to_string(attempt) + ".partial";
    descriptor_ = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kFileMode);
    if (descriptor_ >= 0) {
      temporary_ = name;
      return;
    }
    if (errno != EEXIST) break;
  }
  fail("cannot create a file here", errno);
}

void OutputFile::write(std::string_view text) {
  buffer_.append(text);
  if (buffer_.size() >= kBufferBytes) flush();
}

void OutputFile::flush() {
  std::string_view rest(buffer_);
  while (!rest.empty()) {
    const ssize_t written = ::write(descriptor_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("writing failed", errno);
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  buffer_.clear();
}

void OutputFile::sync_and_close() {
  // Pipes and devices have nothing to sync and say EINVAL or the like.
  if (!temporary_.empty() && ::fsync(descriptor_) != 0) fail("writing failed", errno);
  if (descriptor_ != STDOUT_FILENO) {
    const int descriptor = descriptor_;
    descriptor_ = -1;
    if (::close(descriptor) != 0 && errno != EINTR) fail("writing failed", errno);
  }
}

void OutputFile::commit() {
  SIM_CHECK(descriptor_ >= 0, "a result file is committed once");
  flush();
  sync_and_close();
  descriptor_ = -1;
  if (temporary_.empty()) return;
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail("cannot put it in place", errno);
  temporary_.clear();
  // The new name must survive a crash too; where folders cannot be opened, the rename alone has to
  // do.
  const std::filesystem::path parent = std::filesystem::path(target_).parent_path();
  const int folder =
      ::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    static_cast<void>(::fsync(folder));
    ::close(folder);
  }
}

void OutputFile::fail(const std::string& what, int error) {
  discard();
  throw InputError(path_ == "-" ? "standard output" : path_,
                   what + ": " + std::generic_category().message(error) + "; " + remedy_for(error));
}

void OutputFile::discard() noexcept {
  if (descriptor_ >= 0 && descriptor_ != STDOUT_FILENO) ::close(descriptor_);
  descriptor_ = -1;
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
  temporary_.clear();
}

void write_document(const std::string& path, std::string_view text) {
  OutputFile file(path);
  file.write(text);
  file.commit();
}

}  // namespace headroom
