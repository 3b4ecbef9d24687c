// Bytes on their way: flows that share links, each at its max-min fair rate.
//
// A flow holds its links while its bytes drain, then lands after the latency of its path: alone it
// takes bytes / bandwidth + latency. Whenever a flow starts or drains, all rates are found anew by
// progressive filling (Bertsekas and Gallager, Data Networks, 1992, section 6.5.2).
// Laws: no link carries more than its capacity. Each draining flow crosses a link on which no flow
// is faster and whose idle capacity is below one rate unit per flow. Every byte is counted once on
// every link that its flow crosses. Same calls, same instants. Rounding: bytes and rates are
// integers, 2^-32 byte and 2^-32 byte per nanosecond (0.23 B/s); capacities and shares are rounded
// down. A flow drains at the first whole nanosecond by which all of its bytes are through; what its
// last nanosecond could have carried beyond is left idle.
// Cost: a change of rates is O(rounds * (links in use + flows * path length)), at most one round a
// link in use; none for calls in between. No allocation once warm.
// Not here: the route (sim/topology.h), packets, congestion control, retransmission.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "sim/topology.h"
#include "sim/units.h"

namespace headroom {

/// A flow whose last byte has landed.
struct LandedFlow {
  FlowId id;
  Bytes bytes;
  Instant start;
  Instant drained;  ///< its links are free from here on
  Instant landed;   ///< drained + latency
};

class Network {
 public:
  /// Largest flow: 1 PiB. Largest number of flows at a time: 2^20. Link capacities: 1 MB/s to 1
  /// PB/s. Within these bounds every rate is above 0 and no sum overflows.
  static constexpr Bytes kMostBytes{std::int64_t{1} << 50};
  static constexpr std::size_t kMostFlows = std::size_t{1} << 20;
  static constexpr BytesPerSecond kLeastCapacity{1e6};
  static constexpr BytesPerSecond kMostCapacity{1e15};

  /// Links 0, 1, ... with these capacities (SIM_CHECK: within the bounds above).
  explicit Network(std::span<const BytesPerSecond> capacities);
  explicit Network(const Topology& topology);

  /// Sends `bytes` (0 to kMostBytes) along `path`, which names no link twice; an empty path only
  /// takes the latency (>= 0). The clock moves to `now` as by `advance`, which must have been asked
  /// for all that lands before.
  FlowId start_flow(std::span<const LinkId> path, Bytes bytes, Duration latency, Instant now);

  /// Takes a flow that has not landed off its links; what they carried of it stays counted. `now`
  /// as for `start_flow`.
  void cancel(FlowId id, Instant now);

  /// The next instant at which a flow drains or lands; never() when there is none. Call `advance`
  /// no later than then.
  [[nodiscard]] Instant next_event();

  /// Moves the clock to `now` (never back) and appends what has landed by then, by (instant, order
  /// of start).
  void advance(Instant now, std::vector<LandedFlow>& landed);

  [[nodiscard]] Instant now() const { return now_; }
  /// Flows that have not landed.
  [[nodiscard]] std::size_t flows() const { return order_.size(); }
  /// Rate of a flow as of now: 0 when it is past its links, nothing when it has landed.
  [[nodiscard]] std::optional<BytesPerSecond> rate(FlowId id);
  /// Bytes that have not left yet, a begun byte counting whole; nothing when the flow has landed.
  [[nodiscard]] std::optional<Bytes> remaining(FlowId id) const;
  /// Whole bytes that a link has carried so far.
  [[nodiscard]] Bytes carried(LinkId link) const;

 private:
  /// Amounts are in 2^-32 byte, rates in 2^-32 byte per nanosecond.
  struct Flow {
    FlowId id;
    Bytes bytes;
    Duration latency;
    Instant start;
    Instant drained = Instant::never();  ///< foreseen at the present rate, then true
    Int128 remaining = 0;
    std::int64_t rate = 0;
    bool draining = true;
    std::vector<LinkId> path;
    [[nodiscard]] Instant landed() const { return drained + latency; }
  };

  [[nodiscard]] const Flow* find(FlowId id) const;
  void solve();
  void fill_links();
  [[nodiscard]] std::size_t tightest_link() const;
  void fix_flows_on(std::size_t link, std::int64_t share);
  void foresee();
  void carry_until(Instant time);
  void step(Instant time, std::vector<LandedFlow>& landed);

  std::vector<std::int64_t> capacity_;
  std::vector<Int128> carried_;
  std::vector<Flow> flows_;           ///< slots, reused
  std::vector<std::uint32_t> free_;   ///< free slots
  std::vector<std::uint32_t> order_;  ///< slots in use, by order of start
  Instant now_;
  Instant next_ = Instant::never();  ///< valid when rates are
  bool rates_valid_ = true;
  std::uint32_t started_ = 0;

  // Work space of `solve`, by link.
  std::vector<std::int64_t> left_;     ///< capacity not yet given out
  std::vector<std::int32_t> unfixed_;  ///< flows without a rate yet
  std::vector<std::uint32_t> used_;    ///< links crossed by any draining flow, ascending
};

}  // namespace headroom
