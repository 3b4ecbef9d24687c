#include "models/version_order.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace headroom {
namespace {

std::vector<std::pair<std::string, std::int64_t>> version_parts(const std::string& version) {
  std::vector<std::pair<std::string, std::int64_t>> parts;
  for (std::size_t i = 0; i < version.size();) {
    std::string word;
    while (i < version.size() && (version[i] < '0' || version[i] > '9')) word += version[i++];
    std::int64_t number = 0;
    for (; i < version.size() && version[i] >= '0' && version[i] <= '9'; ++i)
      number = std::min<std::int64_t>(number * 10 + (version[i] - '0'), std::int64_t{1} << 40);
    parts.emplace_back(word, number);
  }
  return parts;
}

}  // namespace

bool newer_version(const std::string& a, const std::string& b) {
  return version_parts(a) > version_parts(b);
}

}  // namespace headroom
