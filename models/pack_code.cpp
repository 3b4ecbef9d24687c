#include "models/pack_code.h"

#include <algorithm>

#include "sim/check.h"

namespace headroom {
namespace {

constexpr int kBits = 15;  ///< of a probability
constexpr std::uint32_t kLeastRange = 1U << 24;
constexpr char kFirst = '#';
constexpr std::uint32_t kRadix = 85;

/// Quick at first, then over about 32 bits.
int rate(std::uint16_t seen) {
  return seen < 2 ? 1 : seen < 4 ? 2 : seen < 10 ? 3 : seen < 24 ? 4 : 5;
}

std::string to_characters(std::vector<std::uint8_t> bytes) {
  bytes.resize((bytes.size() + 3) / 4 * 4, 0);
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 4) {
    std::uint32_t word = 0;
    for (std::size_t j = 0; j < 4; ++j) word = word << 8 | bytes[i + j];
    std::array<char, 5> digits{};
    for (std::size_t j = 5; j-- > 0; word /= kRadix)
      digits[j] = static_cast<char>(kFirst + static_cast<char>(word % kRadix));
    text.append(digits.data(), digits.size());
  }
  return text;
}

std::optional<std::vector<std::uint8_t>> to_bytes(std::string_view text) {
  if (text.size() % 5 != 0) return std::nullopt;
  std::vector<std::uint8_t> bytes;
  bytes.reserve(text.size() / 5 * 4);
  for (std::size_t i = 0; i < text.size(); i += 5) {
    std::uint64_t word = 0;
    for (std::size_t j = 0; j < 5; ++j) {
      const int digit = text[i + j] - kFirst;
      if (digit < 0 || digit >= static_cast<int>(kRadix)) return std::nullopt;
      word = word * kRadix + static_cast<std::uint64_t>(digit);
    }
    if (word >> 32 != 0) return std::nullopt;
    for (int shift = 24; shift >= 0; shift -= 8)
      bytes.push_back(static_cast<std::uint8_t>(word >> shift));
  }
  return bytes;
}

std::int64_t floor_divide(std::int64_t a, std::int64_t b) {
  return a >= 0 ? a / b : -((-a + b - 1) / b);
}

/// Half octaves of one more than the mean of `count` sizes, at most 11; 0 of none.
std::size_t half_octaves(std::int64_t sum, std::int64_t count) {
  // 2^(i/2) - 1, in thousandths.
  static constexpr std::array<std::int64_t, 11> kFrom{414,   1000,  1828,  3000,  4657, 7000,
                                                      10314, 15000, 21627, 31000, 44255};
  std::size_t at = 0;
  while (sum > 0 && at < kFrom.size() && sum * 1000 >= kFrom[at] * count) ++at;
  return at;
}

}  // namespace

class LevelCode::Encoder {
 public:
  bool bit(Bit& bit, bool value) {
    const std::uint32_t bound = (range_ >> kBits) * bit.zero;
    if (!value) {
      range_ = bound;
    } else {
      low_ += bound;
      range_ -= bound;
    }
    while (range_ < kLeastRange) {
      range_ <<= 8;
      shift();
    }
    return value;
  }
  [[nodiscard]] std::vector<std::uint8_t> finish() {
    for (int i = 0; i < 5; ++i) shift();
    bytes_.erase(bytes_.begin());  // the first is the carry's place
    // What a reader takes for zeros behind the end need not be written.
    while (!bytes_.empty() && bytes_.back() == 0) bytes_.pop_back();
    return std::move(bytes_);
  }
  [[nodiscard]] static constexpr bool reads() { return false; }

 private:
  void shift() {
    if (low_ < 0xFF000000U || low_ > 0xFFFFFFFFU) {
      const auto carry = static_cast<std::uint8_t>(low_ >> 32);
      bytes_.push_back(static_cast<std::uint8_t>(cache_ + carry));
      for (; pending_ > 0; --pending_) bytes_.push_back(static_cast<std::uint8_t>(0xFF + carry));
      cache_ = static_cast<std::uint8_t>(low_ >> 24);
    } else {
      ++pending_;
    }
    low_ = (low_ & 0x00FFFFFFU) << 8;
  }
  std::uint64_t low_ = 0;
  std::uint32_t range_ = 0xFFFFFFFFU;
  std::uint8_t cache_ = 0;
  std::int64_t pending_ = 0;
  std::vector<std::uint8_t> bytes_{};
};

class LevelCode::Decoder {
 public:
  explicit Decoder(std::span<const std::uint8_t> bytes) : bytes_(bytes) {
    for (int i = 0; i < 4; ++i) code_ = code_ << 8 | next();
  }
  bool bit(Bit& bit, bool /*value*/) {
    const std::uint32_t bound = (range_ >> kBits) * bit.zero;
    const bool value = code_ >= bound;
    if (!value) {
      range_ = bound;
    } else {
      code_ -= bound;
      range_ -= bound;
    }
    while (range_ < kLeastRange) {
      range_ <<= 8;
      code_ = code_ << 8 | next();
    }
    return value;
  }
  /// Whether all bytes were needed, but for padding.
  [[nodiscard]] bool at_end() const { return at_ + 4 > bytes_.size(); }
  [[nodiscard]] static constexpr bool reads() { return true; }

 private:
  std::uint8_t next() { return at_ < bytes_.size() ? bytes_[at_++] : (++at_, std::uint8_t{0}); }
  std::span<const std::uint8_t> bytes_;
  std::size_t at_ = 0;
  std::uint32_t range_ = 0xFFFFFFFFU, code_ = 0;
};

/// Codes `value`, or reads it: then the argument means nothing.
template <class Coder>
std::int32_t LevelCode::difference(Coder& coder, Context& context, std::int32_t value) {
  const auto bit = [&](Bit& one, bool set) {
    const bool got = coder.bit(one, set);
    const int by = rate(one.seen);
    // Never so sure that the other bit has no room.
    constexpr int kRoom = 1 << 6;
    const int to = got ? kRoom : (1 << kBits) - kRoom;
    one.zero = static_cast<std::uint16_t>(one.zero + ((to - one.zero) >> by));
    one.seen = static_cast<std::uint16_t>(std::min(one.seen + 1, 1000));
    return got;
  };
  if (!bit(context.same, value != 0)) return 0;
  const bool below = bit(context.below, value < 0);
  const std::int32_t size = value < 0 ? -value : value;
  std::int32_t read = 1;
  for (Bit& more : context.more) {
    if (!bit(more, size > read)) return below ? -read : read;
    ++read;
  }
  // The rest in Elias' gamma code.
  const auto rest = static_cast<std::uint32_t>(size - read + 1);
  std::size_t length = 0;
  while (length + 1 < kLength && bit(lengths_[length], rest >> (length + 1) != 0)) ++length;
  std::uint32_t got = 1;
  for (std::size_t i = length; i-- > 0;) {
    Bit even;
    got = got << 1 | static_cast<std::uint32_t>(coder.bit(even, (rest >> i & 1) != 0));
  }
  read += static_cast<std::int32_t>(got) - 1;
  return below ? -read : read;
}

template <class Coder>
void LevelCode::levels(Coder& coder, std::span<std::int32_t> all,
                       std::span<const std::size_t> sizes) {
  SIM_CHECK(sizes.size() < kNear, "a grid has at most four axes");
  std::array<std::size_t, kNear> strides{};
  strides.fill(1);
  for (std::size_t axis = sizes.size(); axis-- > 1;)
    strides[axis - 1] = strides[axis] * sizes[axis];
  std::vector<std::int32_t> off(all.size(), 0);
  std::array<std::size_t, kNear> at{}, back{};  // coordinates; distances to the neighbours before
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::size_t near = 0;
    for (std::size_t axis = 0; axis < sizes.size(); ++axis)
      if (at[axis] > 0) back[near++] = strides[axis];
    std::int64_t sum = near == 1 ? all[i - back[0]] : 0, around = 0;
    for (std::size_t a = 0; a < near; ++a) {
      around += off[i - back[a]];
      for (std::size_t b = a + 1; b < near; ++b)
        sum += all[i - back[a]] + all[i - back[b]] - all[i - back[a] - back[b]];
    }
    static constexpr std::array<std::int64_t, kNear> kPairs{1, 1, 1, 3, 6};
    const std::int64_t count = kPairs[near];
    const auto predicted = static_cast<std::int32_t>(std::clamp<std::int64_t>(
        floor_divide(2 * sum + count, 2 * count), -kMostLevel, kMostLevel));
    Context& context = contexts_[near][half_octaves(around, static_cast<std::int64_t>(near))];
    const std::int32_t value = difference(coder, context, all[i] - predicted);
    off[i] = value < 0 ? -value : value;
    // What text that is no table's gives stays within bounds, too.
    if constexpr (Coder::reads())
      all[i] = std::clamp(predicted + value, -kMostLevel - 1, kMostLevel + 1);
    for (std::size_t axis = sizes.size(); axis-- > 0 && ++at[axis] == sizes[axis];) at[axis] = 0;
  }
}

std::string LevelCode::encode(std::span<const std::int32_t> levels,
                              std::span<const std::size_t> sizes) {
  std::vector<std::int32_t> all(levels.begin(), levels.end());
  for (const std::int32_t level : all)
    SIM_CHECK(level >= -kMostLevel && level <= kMostLevel, "levels lie within the code's bounds");
  Encoder coder;
  this->levels(coder, all, sizes);
  return to_characters(coder.finish());
}

std::optional<std::vector<std::int32_t>> LevelCode::decode(std::string_view text,
                                                           std::span<const std::size_t> sizes) {
  const auto bytes = to_bytes(text);
  if (!bytes) return std::nullopt;
  std::size_t count = 1;
  for (const std::size_t size : sizes) count *= size;
  std::vector<std::int32_t> all(count, 0);
  Decoder coder(*bytes);
  levels(coder, all, sizes);
  const bool bounded = std::all_of(all.begin(), all.end(), [](std::int32_t level) {
    return level >= -kMostLevel && level <= kMostLevel;
  });
  if (!bounded || !coder.at_end()) return std::nullopt;
  return all;
}

}  // namespace headroom
