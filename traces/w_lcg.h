// The deterministic workload "W-LCG": any language draws the same requests from a 31-bit linear
// congruential generator.
//
// Law: x0 = 20240717, x' = (1103515245 x + 12345) mod 2^31, u = x / 2^31; each request draws ua
// (arrival), up (prompt), uo (output) in this order; t_0 = 0, t_i = t_{i-1} - ln(1 - ua) / rate;
// lengths are the truncated values of piecewise linear quantile functions close to ShareGPT as
// DistServe used it (means 750 and 196; DistServe, OSDI 2024, figure 7); prompt + output <= 2047.
// The 512/64 variant draws ua only.
// Cost: 20 ns a request.
#pragma once

#include <cstdint>

#include "sim/units.h"

namespace headroom {

class WLcg {
 public:
  enum class Lengths : std::uint8_t { sharegpt, constant_512_64 };
  /// Requires rate > 0.
  WLcg(Lengths lengths, double rate) : lengths_(lengths), rate_(rate) {}

  struct Request {
    double arrival_s = 0;
    Tokens prompt, output;
  };
  [[nodiscard]] Request next();

 private:
  [[nodiscard]] double uniform();

  Lengths lengths_;
  double rate_;
  std::uint32_t state_ = 20240717;
  double arrival_s_ = 0;
  bool first_ = true;
};

}  // namespace headroom
