// One of two pools judged alone (Zhong et al., OSDI 2024, section 4.1): the other has more
// replicas than ever wait for each other.
//
// Law: taken to serve the judged pool no worse than any real one; KV must move in no time (the
// caller drops the wiring).
#pragma once

#include <cstddef>

#include "sim/cli/assemble.h"

namespace headroom {

constexpr std::int64_t kPlenty = 64;

/// Gives all groups but `judged` kPlenty replicas each.
inline void give_company(Assembly& assembly, std::size_t judged) {
  for (std::size_t i = 0; i < assembly.groups.size(); ++i) {
    AssembledGroup& group = assembly.groups[i];
    if (i == judged || group.spec.replicas >= kPlenty) continue;
    assembly.replicas += kPlenty - group.spec.replicas;
    assembly.gpus += (kPlenty - group.spec.replicas) * group.spec.devices();
    group.spec.replicas = kPlenty;
    group.places.resize(kPlenty, group.places.front());
  }
}

}  // namespace headroom
