// Drones that send video segments to edge sites: the generated workload of sim/edge_simulation.h.
//
// Each drone sends a segment of every type of task at a time, `segment` apart, from a phase of its
// own; the tasks of a segment come together, in random order where `shuffle` is set. With `stay`, a
// drone flies on to the next site (of a ring) after that time, its first leg cut short at random.
// A drone's share of a task delays it; the tasks of a kind arrive in the order of their segments,
// as over one link. Laws: the i-th segment of a drone is the same wherever it is and whatever a
// policy does; every drone sends floor(duration / segment) segments, at least one. Cost: memory of
// the drones of one site; O(log drones) a segment.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "sim/edge_scenario.h"
#include "sim/edge_task.h"

namespace headroom {

/// Types that drones send; models that answer them stand behind, in the run's types.
[[nodiscard]] std::size_t kinds_of(const std::vector<EdgeTaskType>& types);

class DroneFleet final : public EdgeWorkload {
 public:
  /// `types` outlives this. `periods`, in order of time, say what drones do of each kind of task
  /// themselves, by when its segment is taken; empty: nothing. Requires sites * drones below 2^32.
  DroneFleet(const FleetSpec& spec, const std::vector<EdgeTaskType>& types, std::uint64_t seed,
             std::vector<DronePeriod> periods = {});
  [[nodiscard]] std::uint32_t sites() const override {
    return static_cast<std::uint32_t>(spec_.sites);
  }
  [[nodiscard]] std::unique_ptr<EdgeTaskSource> open_site(std::uint32_t site) const override;

 private:
  FleetSpec spec_;
  const std::vector<EdgeTaskType>& types_;
  std::uint64_t seed_;
  std::vector<DronePeriod> periods_;
  std::int64_t segments_;
};

}  // namespace headroom
