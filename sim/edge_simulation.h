// A run of edge sites: every task of a workload, from arrival to outcome.
//
// Sites share nothing but the laws they draw from (each has its own accelerator, scheduler, calls
// and uplink), so they run one after the other; where their cloud is a simulated cluster,
// sim/edge_serving.h runs them side by side.
// Law: same setup, same metrics, to the byte; every task ends in exactly one outcome.
// Cost: about 0.3 us a task on one core; memory of one site at a time.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/edge_cloud.h"
#include "sim/edge_losses.h"
#include "sim/edge_metrics.h"
#include "sim/edge_policy.h"
#include "sim/edge_site.h"
#include "sim/edge_task.h"

namespace headroom {

struct EdgeSetup {
  std::vector<EdgeTaskType> types;
  const EdgeWorkload* workload = nullptr;  ///< outlives the run
  std::function<std::unique_ptr<DispatchPolicy>()> make_policy;
  std::string policy_name;
  DistributionSpec edge_factor{};  ///< actual over expected time of a run at the edge
  /// Instead of it, by type; empty, or one a type, none where `edge_factor` holds.
  std::vector<std::optional<DistributionSpec>> own_edge_factors{};
  /// Loss of a model on a task, over its mean.
  DistributionSpec loss_spread{DistributionSpec::Kind::constant, 1};
  /// What a router expects, over the loss.
  DistributionSpec loss_prediction{DistributionSpec::Kind::constant, 1};
  EdgeCloudSetup cloud{};
  Duration window{20'000'000'000};
  std::uint64_t seed = 1;
  std::vector<EdgeObserver*> observers{};   ///< outlive the run
  const std::atomic<bool>* stop = nullptr;  ///< when it turns true, the run ends early
  std::string where = "edge";               ///< place of the laws, for errors
};

/// The sites of a setup, made one by one.
class EdgeSites {
 public:
  /// `setup` outlives this; `remote` may be null. Throws InputError for a law that is none.
  EdgeSites(const EdgeSetup& setup, RemoteCloud* remote, EdgeMetrics& metrics);
  [[nodiscard]] std::unique_ptr<EdgeSite> make(std::uint32_t site) const;

 private:
  const EdgeSetup& setup_;
  EdgeSiteContext context_;
  EdgeLaws laws_;
  EdgeMetrics& metrics_;
};

/// Runs all sites to the end, or until `stop`. Requires types, a workload and a policy.
[[nodiscard]] EdgeMetrics simulate_edges(const EdgeSetup& setup);

}  // namespace headroom
