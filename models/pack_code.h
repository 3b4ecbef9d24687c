// A pack's numbers as printable characters: what neighbours on the grid do not tell, in an adaptive
// binary arithmetic code.
//
// A number is predicted from the neighbours before it (the mean, over pairs of axes, of the
// parallelogram that three neighbours begin); the difference is coded bit by bit, each bit with a
// probability learnt so far in its context: how far off the neighbours' predictions were. Range
// coding as in LZMA (G. N. N. Martin, Range encoding, 1979; I. Pavlov's LZMA specification),
// numbers in bytes, four bytes in five characters from '#' on.
//
// Law: what was encoded is decoded, table by table in the same order; any text ends in numbers of
// at most `kMostLevel` or in nothing. Cost: about 30 ns a number. Not here: what the numbers mean
// (models/pack_text.cpp).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace headroom {

/// Of a level's size; larger ones are not encoded.
constexpr std::int32_t kMostLevel = 1 << 14;

/// Probabilities learnt, kept from one table to the next.
class LevelCode {
 public:
  /// `levels` on a grid of `sizes`, last axis fastest.
  [[nodiscard]] std::string encode(std::span<const std::int32_t> levels,
                                   std::span<const std::size_t> sizes);
  /// Nothing where `text` is no such table's.
  [[nodiscard]] std::optional<std::vector<std::int32_t>> decode(std::string_view text,
                                                                std::span<const std::size_t> sizes);

 private:
  struct Bit {
    std::uint16_t zero = 1 << 14;  ///< probability of a 0, in 2^-15
    std::uint16_t seen = 0;
  };
  static constexpr std::size_t kNear = 5, kOff = 12, kUnary = 16, kLength = 16;
  struct Context {
    Bit same{}, below{};
    std::array<Bit, kUnary> more{};
  };
  class Encoder;
  class Decoder;
  template <class Coder>
  [[nodiscard]] std::int32_t difference(Coder& coder, Context& context, std::int32_t value);
  template <class Coder>
  void levels(Coder& coder, std::span<std::int32_t> all, std::span<const std::size_t> sizes);

  std::array<std::array<Context, kOff>, kNear> contexts_{};
  std::array<Bit, kLength> lengths_{};
};

}  // namespace headroom
