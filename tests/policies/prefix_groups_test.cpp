// The published examples of the tree worked out by hand, and its laws on random trees.
#include "policies/prefix_groups.h"

#include <rapidcheck.h>

#include <set>

#include "tests/catch.h"

using namespace headroom;

namespace {

using Ids = std::vector<std::uint64_t>;

/// `parts` (a name and a length each) one after the other; equal names are equal ids.
Ids path(std::initializer_list<std::pair<std::uint64_t, std::uint64_t>> parts) {
  Ids ids;
  for (const auto& [name, length] : parts) {
    for (std::uint64_t i = 0; i < length; ++i) ids.push_back(1000 * name + i);
  }
  return ids;
}

constexpr std::uint64_t kA = 1, kB = 2, kC = 3;

/// Under A of `a` ids: B of 50 with three prompts, C of 40 with two, each 10 of its own.
PrefixTree two_branches(std::uint64_t a) {
  PrefixTree tree;
  for (const std::uint64_t own : {11U, 12U, 13U}) tree.insert(path({{kA, a}, {kB, 50}, {own, 10}}));
  for (const std::uint64_t own : {14U, 15U}) tree.insert(path({{kA, a}, {kC, 40}, {own, 10}}));
  return tree;
}

std::multiset<std::pair<std::size_t, std::size_t>> shapes(
    const std::vector<PrefixTree::Group>& groups) {
  std::multiset<std::pair<std::size_t, std::size_t>> all;
  for (const PrefixTree::Group& group : groups) all.emplace(group.shared, group.prompts.size());
  return all;
}

}  // namespace

TEST_CASE("a branch stays below where moving it up would cost as much as it saves") {
  // |A| = 100: B would save 2 * 50 - 100 = 0, C 1 * 40 - 100 = -60. Logical 3 * 160 + 2 * 150;
  // shared at all levels 100 + 50 + 40 + 5 * 10; at the first 100 + 3 * 60 + 2 * 50.
  PrefixTree tree = two_branches(100);
  CHECK(tree.logical() == 780);
  CHECK(tree.all_levels() == 240);
  tree.enlarge();
  CHECK(shapes(tree.first_level()) == std::multiset<std::pair<std::size_t, std::size_t>>{{100, 5}});
  CHECK(tree.computed(tree.first_level()) == 380);
}

TEST_CASE("a branch moves up where that saves, and what is left alone joins its parent") {
  // |A| = 20: B saves 2 * 50 - 20 = 80 and moves up with A's ids; C, left alone, joins A.
  PrefixTree tree = two_branches(20);
  CHECK(tree.logical() == 380);
  CHECK(tree.all_levels() == 160);
  CHECK(tree.computed(tree.first_level()) == 300);
  CHECK(tree.computed(tree.best_groups()) == 180);
  tree.enlarge();
  const auto groups = tree.first_level();
  CHECK(shapes(groups) == std::multiset<std::pair<std::size_t, std::size_t>>{{70, 3}, {60, 2}});
  CHECK(tree.computed(groups) == 180);
}

TEST_CASE("a prompt left alone keeps all of its parent") {
  // A of 20, under it B of 50 with two prompts of 10 more, and one prompt of A + 5.
  // B: (2 - 1) * 50 - 20 = 30. Logical 80 + 80 + 25; computed 70 + 20 + 25.
  PrefixTree tree;
  tree.insert(path({{kA, 20}, {kB, 50}, {11, 10}}));
  tree.insert(path({{kA, 20}, {kB, 50}, {12, 10}}));
  tree.insert(path({{kA, 20}, {13, 5}}));
  CHECK(tree.logical() == 185);
  tree.enlarge();
  CHECK(shapes(tree.first_level()) ==
        std::multiset<std::pair<std::size_t, std::size_t>>{{70, 2}, {25, 1}});
  CHECK(tree.computed(tree.first_level()) == 115);
}

TEST_CASE("prompts that are equal, or the beginning of another, are shared whole") {
  PrefixTree tree;
  tree.insert(path({{kA, 30}}));
  tree.insert(path({{kA, 30}}));
  tree.insert(path({{kA, 30}, {kB, 5}}));
  tree.insert({});
  CHECK(shapes(tree.best_groups()) ==
        std::multiset<std::pair<std::size_t, std::size_t>>{{30, 3}, {0, 1}});
  CHECK(tree.computed(tree.best_groups()) == 35);
}

TEST_CASE("any prompts: all levels <= best <= greedy <= first level <= nothing shared") {
  const bool held = rc::check("order of savings", [] {
    const auto count = *rc::gen::inRange<std::size_t>(1, 24);
    std::vector<Ids> prompts;
    for (std::size_t i = 0; i < count; ++i) {
      Ids ids;
      const auto levels = *rc::gen::inRange<std::uint64_t>(0, 5);
      std::uint64_t name = 1;
      for (std::uint64_t l = 0; l < levels; ++l) {
        name = 3 * name + *rc::gen::inRange<std::uint64_t>(0, 2);
        for (std::uint64_t k = 0; k < 1 + name * 7 % 11; ++k) ids.push_back(100 * name + k);
      }
      prompts.push_back(std::move(ids));
    }
    PrefixTree tree;
    for (const Ids& ids : prompts) tree.insert(ids);
    const std::size_t all = tree.all_levels();
    const auto best_groups = tree.best_groups();
    const std::size_t best = tree.computed(best_groups);
    const std::size_t before = tree.computed(tree.first_level());
    PrefixTree enlarged = tree;
    enlarged.enlarge();
    const auto greedy_groups = enlarged.first_level();
    const std::size_t greedy = enlarged.computed(greedy_groups);
    RC_ASSERT(all <= best);
    RC_ASSERT(best <= greedy);
    RC_ASSERT(greedy <= before);
    RC_ASSERT(before <= tree.logical());
    for (const auto& groups : {best_groups, greedy_groups}) {
      std::set<std::size_t> seen;
      for (const PrefixTree::Group& group : groups) {
        const Ids& first = prompts[group.prompts.front()];
        for (const std::size_t prompt : group.prompts) {
          RC_ASSERT(seen.insert(prompt).second);
          RC_ASSERT(prompts[prompt].size() >= group.shared);
          RC_ASSERT(std::equal(first.begin(), first.begin() + std::ptrdiff_t(group.shared),
                               prompts[prompt].begin()));
        }
      }
      RC_ASSERT(seen.size() == prompts.size());
    }
  });
  CHECK(held);
}

TEST_CASE("the best groups are those that trying every choice of nodes finds") {
  // Up to 6 prompts over a binary tree of 3 levels: every set of its 14 prefixes as groups.
  const bool held = rc::check("best is best", [] {
    const auto lengths =
        *rc::gen::container<std::vector<std::uint64_t>>(14, rc::gen::inRange<std::uint64_t>(1, 9));
    // Nodes 1..14 of a heap: children of n are 2n + 1 and 2n + 2 (n = 0: the root).
    const auto ids_of = [&](std::uint64_t node) {
      Ids ids;
      std::vector<std::uint64_t> up;
      for (std::uint64_t n = node; n > 0; n = (n - 1) / 2) up.insert(up.begin(), n);
      for (const std::uint64_t n : up) {
        for (std::uint64_t k = 0; k < lengths[n - 1]; ++k) ids.push_back(100 * n + k);
      }
      return ids;
    };
    const auto ends =
        *rc::gen::container<std::vector<std::uint64_t>>(6, rc::gen::inRange<std::uint64_t>(3, 15));
    PrefixTree tree;
    for (const std::uint64_t end : ends) tree.insert(ids_of(end));
    std::size_t best = tree.logical();
    for (std::uint32_t chosen = 0; chosen < (1U << 14); ++chosen) {
      std::size_t cost = 0;
      for (std::uint64_t n = 1; n <= 14; ++n) {
        if ((chosen >> (n - 1) & 1U) != 0) cost += ids_of(n).size();
        if (cost > best) break;
      }
      for (const std::uint64_t end : ends) {
        if (cost > best) break;
        std::size_t saved = 0;
        for (std::uint64_t n = end; n > 0 && saved == 0; n = (n - 1) / 2) {
          if ((chosen >> (n - 1) & 1U) != 0) saved = ids_of(n).size();
        }
        cost += ids_of(end).size() - saved;
      }
      best = std::min(best, cost);
    }
    RC_ASSERT(tree.computed(tree.best_groups()) == best);
  });
  CHECK(held);
}
