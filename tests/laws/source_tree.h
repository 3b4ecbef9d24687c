// The project's own sources as text, for the laws about how they are written.
//
// Law: a finding names file:line, and line numbers survive the removal of comments and text.
// Not here: understanding C++; these are patterns over lines, and a pattern errs towards speaking
// up.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace headroom::laws {

struct SourceFile {
  std::string path;                ///< from the root, with '/'
  std::vector<std::string> lines;  ///< as written
  std::vector<std::string> code;   ///< the same lines, comments and contents of literals blanked

  [[nodiscard]] std::string at(std::size_t line) const {
    return path + ":" + std::to_string(line + 1);
  }
  [[nodiscard]] std::string folder() const {
    return std::filesystem::path(path).parent_path().generic_string();
  }
  [[nodiscard]] bool is_header() const { return path.ends_with(".h") || path.ends_with(".cuh"); }
};

[[nodiscard]] inline std::string read_text(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

[[nodiscard]] inline std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

/// Length of the raw string literal that starts at `text`, 0 when none does.
[[nodiscard]] inline std::size_t raw_literal_length(std::string_view text) {
  if (!text.starts_with("R\"")) return 0;
  const std::size_t open = text.find('(');
  if (open == std::string_view::npos) return 0;
  const std::string close = ")" + std::string(text.substr(2, open - 2)) + "\"";
  const std::size_t end = text.find(close, open);
  return end == std::string_view::npos ? text.size() : end + close.size();
}

/// Length of the comment or literal that starts at `text`, 0 when neither does. A digit separator
/// is no literal.
[[nodiscard]] inline std::size_t silent_length(std::string_view text, char before) {
  if (text.starts_with("//")) return std::min(text.find('\n'), text.size());
  if (text.starts_with("/*")) {
    const std::size_t end = text.find("*/", 2);
    return end == std::string_view::npos ? text.size() : end + 2;
  }
  if (const std::size_t raw = raw_literal_length(text)) return raw;
  const char quote = text.front();
  const bool separator = quote == '\'' && before >= '0' && before <= '9';
  if ((quote != '"' && quote != '\'') || separator) return 0;
  std::size_t end = 1;
  while (end < text.size() && text[end] != quote && text[end] != '\n') {
    end += text[end] == '\\' ? 2U : 1U;
  }
  return std::min(end + 1, text.size());
}

/// `text` with comments and literals replaced by spaces; line ends stay.
[[nodiscard]] inline std::string code_only(std::string_view text) {
  std::string code(text);
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = silent_length(text.substr(i), i == 0 ? ' ' : text[i - 1]);
    for (std::size_t j = i; j < i + length; ++j) {
      if (code[j] != '\n') code[j] = ' ';
    }
    i += std::max<std::size_t>(1, length);
  }
  return code;
}

/// Every C++ source under `folders`, in order of path.
[[nodiscard]] inline std::vector<SourceFile> source_files(const std::filesystem::path& root,
                                                          const std::vector<std::string>& folders) {
  constexpr std::string_view kEndings[] = {".h", ".cpp", ".cu", ".cuh"};
  std::vector<SourceFile> files;
  for (const std::string& folder : folders) {
    if (!std::filesystem::is_directory(root / folder)) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root / folder)) {
      const std::string ending = entry.path().extension().string();
      if (!entry.is_regular_file() ||
          std::find(std::begin(kEndings), std::end(kEndings), ending) == std::end(kEndings)) {
        continue;
      }
      const std::string text = read_text(entry.path());
      files.push_back({entry.path().lexically_relative(root).generic_string(), split_lines(text),
                       split_lines(code_only(text))});
    }
  }
  std::sort(files.begin(), files.end(),
            [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
  return files;
}

/// Whether `path` fits `pattern`, where '*' stands for any text (slashes too).
[[nodiscard]] inline bool fits(std::string_view path, std::string_view pattern) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return path == pattern;
  if (!path.starts_with(pattern.substr(0, star))) return false;
  const std::string_view rest = pattern.substr(star + 1);
  for (std::size_t i = star; i <= path.size(); ++i) {
    if (fits(path.substr(i), rest)) return true;
  }
  return false;
}

[[nodiscard]] inline bool fits_any(std::string_view path,
                                   const std::vector<std::string>& patterns) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [path](const std::string& pattern) { return fits(path, pattern); });
}

/// Findings, one a line, for a test's message.
[[nodiscard]] inline std::string joined(const std::vector<std::string>& findings) {
  std::string text;
  for (const std::string& finding : findings) text += finding + "\n";
  return text;
}

}  // namespace headroom::laws
