// An index of one kind of thing is not an index of another (sim/units.h).
// clang-format off
// case 1: a replica is passed where a node is expected | could not convert|no matching function|cannot convert
// case 2: a replica is compared with a node | no match for .operator.|invalid operands
// case 3: a bare number becomes a replica | conversion from .int. to|no viable conversion
// case 4: a replica is used as an index without saying so | cannot convert|no viable conversion
// case 5: ids are added | no match for .operator.|invalid operands
// case 6: a slot of the live table is taken for the request that stands in it | conversion from|no viable conversion
// clang-format on
#include "sim/units.h"

namespace headroom {

std::uint32_t place(NodeId node) { return node.index(); }

bool allowed() {
  return place(NodeId(3)) == 3 && ReplicaId(1) < ReplicaId(2) && ReplicaId() == ReplicaId::none();
}

#if CASE == 1
auto broken() { return place(ReplicaId(1)); }
#elif CASE == 2
bool broken() { return ReplicaId(1) == NodeId(1); }
#elif CASE == 3
ReplicaId broken = 1;
#elif CASE == 4
std::uint32_t broken() { return ReplicaId(1); }
#elif CASE == 5
auto broken() { return ReplicaId(1) + 1; }
#elif CASE == 6
RequestId broken = RequestSlot(1);
#endif

}  // namespace headroom
