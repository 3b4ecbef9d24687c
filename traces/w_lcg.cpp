#include "traces/w_lcg.h"

#include <algorithm>
#include <array>

#include "sim/math.h"

namespace headroom {
namespace {

struct Knot {
  double u, tokens;
};
constexpr std::array<Knot, 7> kPrompt{
    {{0, 4}, {.1, 50}, {.25, 200}, {.5, 620}, {.75, 1220}, {.9, 1700}, {1, 2000}}};
constexpr std::array<Knot, 7> kOutput{
    {{0, 4}, {.1, 20}, {.25, 60}, {.5, 150}, {.75, 290}, {.9, 430}, {1, 700}}};
constexpr std::int64_t kMostTokens = 2047;  // OPT's context of 2,048 less one

[[nodiscard]] std::int64_t quantile(const std::array<Knot, 7>& knots, double u) {
  std::size_t i = 1;
  while (i + 1 < knots.size() && u > knots[i].u) ++i;
  const Knot& low = knots[i - 1];
  const Knot& high = knots[i];
  return static_cast<std::int64_t>(low.tokens +
                                   (high.tokens - low.tokens) * (u - low.u) / (high.u - low.u));
}

}  // namespace

double WLcg::uniform() {
  constexpr std::uint32_t kMask = (std::uint32_t{1} << 31) - 1;
  state_ = (1103515245U * state_ + 12345U) & kMask;
  return static_cast<double>(state_) * 0x1p-31;
}

WLcg::Request WLcg::next() {
  const double ua = uniform();
  if (!first_) arrival_s_ -= portable_log(1 - ua) / rate_;
  first_ = false;
  if (lengths_ == Lengths::constant_512_64) return {arrival_s_, Tokens(512), Tokens(64)};
  const std::int64_t prompt = quantile(kPrompt, uniform());
  std::int64_t output = quantile(kOutput, uniform());
  if (prompt + output > kMostTokens) output = std::max<std::int64_t>(1, kMostTokens - prompt);
  return {arrival_s_, Tokens(prompt), Tokens(output)};
}

}  // namespace headroom
