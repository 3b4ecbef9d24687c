// Edge sites whose cloud is a serving cluster of the same run: their calls are its requests, its
// queues are their latency.
//
// To the cluster this is a source of requests (a closed loop: an answer may move what a site does
// next); to the sites it is a cloud. One clock: a site steps when the cluster's simulation has come
// to that time. A call reaches the cluster after the site's network; its answer needs no time back.
// A call that is answered after the timeout, or rejected, has failed; its place among the site's
// calls is held until then.
// Laws: those of sim/edge_site.h; next_arrival() never goes back.
// Cost: O(log sites) an event; memory of all sites at once.
#pragma once

#include <memory>
#include <vector>

#include "sim/edge_simulation.h"
#include "sim/edge_site.h"
#include "sim/metrics.h"
#include "sim/request_source.h"

namespace headroom {

class EdgeServing final : public RequestSource, public MetricsSink, private RemoteCloud {
 public:
  /// `setup` outlives this. Add this to the simulation as its source and as a sink. Throws
  /// InputError.
  explicit EdgeServing(const EdgeSetup& setup);

  [[nodiscard]] Instant next_arrival() const override;
  [[nodiscard]] bool brings_request() const override;
  void step() override;
  [[nodiscard]] RequestSpec take() override;
  void on_left(const RequestSpec& request, Instant when) override;
  void on_rejected(const RejectedRequest& request) override;

  /// What the sites leave behind, once the simulation has ended.
  [[nodiscard]] EdgeMetrics finish();

 private:
  struct Pending {
    Instant time;
    std::uint32_t index;  ///< of a site or of a call
    /// Of a heap whose top is first; ties by index.
    [[nodiscard]] bool operator<(const Pending& other) const {
      return time != other.time ? time > other.time : index > other.index;
    }
  };
  struct Call {
    std::uint32_t site = 0, slot = 0;
    Tokens prompt{1}, output{1};
  };

  void call(std::uint32_t site, std::uint32_t slot, Instant reaches,
            const EdgeTaskType& type) override;
  /// Enters a site's next time anew.
  void enter(std::uint32_t site);
  void drop_stale();

  EdgeMetrics metrics_;
  EdgeSites makers_;
  std::vector<std::unique_ptr<EdgeSite>> sites_;
  std::vector<Pending> next_sites_;  ///< heap; entries whose time has passed are stale
  std::vector<Call> calls_;
  std::vector<std::uint32_t> free_calls_;
  std::vector<Pending> to_come_;  ///< heap of calls on their way to the cluster
  bool rejected_ = false;         ///< the request that leaves next got no answer
};

}  // namespace headroom
