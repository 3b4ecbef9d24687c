// log, exp and pow whose bits do not depend on the CPU, and the quantile of a sorted sample.
//
// glibc selects variants of the three by CPU at run time and their last bits differ; a simulation
// therefore uses these.
// Law: results depend on the argument's bits only (compiled with -ffp-contract=off). Error: at most
// 2 ulp for log and exp over their whole range, 1e-13 relative for pow with results in [1e-300,
// 1e300].
#pragma once

#include <span>

namespace headroom {

/// Natural logarithm. log(0) is -infinity, negative arguments give NaN.
[[nodiscard]] double portable_log(double x);
/// Exponential; overflow gives infinity, underflow 0.
[[nodiscard]] double portable_exp(double x);
/// x to the power y for x >= 0.
[[nodiscard]] double portable_pow(double x, double y);

/// The nearest-rank quantile: the ceil(share * n)-th smallest of n values sorted ascending, at
/// least the first and at most the last. Requires n > 0.
[[nodiscard]] double nearest_rank(std::span<const double> sorted, double share);

}  // namespace headroom
