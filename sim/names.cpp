// The words by which reports and messages call the core's enumerators.
#include "sim/cost_model.h"
#include "sim/request.h"

namespace headroom {

const char* to_string(OperatorClass operator_class) {
  switch (operator_class) {
    case OperatorClass::gemm:
      return "gemm";
    case OperatorClass::prefill_attention:
      return "prefill_attention";
    case OperatorClass::decode_attention:
      return "decode_attention";
    case OperatorClass::moe:
      return "moe";
    case OperatorClass::collective:
      return "collective";
    case OperatorClass::elementwise:
      return "elementwise";
    case OperatorClass::host:
      return "host";
  }
  return "unknown";
}

const char* to_string(Evidence evidence) {
  switch (evidence) {
    case Evidence::measured:
      return "measured";
    case Evidence::interpolated:
      return "interpolated";
    case Evidence::extrapolated:
      return "extrapolated";
  }
  return "unknown";
}

const char* to_string(RejectReason reason) {
  switch (reason) {
    case RejectReason::admission:
      return "admission";
    case RejectReason::prompt_too_long:
      return "prompt_too_long";
    case RejectReason::never_fits:
      return "never_fits";
    case RejectReason::replica_lost:
      return "replica_lost";
  }
  return "unknown";
}

}  // namespace headroom
