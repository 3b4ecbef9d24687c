// Split computing: the first layers of a network on the drone, a bottleneck over the air, the rest
// at the edge.
//
// As BottleFit compares them (Matsubara et al., "BottleFit: learning compressed representations in
// deep neural networks for effective and efficient split computing", arXiv 2201.02693): latency is
// head + sent bytes / bandwidth + tail, the drone's energy its power times head plus its radio's
// times the upload; chosen is the fastest option whose accuracy suffices. All on the drone and all
// at the edge are options like others: nothing sent, no head.
// Law: among equally fast options the first listed is chosen.
// Not here: queues at the edge (sim/edge_site.h); times and accuracies, which are the scenario's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/units.h"

namespace headroom {

/// One place to cut a network, for one frame.
struct EdgeSplit {
  std::string name;
  Duration head{0};  ///< on the drone
  Bytes sent{0};
  Duration tail{1};  ///< at the edge
  double accuracy = 1;
};

/// The air between a drone and its site, and what the drone draws.
struct DroneLink {
  BytesPerSecond bandwidth{0};
  Watts device{0};      ///< while it computes heads
  Watts radio{0};       ///< while it sends
  Duration latency{0};  ///< on top of an upload
};

struct SplitCost {
  Duration upload{0};
  Duration latency{0};  ///< head, upload and tail, without queues
  Joules energy{0};     ///< of the drone
};

/// What a drone does with the frames of one kind of task before it arrives at the edge.
struct DroneShare {
  std::uint16_t type = 0;  ///< the task that arrives: what is left to do of it
  Duration time{0};        ///< head and upload of a segment
  Joules energy{0};        ///< of the drone, a segment
};

/// The shares of all kinds of tasks, from `at` until the next period begins.
struct DronePeriod {
  Instant at;
  std::vector<DroneShare> shares;
};

/// Requires a bandwidth above 0 where something is sent.
[[nodiscard]] SplitCost cost_of(const EdgeSplit& split, const DroneLink& link);

/// Index of the fastest option with at least this accuracy; none where no option has it.
[[nodiscard]] std::optional<std::size_t> choose_split(const std::vector<EdgeSplit>& splits,
                                                      const DroneLink& link, double least_accuracy);

}  // namespace headroom
