// Which replicas serve, and when: autoscaling, start-up, failures and repairs, spot reclaims,
// rolling restarts.
//
// A replica is off, starting, up, draining or down. Only those that are up get new requests; one
// that drains finishes what it has and turns off. A failure loses the KV of all its requests: they
// go to another replica and compute prompt and generated tokens again, or get no answer. Between
// pools that means the way of a new request; a finished prompt whose KV is still on its prefill
// replica loses nothing with a decode replica and is offered to another one. Requests that find no
// replica up wait for one. Replicas scale in units, each with its own policy and signals. Laws:
// requests are conserved; a replica is paid from the start of its start-up until it is off, time
// down included; without dynamics nothing here runs; up-times and repairs of a replica are drawn
// from its own stream, so that policies are compared on the same luck. Cost: O(replicas) a change,
// nothing an iteration. Not here: how many should serve (sim/scaling_policy.h); what pools do with
// KV in line and under way (sim/pools.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/pools.h"
#include "sim/random.h"
#include "sim/scaling_policy.h"

namespace headroom {

/// From `at` on at least so many replicas serve.
struct ScheduledFloor {
  Instant at;
  std::int64_t replicas = 1;
};

/// A replica fails at `at` and serves again after `down`.
struct Outage {
  Instant at;
  ReplicaId replica;
  Duration down{1};
};

/// What becomes of the requests of a replica that fails.
enum class OnLoss : std::uint8_t {
  resume,  ///< elsewhere, prompt and generated tokens computed again
  reject,  ///< no answer
};

/// Replicas of one role that scale together.
struct ScalingUnit {
  std::vector<ReplicaId> replicas{};  ///< the first ones start first
  std::unique_ptr<ScalingPolicy> scaling;
  std::string scaling_name;
  std::vector<ScheduledFloor> floor{};  ///< in order of time, the first at the start
};

struct DynamicsSetup {
  std::vector<ScalingUnit> units{};   ///< each replica is in one
  Duration interval{15'000'000'000};  ///< between questions to scaling policies
  std::vector<Duration> start_up{};   ///< by replica, until it serves
  std::optional<Duration> mean_up{};  ///< between failures of a replica that serves, exponential
  Duration mean_repair{0};            ///< exponential; then it starts up again
  std::vector<Outage> outages{};      ///< in order of time
  std::optional<Duration> mean_reclaim{};  ///< spot capacity is taken back, exponential
  Duration notice{0};                      ///< it drains so long, then it fails
  std::optional<Instant> restart{};        ///< all replicas restart, one after the other
  OnLoss on_loss = OnLoss::resume;
};

class Dynamics {
 public:
  /// What surrounds the replicas; outlives this. `pools` is null where all are joint.
  struct Surroundings {
    const Replicas& replicas;
    SimulationState& state;
    const ClusterView& cluster;
    Pools* pools = nullptr;
  };
  /// Requires a start-up time for each replica.
  Dynamics(DynamicsSetup setup, const Surroundings& around, std::uint64_t seed);

  /// The replicas that take new requests; may be none.
  [[nodiscard]] const PoolView& entrances() const {
    return pools_ != nullptr ? pools_->entrances() : up_;
  }
  /// A request arrived while none was up.
  void wait(RequestSlot slot) { homeless_.push_back(slot); }
  /// Requests that need a replica, once one is up; in order of arrival.
  [[nodiscard]] std::vector<RequestSlot> take_homeless();

  /// False once nothing is left to serve, or another change comes first.
  [[nodiscard]] bool is_current(std::uint32_t detail) const;
  /// Makes the changes that are due.
  void on_event();
  /// Turns off what has drained.
  void stop_drained();

  /// Requests that wait for a replica.
  [[nodiscard]] std::int64_t homeless() const {
    return static_cast<std::int64_t>(homeless_.size());
  }
  [[nodiscard]] std::int64_t up() const { return static_cast<std::int64_t>(up_.replicas()); }
  /// Whether it holds requests: is up, or drains.
  [[nodiscard]] bool runs(std::size_t replica) const {
    return members_[replica].state == State::up || members_[replica].state == State::draining;
  }
  /// The run is over: books what happened into the metrics of `state`.
  void close();
  /// How long a replica was paid, once closed.
  [[nodiscard]] Duration paid(std::size_t replica) const { return members_[replica].paid; }

 private:
  enum class State : std::uint8_t { off, starting, up, draining, down };
  enum class Change : std::uint8_t { ask, ready, fail, repaired, notice, reclaim, outage, restart };
  struct Due {
    Instant at;
    std::uint64_t order = 0;  ///< of insertion
    Change change = Change::ask;
    std::uint32_t replica = 0;
    std::uint32_t life = 0;  ///< of the replica it was planned for
    Duration down{0};        ///< of an outage
  };
  static bool later(const Due& a, const Due& b) {
    return a.at != b.at ? a.at > b.at : a.order > b.order;
  }
  struct Member {
    explicit Member(RandomStream stream) : luck(stream) {}
    State state = State::off;
    std::uint32_t life = 0;  ///< counts its ends, so that plans for an earlier life lapse
    bool doomed = false;     ///< will be reclaimed: nothing stops it from draining
    Instant paid_since;
    Duration paid{0};
    Duration busy_before{0};  ///< when the scaling policy was last asked
    RandomStream luck;
  };

  struct Unit {
    ScalingUnit rules;
    bool takes_arrivals = true;  ///< decode replicas do not
    bool takes_all = true;       ///< of those that arrive
    std::int64_t wanted = 0;
    std::uint64_t came_before = 0;
  };

  /// Exponential with that mean, from the replica's own luck.
  [[nodiscard]] static Duration drawn(Member& member, Duration mean);
  void plan(Duration delay, Change change, std::uint32_t replica = 0, Duration down = Duration(0));
  void plan_at(Instant at, Change change, std::uint32_t replica, Duration down);
  void arm();
  void make(const Due& due);
  void start(std::uint32_t replica);
  void serve(std::uint32_t replica);
  void drain(std::uint32_t replica);
  void stop(std::uint32_t replica);
  void lose(std::uint32_t replica);
  void fail(std::uint32_t replica, std::optional<Duration> down);
  void reclaim(std::uint32_t replica);
  void restart_next();
  void ask();
  /// Starts or drains replicas until as many serve as are wanted.
  void settle();
  void settle(const Unit& unit);
  void pay(Member& member, Instant until) const;
  void refresh();
  [[nodiscard]] std::int64_t count(const Unit& unit, State state) const;
  [[nodiscard]] std::int64_t floor_now(const ScalingUnit& unit) const;
  [[nodiscard]] bool over() const;
  [[nodiscard]] ScalingView view(Unit& unit);
  void see_load(const Unit& unit, ScalingView& view);

  DynamicsSetup setup_;
  const Replicas& replicas_;
  SimulationState& state_;
  Pools* pools_;
  std::vector<Member> members_;
  std::vector<Unit> units_;
  PoolView up_;
  std::vector<Due> due_;  ///< heap, first due on top
  std::uint64_t planned_ = 0;
  std::uint32_t armed_ = 0;  ///< which event of the queue stands
  std::vector<RequestSlot> homeless_;
  std::vector<std::uint32_t> to_restart_;  ///< still, last first
  std::optional<std::uint32_t> restarting_;
  DynamicsTotals totals_;
  Instant asked_;
};

}  // namespace headroom
