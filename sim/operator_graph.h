// Operators of a layer as a dependency graph, run on shares of a device: how long a layer takes
// when layer follows layer.
//
// A node has work, in seconds of a device of its own, and runs either on a fixed share of its
// device, at a stated slow-down, or elastically, on whatever share the fixed ones leave at each
// moment. Nodes of one lane run one after the other in the order they were added, layer by layer; a
// node starts when the nodes it waits for are done, its lane is free and its share is.
//
// Law: the time of L layers is at least their longest chain of work and at least the work of each
// lane; no moment gives out more than the whole of a device. Same graph, same bits: only + - x /
// are used.
// Cost: O(layers x nodes x lanes) a run, about 10 us for three dozen nodes; O(nodes + edges) for
// the rest. Used while costs are compiled, never in the simulation loop.
// Not here: what the nodes are (sim/execution_policy.h), what they cost (models/).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace headroom {

/// One nano-operator as a device runs it.
struct OperatorNode {
  double work = 0;        ///< seconds on a device that does nothing else
  double share = 1;       ///< of the device while it runs, in (0, 1]; not used when elastic
  double slow_down = 1;   ///< time on that share over `work`, at least 1; not used when elastic
  std::uint8_t lane = 0;  ///< below kLanes; lanes of different devices differ
  std::uint8_t device = 0;
  bool elastic = false;  ///< runs at the speed of the share that fixed nodes leave
};

class OperatorGraph {
 public:
  static constexpr std::size_t kLanes = 28;
  static constexpr std::size_t kDevices = 4;

  /// Returns the node's index. Requires values in the stated bounds.
  std::size_t add(const OperatorNode& node);
  /// `later` waits for `earlier` of the same layer.
  void wait(std::size_t later, std::size_t earlier);
  /// `later` waits for `earlier` of the layer before.
  void wait_for_last_layer(std::size_t later, std::size_t earlier);
  /// The node waits for all nodes of lower phases: phase p of layer l is number l x `phases` + p.
  /// All nodes or none have phases.
  void set_phase(std::size_t node, std::int64_t phase, std::int64_t phases);

  [[nodiscard]] std::size_t size() const { return nodes_.size(); }
  [[nodiscard]] const OperatorNode& node(std::size_t i) const { return nodes_[i]; }
  /// Whether waiting and the order of lanes leave a way through.
  [[nodiscard]] bool runs() const;
  /// Seconds of the longest chain of one layer, each node on a device of its own. Requires runs().
  [[nodiscard]] double critical_path() const;
  /// Work of one layer in the fullest lane.
  [[nodiscard]] double fullest_lane() const;
  /// When the last node of each of `layers` layers in a row ends, in seconds from the first start.
  /// Requires runs().
  [[nodiscard]] std::vector<double> layer_ends(std::size_t layers) const;
  /// When each node of each of them ends: layer x size() + node.
  [[nodiscard]] std::vector<double> node_ends(std::size_t layers) const;
  /// The last of the layers' ends.
  [[nodiscard]] double makespan(std::size_t layers) const { return layer_ends(layers).back(); }

 private:
  friend class LayerRun;
  struct Wait {
    std::uint32_t later = 0, earlier = 0;
    std::uint32_t layers_back = 0;
  };
  std::vector<OperatorNode> nodes_;
  std::vector<Wait> waits_;
  std::vector<std::int64_t> phase_;
  std::int64_t phases_ = 0;
};

}  // namespace headroom
