#include <sys/stat.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "sim/check.h"
#include "traces/line_reader.h"

namespace headroom {
namespace {

struct FileCloser {
  void operator()(std::FILE* file) const {
    if (file != stdin) std::fclose(file);
  }
};

class FileBytes : public ByteSource {
 public:
  explicit FileBytes(const std::string& path) : name_(path == "-" ? "standard input" : path) {
    if (path == "-") {
      file_.reset(stdin);
      return;
    }
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) {
      throw InputError(path,
                       "expected a trace file, got an error: " + reason() + "; check the path");
    }
    if (S_ISDIR(status.st_mode)) {
      throw InputError(path, "expected a trace file, got a directory; name one file in it");
    }
    file_.reset(std::fopen(path.c_str(), "rb"));
    if (!file_) {
      throw InputError(
          path, "expected a readable file, got an error: " + reason() + "; check its rights");
    }
  }

  std::size_t read(char* out, std::size_t size) override {
    const std::size_t got = std::fread(out, 1, size, file_.get());
    if (got < size && std::ferror(file_.get()) != 0) {
      throw InputError(name_, "expected to read on, got an error: " + reason() + "; try again");
    }
    return got;
  }

 private:
  [[nodiscard]] static std::string reason() { return std::strerror(errno); }

  std::string name_;
  std::unique_ptr<std::FILE, FileCloser> file_;
};

class MemoryBytes : public ByteSource {
 public:
  explicit MemoryBytes(std::string_view bytes) : rest_(bytes) {}
  std::size_t read(char* out, std::size_t size) override {
    const std::size_t got = std::min(size, rest_.size());
    if (got > 0) std::memcpy(out, rest_.data(), got);
    rest_.remove_prefix(got);
    return got;
  }

 private:
  std::string_view rest_;
};

/// Replays the first bytes of a source, then the rest of it.
class HeadedBytes : public ByteSource {
 public:
  HeadedBytes(std::string head, std::unique_ptr<ByteSource> rest)
      : head_(std::move(head)), rest_(std::move(rest)) {}
  std::size_t read(char* out, std::size_t size) override {
    if (used_ == head_.size()) return rest_->read(out, size);
    const std::size_t got = std::min(size, head_.size() - used_);
    std::memcpy(out, head_.data() + used_, got);
    used_ += got;
    return got;
  }

 private:
  std::string head_;
  std::size_t used_ = 0;
  std::unique_ptr<ByteSource> rest_;
};

struct StreamFreer {
  void operator()(ZSTD_DStream* stream) const { ZSTD_freeDStream(stream); }
};

/// Streaming decompression; the library's default limit of a 128 MiB window bounds memory.
class ZstdBytes : public ByteSource {
 public:
  ZstdBytes(std::unique_ptr<ByteSource> packed, std::string name)
      : packed_(std::move(packed)), name_(std::move(name)), stream_(ZSTD_createDStream()) {
    if (!stream_) throw InputError(name_, "expected memory for zstd, got none; free some");
    in_.resize(ZSTD_DStreamInSize());
  }

  std::size_t read(char* out, std::size_t size) override {
    ZSTD_outBuffer to{out, size, 0};
    while (to.pos == 0) {
      if (from_.pos == from_.size) {
        from_ = ZSTD_inBuffer{in_.data(), packed_->read(in_.data(), in_.size()), 0};
        if (from_.size == 0 && !mid_frame_) return 0;
      }
      const bool starved = from_.size == 0;
      const std::size_t left = ZSTD_decompressStream(stream_.get(), &to, &from_);
      if (ZSTD_isError(left) != 0U) {
        throw InputError(name_, std::string("expected zstd data, got an error: ") +
                                    ZSTD_getErrorName(left) + "; pack the file again");
      }
      mid_frame_ = left != 0;
      if (starved && mid_frame_ && to.pos == 0) {
        throw InputError(name_,
                         "expected the rest of a zstd frame, got the end of the file (truncated); "
                         "copy or pack the file again");
      }
    }
    return to.pos;
  }

 private:
  std::unique_ptr<ByteSource> packed_;
  std::string name_;
  std::unique_ptr<ZSTD_DStream, StreamFreer> stream_;
  std::vector<char> in_;
  ZSTD_inBuffer from_{nullptr, 0, 0};
  bool mid_frame_ = true;
};

struct Magic {
  std::string_view bytes;
  const char* what;
};
constexpr std::array<Magic, 6> kUnreadable{{
    {{"\x1f\x8b", 2}, "gzip data; unpack it, or pack it with zstd"},
    {{"\xfd"
      "7zXZ",
      5},
     "xz data; unpack it, or pack it with zstd"},
    {{"BZh", 3}, "bzip2 data; unpack it, or pack it with zstd"},
    {{"PK\x03\x04", 4}, "a zip archive; unpack it and name one file"},
    {{"PAR1", 4}, "a Parquet file; export it as CSV"},
    {{"\xff\xfe", 2}, "UTF-16 text; save it as UTF-8"},
}};

std::unique_ptr<ByteSource> unpacked(std::unique_ptr<ByteSource> source, const std::string& name) {
  std::string head(8, '\0');
  std::size_t got = 0;
  while (got < head.size()) {
    const std::size_t more = source->read(head.data() + got, head.size() - got);
    if (more == 0) break;
    got += more;
  }
  head.resize(got);
  for (const Magic& magic : kUnreadable) {
    if (head.starts_with(magic.bytes)) {
      throw InputError(name, std::string("expected a trace as text or zstd, got ") + magic.what);
    }
  }
  constexpr std::string_view kZstdMagic("\x28\xb5\x2f\xfd", 4);  // RFC 8878, section 3.1.1
  const bool packed = head.starts_with(kZstdMagic);
  auto headed = std::make_unique<HeadedBytes>(std::move(head), std::move(source));
  if (!packed) return headed;
  return std::make_unique<ZstdBytes>(std::move(headed), name);
}

}  // namespace

std::unique_ptr<ByteSource> open_bytes(const std::string& path) {
  return unpacked(std::make_unique<FileBytes>(path), path == "-" ? "standard input" : path);
}

std::unique_ptr<ByteSource> memory_bytes(std::string_view bytes, const std::string& name) {
  return unpacked(std::make_unique<MemoryBytes>(bytes), name);
}

}  // namespace headroom
