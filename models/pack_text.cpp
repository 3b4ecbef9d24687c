// The text form of cost packs: lines of words, values as differences in printable characters.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "models/pack.h"
#include "sim/check.h"

namespace headroom {
namespace {

constexpr double kSteps = 48;         ///< levels an octave
constexpr int kAlphabet = 88;         ///< '#' to 'z'
constexpr int kZero = kAlphabet / 2;  ///< character of no difference
constexpr char kEscape = '~';         ///< three digits of a large difference follow
constexpr std::size_t kWidth = 96;
constexpr std::size_t kMostValues = std::size_t{1} << 20;

char digit(std::int64_t value) { return static_cast<char>('#' + value); }

std::string encode(const std::vector<double>& values) {
  std::string text;
  std::int64_t before = 0;
  for (const double value : values) {
    const auto level = static_cast<std::int64_t>(std::floor(value * kSteps + 0.5));
    const std::int64_t step = level - before;
    before = level;
    if (step >= -kZero && step < kAlphabet - kZero) {
      text += digit(step + kZero);
      continue;
    }
    constexpr std::int64_t kCube = std::int64_t{kAlphabet} * kAlphabet * kAlphabet;
    const std::int64_t shifted = std::clamp<std::int64_t>(step + kCube / 2, 0, kCube - 1);
    text += kEscape;
    text += digit(shifted / (kAlphabet * kAlphabet));
    text += digit(shifted / kAlphabet % kAlphabet);
    text += digit(shifted % kAlphabet);
  }
  return text;
}

std::string number(double value) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value);
  return std::string(buffer, end.ptr);
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
  [[nodiscard]] double real() {
    const std::string_view text = word();
    double value = 0;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || end.ptr != text.data() + text.size() || !std::isfinite(value) ||
        std::abs(value) > 1e15)
      fail("a number", text);
    return value;
  }
  [[noreturn]] void fail(const std::string& expected, std::string_view got) const {
    throw InputError(place(), "expected " + expected + ", got '" + std::string(got.substr(0, 40)) +
                                  "'; write it with to_text of a fitted pack");
  }
  [[nodiscard]] std::string place() const { return where_ + ":" + std::to_string(number_); }

 private:
  std::string_view rest_, line_{};
  std::string where_;
  int number_ = 0;
};

/// A key's numbers: of mixtures hidden size, experts and choices, else head size, window, nothing.
std::string sizes_of(const PackKey& key) {
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

void read_grid(Lines& lines, PackTable& table) {
  std::size_t cells = 1, axis = 0;
  for (; lines.next() && lines.line().starts_with("axis "); ++axis) {
    static_cast<void>(lines.word());
    if (axis == kPackAxes) lines.fail("at most four axes", lines.line());
    std::vector<double>& grid = table.grid[axis];
    while (!lines.line().empty()) {
      const double x = lines.real();
      if (!(x > (grid.empty() ? 0 : grid.back()))) lines.fail("ascending coordinates", "less");
      grid.push_back(x);
    }
    if (grid.empty()) lines.fail("coordinates", "");
    cells *= grid.size();
    if (cells > kMostValues) lines.fail("at most 2^20 values", "more");
  }
  if (axis == 0 || lines.line() != "values") lines.fail("axes, then values", lines.line());
}

void read_values(Lines& lines, PackTable& table) {
  std::size_t wanted = 1;
  for (const auto& grid : table.grid) wanted *= std::max<std::size_t>(grid.size(), 1);
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
  std::string text = "headroom-pack 2\ndevice " + pack.device + "\nsource " + pack.source + "\n";
  for (const PackTable& table : pack.tables) {
    const PackKey& key = table.key;
    text += std::string("table ") + to_string(key.op) + " " + to_string(key.compute) + " " +
            to_string(key.stored) + sizes_of(key) + " " + table.library + " " + table.version +
            " " + std::to_string(table.rows) + " " + number(table.median_error) + " " +
            number(table.p90_error) + "\n";
    for (const auto& grid : table.grid) {
      if (grid.empty()) break;
      text += "axis";
      for (const double x : grid) text += " " + number(x);
      text += "\n";
    }
    text += "values\n";
    const std::string values = encode(table.values);
    // A line does not break within an escape.
    for (std::size_t at = 0; at < values.size();) {
      std::size_t end = at;
      while (end < values.size() && end - at < kWidth)
        end += values[end] == kEscape ? std::size_t{4} : std::size_t{1};
      text += values.substr(at, end - at) + "\n";
      at = end;
    }
  }
  return text;
}

Pack parse_pack(std::string_view text, const std::string& where) {
  Lines lines(text, where);
  if (!lines.next() || lines.line() != "headroom-pack 2")
    lines.fail("'headroom-pack 2'", lines.line());
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
      table.rows = static_cast<std::int64_t>(lines.real());
      table.median_error = lines.real();
      table.p90_error = lines.real();
      read_grid(lines, table);
      read_values(lines, table);
      table.finish();
      pack.tables.push_back(std::move(table));
    } else {
      lines.fail("device, source or table", what);
    }
  }
  return pack;
}

}  // namespace headroom
