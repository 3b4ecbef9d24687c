#include "profiles/import_files.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "sim/check.h"

namespace headroom {

std::vector<std::uint8_t> read_whole_file(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error))
    throw InputError(path, "expected a file, got a directory; name the file in it");
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error)
    throw InputError(path, "expected a file, got: " + error.message() + "; check the path");
  if (size > kLargestImport)
    throw InputError(path, "expected at most " + std::to_string(kLargestImport) + " bytes, got " +
                               std::to_string(size) + "; split the file");
  std::ifstream in(path, std::ios::binary);
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size));
  in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size));
  if (!in || in.gcount() != static_cast<std::streamsize>(size))
    throw InputError(path, "expected a readable file, got an error; check its permissions");
  return bytes;
}

std::string digest_of(std::span<const std::uint8_t> bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::uint64_t half : {hash.high64, hash.low64})
    for (int shift = 60; shift >= 0; shift -= 4) text += kDigits[(half >> shift) & 15];
  return text;
}

std::vector<std::string> files_below(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (fs::is_regular_file(path, error)) return {path};
  if (!fs::is_directory(path, error))
    throw InputError(path, "expected a file or folder, got nothing of that name; check the path");
  std::vector<std::string> files;
  for (fs::recursive_directory_iterator it(path, error), end; !error && it != end;
       it.increment(error))
    if (it->is_regular_file(error) && !it->is_symlink(error)) files.push_back(it->path().string());
  if (error) throw InputError(path, "expected a readable folder, got: " + error.message());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace headroom
