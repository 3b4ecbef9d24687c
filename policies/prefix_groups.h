// Prompts in groups that share one prefix each: BatchLLM's global prefix tree and how it enlarges
// reuse at the first level (arXiv 2412.03594; released code: microsoft/MixLLM, branch
// batchllm_vllm_064). A prompt is a list of ids: tokens, or chained hashes of blocks of tokens.
//
// A node's ids stand once, above all prompts that go on from it. Groups are the first level: what a
// group shares is computed once, all below for each prompt. `enlarge` moves a node g up to its
// grandparent where (prompts below g - 1) * |g| exceeds |parent|, which is then computed once more;
// `best_groups` finds the groups of fewest ids.
// Laws: all levels shared <= best <= enlarged <= first level as inserted <= nothing shared; each
// prompt is in one group, whose ids begin it.
// Cost: O(ids log nodes) to insert, O(nodes) to enlarge, O(nodes * depth) for the best.
// Not here: blocks, order and times (policies/batchllm.cpp).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

namespace headroom {

class PrefixTree {
 public:
  struct Group {
    std::size_t shared = 0;              ///< ids at the front of each of them
    std::vector<std::size_t> prompts{};  ///< by order of insertion, from 0
  };

  PrefixTree() : nodes_(1) {}

  /// Adds the next prompt. Not after `enlarge`.
  void insert(std::span<const std::uint64_t> ids) {
    std::size_t at = 0;
    std::size_t done = 0;
    while (done < ids.size()) {
      const auto child = first_.find({at, ids[done]});
      if (child == first_.end()) break;
      at = child->second;
      const std::size_t same = common(nodes_[at].ids, ids.subspan(done));
      if (same < nodes_[at].ids.size()) split(at, same);
      done += same;
    }
    if (done < ids.size()) at = add_child(at, ids.subspan(done));
    nodes_[at].prompts.push_back(lengths_.size());
    lengths_.push_back(ids.size());
  }

  /// The published rule, once over all nodes, from below.
  void enlarge() {
    for (Node& node : nodes_) node.width = node.prompts.size();
    const std::vector<std::size_t> order = from_below();
    for (const std::size_t node : order) {
      if (node != 0) nodes_[nodes_[node].parent].width += nodes_[node].width;
    }
    for (const std::size_t node : order) {
      if (node != 0) move_up_from(node);
    }
  }

  /// One group a node of the first level, in order; prompts without ids by themselves.
  [[nodiscard]] std::vector<Group> first_level() const {
    std::vector<Group> groups;
    for (const std::size_t prompt : nodes_[0].prompts) groups.push_back({0, {prompt}});
    for (const std::size_t child : nodes_[0].children)
      groups.push_back({nodes_[child].ids.size(), below(child)});
    return groups;
  }

  /// The groups that compute the fewest ids, by their first prompts. Not after `enlarge`.
  [[nodiscard]] std::vector<Group> best_groups() const {
    const std::vector<std::size_t> depth = depths();
    const std::vector<std::vector<bool>> chosen = choose(depth);
    std::vector<Group> groups;
    struct Open {
      std::size_t node, level, group;
    };
    std::vector<Open> open{{0, 0, kNone}};
    while (!open.empty()) {
      Open at = open.back();
      open.pop_back();
      const Node& node = nodes_[at.node];
      if (chosen[at.node][at.level]) {
        at.group = groups.size();
        groups.push_back({depth[at.node], {}});
      }
      for (const std::size_t prompt : node.prompts) {
        if (at.group == kNone) {
          groups.push_back({0, {prompt}});
        } else {
          groups[at.group].prompts.push_back(prompt);
        }
      }
      // Below a chosen node the deepest chosen ancestor is that node: its own level.
      const std::size_t level = chosen[at.node][at.level] ? levels_down(at.node) : at.level;
      for (const std::size_t child : node.children) open.push_back({child, level, at.group});
    }
    for (Group& group : groups) std::sort(group.prompts.begin(), group.prompts.end());
    std::sort(groups.begin(), groups.end(),
              [](const Group& a, const Group& b) { return a.prompts[0] < b.prompts[0]; });
    return groups;
  }

  /// Ids to compute when every level is shared.
  [[nodiscard]] std::size_t all_levels() const {
    std::size_t sum = 0;
    for (const std::size_t node : from_below()) sum += nodes_[node].ids.size();
    return sum;
  }
  /// Ids to compute when each group shares its front.
  [[nodiscard]] std::size_t computed(const std::vector<Group>& groups) const {
    std::size_t sum = 0;
    for (const Group& group : groups) {
      sum += group.shared;
      for (const std::size_t prompt : group.prompts) sum += lengths_[prompt] - group.shared;
    }
    return sum;
  }
  /// Ids of all prompts.
  [[nodiscard]] std::size_t logical() const {
    std::size_t sum = 0;
    for (const std::size_t length : lengths_) sum += length;
    return sum;
  }

 private:
  static constexpr std::size_t kNone = SIZE_MAX;
  struct Node {
    std::vector<std::uint64_t> ids{};
    std::vector<std::size_t> children{};
    std::vector<std::size_t> prompts{};  ///< that end here
    std::size_t parent = 0;
    std::size_t width = 0;  ///< prompts that end here or below
  };

  [[nodiscard]] static std::size_t common(std::span<const std::uint64_t> a,
                                          std::span<const std::uint64_t> b) {
    const std::size_t most = std::min(a.size(), b.size());
    std::size_t same = 0;
    while (same < most && a[same] == b[same]) ++same;
    return same;
  }

  [[nodiscard]] std::size_t add_child(std::size_t parent, std::span<const std::uint64_t> ids) {
    const std::size_t number = nodes_.size();
    Node node;
    node.ids.assign(ids.begin(), ids.end());
    node.parent = parent;
    nodes_.push_back(std::move(node));
    nodes_[parent].children.push_back(number);
    first_[{parent, ids.front()}] = number;
    return number;
  }

  /// Cuts a node behind its first `upper` ids; the lower half keeps what hangs below.
  void split(std::size_t node, std::size_t upper) {
    const std::vector<std::uint64_t> ids = std::move(nodes_[node].ids);
    const std::vector<std::size_t> children = std::move(nodes_[node].children);
    const std::vector<std::size_t> prompts = std::move(nodes_[node].prompts);
    nodes_[node].ids.assign(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(upper));
    nodes_[node].children.clear();
    nodes_[node].prompts.clear();
    const std::size_t lower = add_child(node, std::span(ids).subspan(upper));
    nodes_[lower].children = children;
    nodes_[lower].prompts = prompts;
    for (const std::size_t child : children) {
      nodes_[child].parent = lower;
      first_.erase({node, nodes_[child].ids.front()});
      first_[{lower, nodes_[child].ids.front()}] = child;
    }
    first_[{node, ids[upper]}] = lower;
  }

  /// All nodes, children before parents, earlier siblings first.
  [[nodiscard]] std::vector<std::size_t> from_below() const {
    std::vector<std::size_t> order;
    std::vector<std::size_t> open{0};
    while (!open.empty()) {
      const std::size_t node = open.back();
      open.pop_back();
      order.push_back(node);
      open.insert(open.end(), nodes_[node].children.begin(), nodes_[node].children.end());
    }
    std::reverse(order.begin(), order.end());
    return order;
  }

  /// Prompts that end at or below a node.
  [[nodiscard]] std::vector<std::size_t> below(std::size_t node) const {
    std::vector<std::size_t> found;
    std::vector<std::size_t> open{node};
    while (!open.empty()) {
      const Node& one = nodes_[open.back()];
      open.pop_back();
      found.insert(found.end(), one.prompts.begin(), one.prompts.end());
      open.insert(open.end(), one.children.begin(), one.children.end());
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  /// Moves children of `c` beside it where that pays; a single one left over becomes part of it.
  void move_up_from(std::size_t c) {
    const std::size_t up = nodes_[c].parent;
    const std::vector<std::size_t> children = nodes_[c].children;
    for (const std::size_t g : children) {
      Node& parent = nodes_[c];
      Node& moved = nodes_[g];
      if ((moved.width - 1) * moved.ids.size() <= parent.ids.size()) continue;
      moved.ids.insert(moved.ids.begin(), parent.ids.begin(), parent.ids.end());
      moved.parent = up;
      parent.children.erase(std::find(parent.children.begin(), parent.children.end(), g));
      parent.width -= moved.width;
      nodes_[up].children.push_back(g);
      if (parent.children.size() + parent.prompts.size() != 1) continue;
      if (!parent.children.empty()) absorb_only_child(c);
      return;
    }
  }

  void absorb_only_child(std::size_t node) {
    Node& kept = nodes_[node];
    Node gone = std::move(nodes_[kept.children.front()]);
    kept.ids.insert(kept.ids.end(), gone.ids.begin(), gone.ids.end());
    kept.children = std::move(gone.children);
    kept.prompts = std::move(gone.prompts);
    for (const std::size_t child : kept.children) nodes_[child].parent = node;
  }

  /// Ids from the root to each node's end.
  [[nodiscard]] std::vector<std::size_t> depths() const {
    std::vector<std::size_t> depth(nodes_.size(), 0);
    const std::vector<std::size_t> order = from_below();
    for (auto node = order.rbegin(); node != order.rend(); ++node) {
      if (*node != 0) depth[*node] = depth[nodes_[*node].parent] + nodes_[*node].ids.size();
    }
    return depth;
  }
  /// Nodes above a node: the root has none.
  [[nodiscard]] std::size_t levels_down(std::size_t node) const {
    std::size_t levels = 0;
    for (; node != 0; node = nodes_[node].parent) ++levels;
    return levels;
  }

  /// For each node and each level of its deepest chosen ancestor (0: none), whether choosing the
  /// node saves more ids: each prompt saves the depth of its deepest chosen node, each chosen node
  /// costs its own.
  [[nodiscard]] std::vector<std::vector<bool>> choose(const std::vector<std::size_t>& depth) const {
    std::vector<std::vector<bool>> chosen(nodes_.size());
    std::vector<std::vector<std::int64_t>> saved(nodes_.size());
    for (const std::size_t node : from_below()) {
      const std::vector<std::size_t> path = path_depths(node, depth);
      const std::size_t own = path.size();
      const auto here = static_cast<std::int64_t>(depth[node]);
      const auto ends = static_cast<std::int64_t>(nodes_[node].prompts.size());
      std::vector<std::int64_t> below_at(own + 1, 0);
      for (const std::size_t child : nodes_[node].children) {
        for (std::size_t level = 0; level <= own; ++level) below_at[level] += saved[child][level];
        saved[child] = {};
      }
      // Level `own` is the node itself; the root is no node to choose.
      const std::int64_t if_chosen =
          node == 0 ? -1 : (ends - 1) * here + (own < below_at.size() ? below_at[own] : 0);
      for (std::size_t level = 0; level < std::max<std::size_t>(own, 1); ++level) {
        const std::int64_t above = level < own ? static_cast<std::int64_t>(path[level]) : 0;
        const std::int64_t if_not = ends * above + below_at[level];
        chosen[node].push_back(if_chosen > if_not);
        saved[node].push_back(std::max(if_chosen, if_not));
      }
    }
    return chosen;
  }
  /// Depths of the nodes above, the root's (0) first; empty for the root.
  [[nodiscard]] std::vector<std::size_t> path_depths(std::size_t node,
                                                     const std::vector<std::size_t>& depth) const {
    std::vector<std::size_t> path;
    while (node != 0) {
      node = nodes_[node].parent;
      path.push_back(depth[node]);
    }
    std::reverse(path.begin(), path.end());
    return path;
  }

  std::vector<Node> nodes_;
  std::vector<std::size_t> lengths_;                                    ///< of the prompts
  std::map<std::pair<std::size_t, std::uint64_t>, std::size_t> first_;  ///< child by first id
};

}  // namespace headroom
