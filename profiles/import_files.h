// Files as importers see them: whole contents, digests, folders in a fixed order.
//
// Law: listings are sorted, so an import does not depend on the file system's order; nothing larger
// than `kLargestImport` is read. Cost: one read. Not here: formats.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace headroom {

/// No published table comes near; a larger file is a mistake.
constexpr std::uint64_t kLargestImport = std::uint64_t{1} << 30;

/// Throws InputError: missing, a directory, unreadable, too large.
[[nodiscard]] std::vector<std::uint8_t> read_whole_file(const std::string& path);
/// XXH3 of 128 bits, 32 hex digits.
[[nodiscard]] std::string digest_of(std::span<const std::uint8_t> bytes);
/// Paths of all files at any depth below a folder, sorted by name; a file is itself. Symbolic links
/// are not followed. Throws InputError when there is nothing of that name.
[[nodiscard]] std::vector<std::string> files_below(const std::string& path);

}  // namespace headroom
