// An answer that nobody looks at is a mistake. g++ 12 is silent about virtual calls: none here.
// clang-format off
// case 1: whether blocks could be had | nodiscard
// case 2: whether a swapped request came back | nodiscard
// case 3: a conversion of seconds | nodiscard
// case 4: an amount of tokens | nodiscard
// case 5: a random draw | nodiscard
// clang-format on
#include "sim/policy.h"

namespace headroom {

bool allowed(BatchPlan& plan, RandomStream& random) {
  return plan.grow(plan.waiting(0), Tokens(1)) && plan.swap_in(plan.swapped(0)) &&
         random.below(2) == 0;
}

#if CASE == 1
void broken(BatchPlan& plan) { plan.grow(plan.waiting(0), Tokens(1)); }
#elif CASE == 2
void broken(BatchPlan& plan) { plan.swap_in(plan.swapped(0)); }
#elif CASE == 3
void broken() { duration_from_seconds(1.0); }
#elif CASE == 4
void broken(const RequestView& request) { request.prompt(); }
#elif CASE == 5
void broken(RandomStream& random) { random.bits(); }
#endif

}  // namespace headroom
