#include "sim/check.h"

#include <cstdio>
#include <cstdlib>

namespace headroom {

CheckContext& check_context() noexcept {
  thread_local CheckContext context;
  return context;
}

void law_broken(const char* law, const char* condition, const char* file, int line) {
  const CheckContext& at = check_context();
  std::fprintf(stderr,
               "headroom: law broken: %s\n"
               "  condition: %s (%s:%d)\n"
               "  policy %s, request %lld, time %lld ns, event %llu, seed %llu\n"
               "  This is a bug in Headroom or in the policy named above; please report it.\n",
               law, condition, file, line, at.policy, static_cast<long long>(at.request),
               static_cast<long long>(at.now_ns), static_cast<unsigned long long>(at.event_number),
               static_cast<unsigned long long>(at.seed));
  std::fflush(stderr);
  std::abort();
}

}  // namespace headroom
