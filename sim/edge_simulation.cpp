#include "sim/edge_simulation.h"

#include "sim/check.h"

namespace headroom {

namespace {

EdgeLaws laws_of(const EdgeSetup& setup) {
  const auto law = [&setup](const DistributionSpec& spec) { return EdgeLaw(spec, setup.where); };
  EdgeLaws laws{{},
                law(setup.cloud.time_factor),
                law(setup.cloud.latency),
                law(setup.cloud.upload_factor),
                law(setup.loss_spread),
                law(setup.loss_prediction)};
  for (std::size_t t = 0; t < setup.types.size(); ++t) {
    const bool own = t < setup.own_edge_factors.size() && setup.own_edge_factors[t];
    laws.edge_factors.push_back(law(own ? *setup.own_edge_factors[t] : setup.edge_factor));
  }
  return laws;
}

}  // namespace

EdgeSites::EdgeSites(const EdgeSetup& setup, RemoteCloud* remote, EdgeMetrics& metrics)
    : setup_(setup), laws_(laws_of(setup)), metrics_(metrics) {
  SIM_CHECK(!setup.types.empty() && setup.workload != nullptr && setup.make_policy != nullptr,
            "a run of edge sites has types, a workload and a policy");
  SIM_CHECK(setup.window > Duration(0), "windows have a length");
  check_context() = CheckContext{};
  context_.types = &setup.types;
  context_.cloud = &setup.cloud;
  context_.window = setup.window;
  context_.remote = remote;
  context_.observers = &setup.observers;
  context_.policy_name = setup.policy_name.c_str();
  context_.seed = setup.seed;
  metrics.types.resize(setup.types.size());
}

std::unique_ptr<EdgeSite> EdgeSites::make(std::uint32_t site) const {
  return std::make_unique<EdgeSite>(context_, site, setup_.make_policy(),
                                    setup_.workload->open_site(site),
                                    EdgeTimes(setup_.cloud, laws_, setup_.seed, site),
                                    EdgeLosses(laws_, setup_.seed, site), metrics_);
}

EdgeMetrics simulate_edges(const EdgeSetup& setup) {
  EdgeMetrics metrics;
  const EdgeSites sites(setup, nullptr, metrics);
  for (std::uint32_t i = 0; i < setup.workload->sites(); ++i) {
    const std::unique_ptr<EdgeSite> site = sites.make(i);
    while (site->next() < Instant::never()) {
      site->step();
      if (setup.stop != nullptr && setup.stop->load(std::memory_order_relaxed)) return metrics;
    }
    site->finish();
  }
  return metrics;
}

}  // namespace headroom
