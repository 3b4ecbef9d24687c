// Accept: every request enters.
#include "sim/policy.h"
#include "sim/registry.h"

namespace headroom {
namespace {

class Accept final : public AdmissionPolicy {
 public:
  AdmissionDecision admit(const RequestView&, const ClusterView&) override {
    return AdmissionDecision::accept();
  }
};

const RegisterAdmissionPolicy kRegistered{
    "accept", "every request enters", {}, [](const Parameters&) {
      return std::make_unique<Accept>();
    }};

}  // namespace
}  // namespace headroom
