// The words declared in sim/quantity_text.h.
#include <algorithm>
#include <array>

#include "sim/quantity_text.h"

namespace headroom {
namespace {

constexpr std::size_t kLongest = 64;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// Cost of reading b for a, in half edits.
int replace_cost(char a, char b) {
  if (a == b) return 0;
  return lower(a) == lower(b) ? 1 : 2;
}

/// Edit distance in half edits, neighbours swapped counting one edit (optimal string alignment).
/// Requires both words to have at most kLongest letters.
int distance(std::string_view a, std::string_view b) {
  // Rows i-2, i-1 and i of the usual table.
  std::array<std::array<int, kLongest + 1>, 3> rows{};
  for (std::size_t j = 0; j <= b.size(); ++j) rows[0][j] = 2 * static_cast<int>(j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    auto& row = rows[i % 3];
    const auto& above = rows[(i + 2) % 3];
    const auto& two_above = rows[(i + 1) % 3];
    row[0] = 2 * static_cast<int>(i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] =
          std::min({above[j] + 2, row[j - 1] + 2, above[j - 1] + replace_cost(a[i - 1], b[j - 1])});
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
          lower(a[i - 2]) == lower(b[j - 1])) {
        row[j] = std::min(row[j], two_above[j - 2] + 2);
      }
    }
  }
  return rows[a.size() % 3][b.size()];
}

}  // namespace

std::string nearest_name(std::string_view word, std::span<const std::string> candidates) {
  const std::string* nearest = nullptr;
  int least = 0;
  if (word.size() > kLongest) return {};
  for (const std::string& candidate : candidates) {
    if (candidate.size() > kLongest) continue;
    const int edits = distance(word, candidate);
    const int longer = static_cast<int>(std::max(word.size(), candidate.size()));
    // Near: at most a third of the letters, rounded up, and not all of them.
    if (edits > 2 * ((longer + 2) / 3) || edits >= 2 * longer) continue;
    if (nearest == nullptr || edits < least) {
      nearest = &candidate;
      least = edits;
    }
  }
  return nearest == nullptr ? std::string() : *nearest;
}

std::string did_you_mean(std::string_view word, std::span<const std::string> candidates) {
  const std::string nearest = nearest_name(word, candidates);
  return nearest.empty() ? nearest : "; did you mean '" + nearest + "'?";
}

std::string lower_case(std::string text) {
  for (char& c : text) c = lower(c);
  return text;
}

std::string quoted(std::string_view text) {
  constexpr std::size_t kShown = 60;
  constexpr char kHex[] = "0123456789abcdef";
  std::string result = "\"";
  for (const char c : text.substr(0, kShown)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (byte >= 0x20 && byte < 0x7f) {
      result += c;
    } else {
      result += "\\x";
      result += kHex[byte >> 4];
      result += kHex[byte & 15];
    }
  }
  result += '"';
  if (text.size() > kShown) result += "...";
  return result;
}

}  // namespace headroom
