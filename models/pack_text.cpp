// The text form of cost packs: lines of words, values in characters (models/pack_code.h). The
// second version, which is still read, had plain differences there.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "models/pack.h"
#include "models/pack_code.h"
#include "sim/check.h"

namespace headroom {
namespace {

constexpr double kSteps = 48;  ///< levels an octave
constexpr std::string_view kFormat = "headroom-pack 3", kFormer = "headroom-pack 2";
constexpr std::string_view kEnd = "~";  ///< of a table's values
// Of the former version.
constexpr int kAlphabet = 88;         ///< '#' to 'z'
constexpr int kZero = kAlphabet / 2;  ///< character of no difference
constexpr char kEscape = '~';         ///< three digits of a large difference follow
constexpr std::size_t kWidth = 96;
constexpr std::size_t kMostValues = std::size_t{1} << 20;

std::string number(double value) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value);
  return std::string(buffer, end.ptr);
}

/// "1/48" for tokens an expert and the like.
std::string coordinate(double value) {
  constexpr int kMost = 1024;
  for (int below = 1; below <= kMost; ++below) {
    const double above = std::floor(value * below + 0.5);
    if (above < 1 || std::abs(above / below - value) > 1e-12 * value) continue;
    const std::string plain = number(above / below);
    const std::string share = number(above) + "/" + number(below);
    return share.size() < plain.size() ? share : plain;
  }
  return number(value);
}

using Grids = std::array<std::vector<double>, kPackAxes>;

/// Nodes that double the one before are counted: "1 x3 9" is 1, 2, 4, 8, 9.
std::string axis_text(const std::vector<double>& grid) {
  std::string text;
  for (std::size_t i = 0; i < grid.size(); ++i) {
    text += " " + coordinate(grid[i]);
    std::size_t doubled = 0;
    while (i + 1 < grid.size() && std::abs(grid[i + 1] / grid[i] - 2) < 1e-12) {
      ++i;
      ++doubled;
    }
    if (doubled > 0) text += " x" + std::to_string(doubled);
  }
  return text;
}

/// The axes' lines; "^" for an axis that the table before had in its place.
std::string axes_text(const Grids& grids, Grids& before) {
  std::string text;
  for (std::size_t axis = 0; axis < grids.size() && !grids[axis].empty(); ++axis) {
    const std::string own = axis_text(grids[axis]);
    text += "axis" + (own == axis_text(before[axis]) ? " ^" : own) + "\n";
  }
  before = grids;
  return text;
}

std::vector<std::size_t> sizes_of(const Grids& grids) {
  std::vector<std::size_t> sizes;
  for (const auto& grid : grids)
    if (!grid.empty()) sizes.push_back(grid.size());
  return sizes;
}

/// Lines of a pack's text with their numbers.
class Lines {
 public:
  Lines(std::string_view text, const std::string& where) : rest_(text), where_(where) {}

  [[nodiscard]] bool next() {
    do {
      if (rest_.empty()) return false;
      const std::size_t end = std::min(rest_.find('\n'), rest_.size());
      line_ = rest_.substr(0, end);
      rest_.remove_prefix(std::min(end + 1, rest_.size()));
      ++number_;
    } while (line_.empty());
    return true;
  }
  [[nodiscard]] std::string_view line() const { return line_; }
  [[nodiscard]] std::string_view word() {
    const std::size_t end = std::min(line_.find(' '), line_.size());
    const std::string_view word = line_.substr(0, end);
    line_.remove_prefix(std::min(end + 1, line_.size()));
    return word;
  }
  [[nodiscard]] double real() { return real(word()); }
  /// "x3": 3.
  [[nodiscard]] std::int64_t doublings() {
    const std::string_view text = word();
    const double count = real(text.substr(1));
    if (!(count >= 1 && count <= 64)) fail("1 to 64 doublings", text);
    return static_cast<std::int64_t>(count);
  }
  /// A number or the quotient of two.
  [[nodiscard]] double coordinate() {
    const std::string_view text = word();
    const std::size_t bar = text.find('/');
    if (bar == std::string_view::npos) return real(text);
    const double below = real(text.substr(bar + 1));
    if (!(below > 0)) fail("a number", text);
    return real(text.substr(0, bar)) / below;
  }
  [[noreturn]] void fail(const std::string& expected, std::string_view got) const {
    throw InputError(place(), "expected " + expected + ", got '" + std::string(got.substr(0, 40)) +
                                  "'; write it with to_text of a fitted pack");
  }
  [[nodiscard]] std::string place() const { return where_ + ":" + std::to_string(number_); }

 private:
  [[nodiscard]] double real(std::string_view text) {
    double value = 0;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || end.ptr != text.data() + text.size() || !std::isfinite(value) ||
        std::abs(value) > 1e15)
      fail("a number", text);
    return value;
  }
  std::string_view rest_, line_{};
  std::string where_;
  int number_ = 0;
};

/// A key's numbers: of mixtures hidden size, experts and choices, else head size, window, nothing.
std::string key_sizes(const PackKey& key) {
  std::array<std::int64_t, 3> sizes{key.head_dim, key.windowed ? 1 : 0, 0};
  if (key.op == PackOp::moe) sizes = {key.hidden, key.experts, key.topk};
  std::string text;
  for (const std::int64_t size : sizes) text += " " + std::to_string(size);
  return text;
}

PackKey read_key(Lines& lines) {
  PackKey key;
  const std::string_view op = lines.word();
  int i = 0;
  while (i < kPackOps && op != to_string(static_cast<PackOp>(i))) ++i;
  if (i == kPackOps) lines.fail("an operator", op);
  key.op = static_cast<PackOp>(i);
  key.compute = parse_data_type(lines.word(), lines.place());
  key.stored = parse_data_type(lines.word(), lines.place());
  std::array<std::int64_t, 3> sizes{};
  for (std::int64_t& size : sizes) size = static_cast<std::int64_t>(lines.real());
  if (key.op == PackOp::moe) {
    key.hidden = sizes[0];
    key.experts = sizes[1];
    key.topk = sizes[2];
  } else {
    key.head_dim = sizes[0];
    key.windowed = sizes[1] != 0;
  }
  return key;
}

void read_grid(Lines& lines, const Grids& before, PackTable& table) {
  std::size_t cells = 1, axis = 0;
  for (; lines.next() && lines.line().starts_with("axis "); ++axis) {
    static_cast<void>(lines.word());
    if (axis == kPackAxes) lines.fail("at most four axes", lines.line());
    std::vector<double>& grid = table.grid[axis];
    if (lines.line() == "^") {
      static_cast<void>(lines.word());
      grid = before[axis];
    }
    while (!lines.line().empty()) {
      if (!grid.empty() && lines.line().front() == 'x') {
        const std::int64_t doubled = lines.doublings();
        for (std::int64_t i = 0; i < doubled; ++i) grid.push_back(2 * grid.back());
        continue;
      }
      const double x = lines.coordinate();
      if (!(x > (grid.empty() ? 0 : grid.back()))) lines.fail("ascending coordinates", "less");
      grid.push_back(x);
    }
    if (grid.empty()) lines.fail("coordinates", "");
    cells *= grid.size();
    if (cells > kMostValues) lines.fail("at most 2^20 values", "more");
  }
  if (axis == 0 || lines.line() != "values") lines.fail("axes, then values", lines.line());
}

void read_values(Lines& lines, LevelCode& code, PackTable& table) {
  std::string text;
  while (lines.next() && lines.line() != kEnd) text += lines.line();
  if (lines.line() != kEnd) lines.fail("the end of values, a tilde", lines.line());
  const auto levels = code.decode(text, sizes_of(table.grid));
  if (!levels) lines.fail("values of so many coordinates", "others");
  for (const std::int32_t level : *levels) table.values.push_back(level / kSteps);
}

/// Of the former version.
void read_differences(Lines& lines, PackTable& table) {
  std::size_t wanted = 1;
  for (const std::size_t size : sizes_of(table.grid)) wanted *= size;
  std::int64_t level = 0;
  while (table.values.size() < wanted) {
    if (!lines.next()) lines.fail(std::to_string(wanted) + " values", "the end");
    const std::string_view line = lines.line();
    for (std::size_t i = 0; i < line.size(); ++i) {
      const auto take = [&](std::size_t at) {
        if (at >= line.size() || line[at] < '#' || line[at] >= '#' + kAlphabet)
          lines.fail("value characters", line.substr(std::min(at, line.size())));
        return std::int64_t{line[at] - '#'};
      };
      if (line[i] == kEscape) {
        constexpr std::int64_t kCube = std::int64_t{kAlphabet} * kAlphabet * kAlphabet;
        level += (take(i + 1) * kAlphabet + take(i + 2)) * kAlphabet + take(i + 3) - kCube / 2;
        i += 3;
      } else {
        level += take(i) - kZero;
      }
      if (std::abs(level) > 48 * 64) lines.fail("ratios within 2^64", line);
      table.values.push_back(static_cast<double>(level) / kSteps);
    }
  }
  if (table.values.size() != wanted) lines.fail(std::to_string(wanted) + " values", "more");
}

}  // namespace

std::string to_text(const Pack& pack) {
  std::string text(kFormat);
  text += "\ndevice " + pack.device + "\nsource " + pack.source + "\n";
  LevelCode code;
  Grids before;
  const PackTable* last = nullptr;
  for (const PackTable& table : pack.tables) {
    const PackKey& key = table.key;
    const bool same =
        last != nullptr && last->library == table.library && last->version == table.version;
    last = &table;
    text += std::string("table ") + to_string(key.op) + " " + to_string(key.compute) + " " +
            to_string(key.stored) + key_sizes(key) + " " +
            (same ? "^ ^" : table.library + " " + table.version) + " " +
            std::to_string(table.rows) + " " + number(table.median_error) + " " +
            number(table.p90_error) + "\n";
    const std::vector<std::size_t> sizes = sizes_of(table.grid);
    text += axes_text(table.grid, before) + "values\n";
    std::vector<std::int32_t> levels;
    for (const double value : table.values)
      levels.push_back(static_cast<std::int32_t>(std::floor(value * kSteps + 0.5)));
    const std::string values = code.encode(levels, sizes);
    for (std::size_t at = 0; at < values.size(); at += kWidth)
      text += values.substr(at, kWidth) + "\n";
    text += std::string(kEnd) + "\n";
  }
  return text;
}

Pack parse_pack(std::string_view text, const std::string& where) {
  Lines lines(text, where);
  if (!lines.next() || (lines.line() != kFormat && lines.line() != kFormer))
    lines.fail(std::string("'").append(kFormat).append("'"), lines.line());
  const bool former = lines.line() == kFormer;
  LevelCode code;
  Grids before;
  Pack pack;
  while (lines.next()) {
    const std::string_view what = lines.word();
    if (what == "device") {
      pack.device = lines.line();
    } else if (what == "source") {
      pack.source = lines.line();
    } else if (what == "table") {
      PackTable table;
      table.key = read_key(lines);
      table.library = lines.word();
      table.version = lines.word();
      if (table.library == "^" && !pack.tables.empty()) {
        table.library = pack.tables.back().library;
        table.version = pack.tables.back().version;
      }
      table.rows = static_cast<std::int64_t>(lines.real());
      table.median_error = lines.real();
      table.p90_error = lines.real();
      read_grid(lines, before, table);
      before = table.grid;
      if (former)
        read_differences(lines, table);
      else
        read_values(lines, code, table);
      table.finish();
      pack.tables.push_back(std::move(table));
    } else {
      lines.fail("device, source or table", what);
    }
  }
  return pack;
}

}  // namespace headroom
