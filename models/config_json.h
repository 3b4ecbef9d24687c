// Reading of Hugging Face config.json files; users call the functions of models/architecture.h.
//
// Law: whatever the bytes, reading ends in a value or an InputError, in memory of a small multiple
// of the text.
// Law: a family that is not known exactly is refused, never approximated by a similar one.
// Cost: start-up only.
#pragma once

#include <cstddef>
#include <string>

namespace headroom {

/// The longest configuration or device file accepted; published ones are below 64 KiB.
constexpr std::size_t kMostConfigBytes = std::size_t{4} << 20;

/// The whole file. Throws InputError: missing, a folder, unreadable, longer than kMostConfigBytes.
[[nodiscard]] std::string read_small_file(const std::string& path);

}  // namespace headroom
