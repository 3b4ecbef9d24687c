#include "sim/operator_graph.h"

#include <algorithm>
#include <array>
#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/topological_sort.hpp>
#include <iterator>
#include <limits>

#include "sim/check.h"

namespace headroom {
namespace {

using Graph = boost::adjacency_list<boost::vecS, boost::vecS, boost::directedS>;

constexpr double kRounding = 1e-9;
constexpr double kNever = std::numeric_limits<double>::infinity();

}  // namespace

std::size_t OperatorGraph::add(const OperatorNode& node) {
  SIM_CHECK(node.work >= 0, "an operator's work is not negative");
  SIM_CHECK(node.lane < kLanes && node.device < kDevices, "an operator has a lane and a device");
  SIM_CHECK(node.elastic || (node.share > 0 && node.share <= 1 + kRounding),
            "an operator's share of a device is above 0 and at most 1");
  SIM_CHECK(node.elastic || node.slow_down >= 1 - kRounding,
            "no operator is faster on a share of a device than on all of it");
  nodes_.push_back(node);
  phase_.push_back(0);
  return nodes_.size() - 1;
}

void OperatorGraph::wait(std::size_t later, std::size_t earlier) {
  SIM_CHECK(later < size() && earlier < size(), "operators exist before they wait");
  waits_.push_back({static_cast<std::uint32_t>(later), static_cast<std::uint32_t>(earlier), 0});
}

void OperatorGraph::wait_for_last_layer(std::size_t later, std::size_t earlier) {
  SIM_CHECK(later < size() && earlier < size(), "operators exist before they wait");
  waits_.push_back({static_cast<std::uint32_t>(later), static_cast<std::uint32_t>(earlier), 1});
}

void OperatorGraph::set_phase(std::size_t node, std::int64_t phase, std::int64_t phases) {
  SIM_CHECK(node < size() && phase >= 0 && phases > 0, "phases are counted from 0");
  phase_[node] = phase;
  phases_ = phases;
}

namespace {

/// A graph of one layer with what orders it: waiting, lanes, phases. The last is an edge from every
/// node of a phase to every node of the next one that has any.
Graph ordered(const std::vector<OperatorNode>& nodes, const std::vector<std::int64_t>& phase) {
  Graph graph(nodes.size());
  std::array<std::size_t, OperatorGraph::kLanes> last{};
  last.fill(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    std::size_t& before = last[nodes[i].lane];
    if (before < nodes.size()) boost::add_edge(before, i, graph);
    before = i;
    for (std::size_t j = 0; j < nodes.size(); ++j)
      if (phase[j] < phase[i]) boost::add_edge(j, i, graph);
  }
  return graph;
}

/// The nodes, each after all it waits for; empty where there is no such order.
std::vector<std::size_t> order_of(const Graph& graph) {
  std::vector<std::size_t> order;
  try {
    boost::topological_sort(graph, std::back_inserter(order));
  } catch (const boost::not_a_dag&) {
    return {};
  }
  std::reverse(order.begin(), order.end());
  return order;
}

}  // namespace

bool OperatorGraph::runs() const {
  Graph graph = ordered(nodes_, phase_);
  for (const Wait& wait : waits_)
    if (wait.layers_back == 0) boost::add_edge(wait.earlier, wait.later, graph);
  return nodes_.empty() || !order_of(graph).empty();
}

double OperatorGraph::critical_path() const {
  Graph graph(nodes_.size());
  for (const Wait& wait : waits_)
    if (wait.layers_back == 0) boost::add_edge(wait.earlier, wait.later, graph);
  std::vector<double> end(nodes_.size(), 0);
  double longest = 0;
  for (const std::size_t i : order_of(graph)) {
    end[i] += nodes_[i].work;  // so far: when the last of those before it ends
    longest = std::max(longest, end[i]);
    const auto [first, past] = boost::out_edges(i, graph);
    for (auto edge = first; edge != past; ++edge) {
      double& start = end[boost::target(*edge, graph)];
      start = std::max(start, end[i]);
    }
  }
  return longest;
}

double OperatorGraph::fullest_lane() const {
  std::array<double, kLanes> work{};
  for (const OperatorNode& node : nodes_) work[node.lane] += node.work;
  return *std::max_element(work.begin(), work.end());
}

/// Layers of a graph run in a row, moment by moment.
class LayerRun {
 public:
  LayerRun(const OperatorGraph& graph, std::size_t layers)
      : graph_(graph), all_(graph.size() * layers), ends_(layers, 0) {
    const std::size_t n = graph.size();
    missing_.assign(all_, 0);
    followers_.resize(n);
    for (const OperatorGraph::Wait& wait : graph.waits_) {
      followers_[wait.earlier].push_back(wait);
      for (std::size_t layer = wait.layers_back; layer < layers; ++layer)
        ++missing_[layer * n + wait.later];
    }
    for (std::size_t i = 0; i < n; ++i) lanes_[graph.nodes_[i].lane].push_back(i);
    for (std::size_t lane = 0; lane < lanes_.size(); ++lane)
      if (!lanes_[lane].empty()) used_lanes_.push_back(lane);
    if (graph.phases_ > 0) count_phases(layers);
  }

  void run() {
    while (done_ < all_) {
      while (start_one()) {
      }
      advance();
    }
  }
  [[nodiscard]] const std::vector<double>& layer_ends() const { return ends_; }
  /// Notes the end of each node too, in `ends`.
  void note_ends(std::vector<double>& ends) {
    ends.assign(all_, 0);
    node_ends_ = &ends;
  }

 private:
  struct Active {
    std::size_t at = 0;    ///< layer x size + node
    double remaining = 0;  ///< seconds at full speed
    double speed = 0;
    bool on = false;
  };

  [[nodiscard]] const OperatorNode& node(std::size_t at) const {
    return graph_.nodes_[at % graph_.size()];
  }
  [[nodiscard]] std::size_t phase(std::size_t at) const {
    const std::size_t i = at % graph_.size();
    return at / graph_.size() * static_cast<std::size_t>(graph_.phases_) +
           static_cast<std::size_t>(graph_.phase_[i]);
  }

  void count_phases(std::size_t layers) {
    const auto most =
        static_cast<std::size_t>(*std::max_element(graph_.phase_.begin(), graph_.phase_.end()));
    in_phase_.assign(layers * static_cast<std::size_t>(graph_.phases_) + most + 1, 0);
    for (std::size_t at = 0; at < all_; ++at) ++in_phase_[phase(at)];
  }

  /// The next node of a lane, or `all_`.
  [[nodiscard]] std::size_t head(std::size_t lane) const {
    const std::vector<std::size_t>& order = lanes_[lane];
    if (active_[lane].on) return all_;
    const std::size_t at =
        started_[lane] / order.size() * graph_.size() + order[started_[lane] % order.size()];
    return at < all_ ? at : all_;
  }

  [[nodiscard]] bool may_start(std::size_t at) const {
    if (missing_[at] > 0) return false;
    if (graph_.phases_ > 0 && phase(at) > phase_now_) return false;
    const OperatorNode& one = node(at);
    return one.elastic || used_[one.device] + one.share <= 1 + kRounding;
  }

  /// Starts the first startable node in the order of layers and of adding.
  bool start_one() {
    std::size_t first = all_;
    for (const std::size_t lane : used_lanes_) {
      const std::size_t at = head(lane);
      if (at < first && may_start(at)) first = at;
    }
    if (first == all_) return false;
    const OperatorNode& one = node(first);
    Active& active = active_[one.lane];
    active = {first, one.work, one.elastic ? 0 : 1 / one.slow_down, true};
    ++started_[one.lane];
    if (one.elastic) {
      ++elastic_[one.device];
    } else {
      used_[one.device] += one.share;
    }
    return true;
  }

  [[nodiscard]] double speed(const Active& active) const {
    const OperatorNode& one = node(active.at);
    if (!one.elastic) return active.speed;
    return std::max(0.0, 1 - used_[one.device]) / elastic_[one.device];
  }

  /// To the next moment at which something ends.
  void advance() {
    double next = kNever;
    for (const std::size_t lane : used_lanes_) {
      Active& active = active_[lane];
      if (!active.on) continue;
      active.speed = speed(active);
      if (active.remaining <= 0) next = 0;
      if (active.speed > 0) next = std::min(next, active.remaining / active.speed);
    }
    SIM_CHECK(next < kNever, "a layer with operators left has one that runs");
    now_ += next;
    for (const std::size_t lane : used_lanes_) {
      Active& active = active_[lane];
      if (!active.on) continue;
      const double left = active.remaining - next * active.speed;
      // Ends within a billionth of the step are the same moment.
      const bool ends = active.speed > 0 && left <= kRounding * next * active.speed;
      active.remaining = ends ? 0 : left;
      if (active.remaining <= 0) end(active);
    }
  }

  void end(Active& active) {
    const OperatorNode& one = node(active.at);
    active.on = false;
    ++done_;
    if (one.elastic) {
      --elastic_[one.device];
    } else {
      used_[one.device] -= one.share;
      if (used_[one.device] < kRounding) used_[one.device] = 0;
    }
    const std::size_t n = graph_.size();
    ends_[active.at / n] = now_;
    if (node_ends_ != nullptr) (*node_ends_)[active.at] = now_;
    for (const OperatorGraph::Wait& wait : followers_[active.at % n]) {
      const std::size_t later = (active.at / n + wait.layers_back) * n + wait.later;
      if (later < all_) --missing_[later];
    }
    if (graph_.phases_ == 0) return;
    --in_phase_[phase(active.at)];
    while (phase_now_ < in_phase_.size() && in_phase_[phase_now_] == 0) ++phase_now_;
  }

  const OperatorGraph& graph_;
  std::size_t all_ = 0, done_ = 0;
  double now_ = 0;
  std::vector<double> ends_;
  std::vector<double>* node_ends_ = nullptr;
  std::vector<std::uint32_t> missing_;  ///< nodes each still waits for
  std::vector<std::vector<OperatorGraph::Wait>> followers_;
  std::vector<std::size_t> used_lanes_;
  std::vector<std::uint32_t> in_phase_;
  std::size_t phase_now_ = 0;
  std::array<std::vector<std::size_t>, OperatorGraph::kLanes> lanes_;
  std::array<std::size_t, OperatorGraph::kLanes> started_{};
  std::array<Active, OperatorGraph::kLanes> active_{};
  std::array<double, OperatorGraph::kDevices> used_{};
  std::array<double, OperatorGraph::kDevices> elastic_{};
};

std::vector<double> OperatorGraph::layer_ends(std::size_t layers) const {
  SIM_CHECK(!nodes_.empty() && layers > 0, "a run has layers, and a layer operators");
  LayerRun run(*this, layers);
  run.run();
  return run.layer_ends();
}

std::vector<double> OperatorGraph::node_ends(std::size_t layers) const {
  SIM_CHECK(!nodes_.empty() && layers > 0, "a run has layers, and a layer operators");
  std::vector<double> ends;
  LayerRun run(*this, layers);
  run.note_ends(ends);
  run.run();
  return ends;
}

}  // namespace headroom
