// Queue limit: rejects while as many requests wait as the replicas together may keep waiting.
//
// Bounds the time in queue at the price of rejections (a finite buffer, as in M/M/c/K). O(replicas)
// a request.
#include "sim/policy.h"
#include "sim/registry.h"

namespace headroom {
namespace {

const std::vector<ParameterSpec> kParameters{
    {"limit",
     ParameterSpec::Kind::integer,
     1,
     1 << 30,
     "100",
     {},
     "waiting requests a replica, averaged over the cluster, that are still let in"},
};

class QueueLimit final : public AdmissionPolicy {
 public:
  explicit QueueLimit(const Parameters& parameters) : limit_(parameters.integer("limit")) {}

  AdmissionDecision admit(const RequestView&, const ClusterView& cluster) override {
    std::int64_t waiting = 0;
    for (std::uint32_t i = 0; i < cluster.replicas(); ++i) {
      waiting += cluster.waiting_requests(ReplicaId(i));
    }
    return waiting < limit_ * cluster.replicas() ? AdmissionDecision::accept()
                                                 : AdmissionDecision::reject();
  }

 private:
  std::int64_t limit_;
};

const RegisterAdmissionPolicy kRegistered{
    "queue-limit", "rejects while the cluster's queues are full", kParameters,
    [](const Parameters& p) { return std::make_unique<QueueLimit>(p); }};

}  // namespace
}  // namespace headroom
