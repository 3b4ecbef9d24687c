// Reads the small YAML files that stand beside published measurements.
//
// Law: any bytes end in values or InputError; only nested mappings of scalars are understood, lists
// and multi-line texts are kept as the text of their first line. Cost: one pass. Not here: YAML.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace headroom {

struct Sidecar {
  /// Values by their keys from the outermost, joined by '/': "tables/gemm_perf/status". A key
  /// without a value of its own is there with an empty one.
  std::map<std::string, std::string> values{};
  std::string licence{};  ///< of an SPDX line among the comments

  /// Empty where absent.
  [[nodiscard]] std::string text(const std::string& key) const;
  /// Keys directly below `key`.
  [[nodiscard]] std::vector<std::string> below(const std::string& key) const;
};

/// Throws InputError: unreadable, larger than 1 MiB, a line that is no `key: value`.
[[nodiscard]] Sidecar read_sidecar(const std::string& path);

}  // namespace headroom
