// KV on its way from prefill replicas to decode replicas, over the links of the cluster.
//
// Each replica is one endpoint of a topology; a move is one flow along the route between the two,
// sharing links max-min fairly with all other moves (sim/network.h). Without a topology, or where a
// cost model knows no KV, a move takes no time.
// Moved layer by layer, a prompt whose target has room when it ends has sent layers while later
// ones were computed: what its path carries from its first scheduling to its end, at most all but
// the last layer; the rest is the flow. Others' flows do not slow down that early part.
// Laws: a request's KV is held on the source until its last byte has landed, and room for it is
// held on the target from the first; moves started == landed + called off + under way; every byte
// is counted once a move.
// Cost: O(flows) an event; a route is searched once a pair of replicas.
// Not here: who moves where and when (sim/pools.h, Replica::accept).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "sim/network.h"
#include "sim/replica_engine.h"
#include "sim/simulation_state.h"
#include "sim/topology.h"

namespace headroom {

using Replicas = std::vector<std::unique_ptr<ReplicaEngine>>;

/// Where replicas stand: endpoint i is that of replica i.
struct ReplicaWiring {
  Topology topology;
  std::vector<DeviceId> endpoints;
};

class Transfers {
 public:
  /// `replicas` and `state` outlive this.
  /// `layers` above 0: KV moves layer by layer, of so many.
  Transfers(std::optional<ReplicaWiring> wiring, const Replicas& replicas, SimulationState& state,
            std::int64_t layers = 0);

  /// Moves the KV of an offered request; `room` blocks are taken for it on `to`. Where the move
  /// takes no time the request has joined `to` on return.
  void start(RequestSlot slot, ReplicaId to, Blocks room);

  /// `gone` fails: moves from and to it end where they are. Their requests hold what they held on
  /// the source again, room on targets other than `gone` is given back. In order of start.
  [[nodiscard]] std::vector<RequestSlot> call_off(ReplicaId gone);

  /// Whether a network event with this detail still stands.
  [[nodiscard]] bool is_current(std::uint32_t detail) const { return detail == generation_; }
  void on_network_event();
  [[nodiscard]] std::size_t under_way() const { return moves_.size(); }

 private:
  struct Move {
    ReplicaId from;
    ReplicaId to;
    Departed departed;  ///< what it held on the source
    Instant start;
    Bytes bytes;
    FlowId flow;
  };
  struct Path {
    bool known = false;
    Route links;
    Duration latency{0};
    BytesPerSecond bandwidth{0};  ///< of its slowest link
  };

  [[nodiscard]] const Path& path(ReplicaId from, ReplicaId to);
  void land(const Move& move);
  /// Of `bytes`, what has been sent before the prompt was done.
  [[nodiscard]] Bytes sent_early(RequestSlot slot, Bytes bytes, const Path& along) const;
  void foresee();

  const Replicas& replicas_;
  SimulationState& state_;
  std::optional<ReplicaWiring> wiring_;
  std::optional<Network> network_;
  std::int64_t layers_;
  std::vector<Path> paths_;  ///< from * replicas + to
  std::vector<Move> moves_;  ///< by order of start
  std::vector<LandedFlow> landed_;
  Instant expected_ = Instant::never();  ///< of the event that stands
  std::uint32_t generation_ = 0;
};

}  // namespace headroom
