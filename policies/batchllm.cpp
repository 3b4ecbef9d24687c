// BatchLLM: offline batches in groups that share a prefix, computed once and kept as long as the
// group has requests.
//
// Zheng et al., arXiv 2412.03594 (MLSys 2026); released code: microsoft/MixLLM, branch
// batchllm_vllm_064. Requests that wait when the queue has run out of known ones form a batch: a
// tree over their block hashes gives groups (policies/prefix_groups.h). The first request of a
// group to enter computes the prefix, the others wait for it at the front of the queue and hold it
// from then on, so that it lives until the last of them is done, whatever else needs room. A step
// has decodes, then prompts under way, then new ones, within the token budget. Decodes of a group
// read its prefix once for every `tile` of them.
// By default groups are those that compute the fewest tokens, groups of long answers and short
// prompts go first (so that prompts are left to mix with their decodes), and requests enter as long
// as KV has room for all their predicted answers (memory-centric batching). `faithful` does as
// the released code: the paper's greedy groups in order of arrival, and a cap on requests; it says
// nothing of the order, and its guard on KV is off. The released requests that compute a prefix and
// nothing else are here the first of their group. Where KV runs out, who was admitted last
// starts again. O(ids log) a batch, O(running) a step.
#include <algorithm>
#include <limits>
#include <numeric>

#include "policies/first_come.h"
#include "policies/preempt_last.h"
#include "policies/prefix_groups.h"
#include "sim/policy.h"
#include "sim/registry.h"

namespace headroom {
namespace {

// Defaults: the released benchmark script (budget, degree), vLLM 0.6.4 (max_num_seqs); `tile` is
// ours, for the kernel's is not published: 64 query rows.
const std::vector<ParameterSpec> kParameters{
    {"faithful",
     ParameterSpec::Kind::flag,
     0,
     0,
     "false",
     {},
     "greedy groups in order of arrival and a cap on requests, as released"},
    {"grouping",
     ParameterSpec::Kind::choice,
     0,
     0,
     "auto",
     {"auto", "best", "greedy", "off"},
     "which prefixes are shared; `auto`: best, greedy if faithful"},
    {"max_num_batched_tokens",
     ParameterSpec::Kind::integer,
     1,
     1 << 28,
     "2048",
     {},
     "token budget of a step"},
    {"max_num_seqs",
     ParameterSpec::Kind::integer,
     1,
     1 << 20,
     "256",
     {},
     "running requests at most, if faithful, with `token_batching_degree` more"},
    {"token_batching_degree",
     ParameterSpec::Kind::integer,
     0,
     1 << 20,
     "100",
     {},
     "see `max_num_seqs`"},
    {"kv_threshold",
     ParameterSpec::Kind::number,
     0.01,
     1,
     "1",
     {},
     "share of KV blocks that running requests may need in all, unless faithful"},
    {"tile",
     ParameterSpec::Kind::integer,
     0,
     1 << 20,
     "64",
     {},
     "decodes of a group that read its prefix together; 0: each reads it for itself"},
};

constexpr std::uint32_t kNoGroup = UINT32_MAX;

class BatchLlm final : public BatchPolicy {
 public:
  explicit BatchLlm(const Parameters& p)
      : faithful_(p.flag("faithful")),
        grouping_(p.choice("grouping")),
        budget_(p.integer("max_num_batched_tokens")),
        most_running_(static_cast<std::size_t>(p.integer("max_num_seqs") +
                                               p.integer("token_batching_degree"))),
        kv_threshold_(p.number("kv_threshold")),
        tile_(p.integer("tile")) {
    if (grouping_ == "auto") grouping_ = faithful_ ? "greedy" : "best";
    if (!faithful_) most_running_ = std::numeric_limits<std::size_t>::max();
  }

  void next_batch(BatchPlan& plan) override {
    if (plan.waiting_count() > 0 && group_of(plan.waiting(0)) == kNoGroup) form_groups(plan);
    open_ready(plan);
    const bool all_decode = schedule_decodes(plan);
    continue_prompts(plan);
    const std::size_t running = plan.scheduled_requests();
    if (plan.preemptions() == 0) admit_waiting(plan);
    read_prefixes_together(plan);
    if (all_decode && plan.scheduled_requests() == running && plan.preemptions() == 0)
      plan.steady(Blocks(0), arrivals_behind_head(plan));
  }

  [[nodiscard]] std::size_t most_running() const override { return most_running_; }
  [[nodiscard]] PrefixRules prefix_rules() const override {
    return {grouping_ == "off" ? PrefixReuse::none : PrefixReuse::held, 1};
  }

 private:
  struct Group {
    Tokens prefix{0};  ///< whole KV blocks
    Blocks blocks{0};
    /// Of the one that computes the prefix now; none before and afterwards.
    RequestId leader = RequestId::none();
    bool computed = false;     ///< by the leader, in the step being planned or in flight
    std::int64_t decodes = 0;  ///< scheduled in this step
  };

  // Groups
  // -----------------------------------------------------------------------------------------------

  [[nodiscard]] std::uint32_t group_of(const RequestView& request) const {
    return request.id().index() < group_of_.size() ? group_of_[request.id().index()] : kNoGroup;
  }

  /// All that wait now become a batch: groups in order, each request behind those of its group.
  void form_groups(BatchPlan& plan) {
    PrefixTree tree;
    Tokens each(0);
    for (std::size_t i = 0; i < plan.waiting_count(); ++i) {
      const RequestView request = plan.waiting(i);
      const Tokens its = plan.prefix_hash_tokens(request);
      if (each == Tokens(0)) each = its;
      const bool fits = its == each && !plan.prefix_hashes(request).empty();
      tree.insert(fits ? plan.prefix_hashes(request) : std::span<const std::uint64_t>{});
    }
    if (grouping_ == "greedy") tree.enlarge();
    std::vector<PrefixTree::Group> groups =
        grouping_ == "best" ? tree.best_groups() : tree.first_level();
    const Tokens whole(each == Tokens(0) ? 1 : std::lcm(each.value(), plan.block_tokens().value()));
    for (PrefixTree::Group& group : groups) {
      // Ids become tokens that fill whole blocks; a prefix of one request is shared by nobody.
      const Tokens shared = each * static_cast<std::int64_t>(group.shared);
      group.shared = group.prompts.size() < 2
                         ? 0
                         : static_cast<std::size_t>((whole * (shared / whole)).value());
    }
    if (!faithful_) order_by_decode_ratio(plan, groups);
    enter(plan, groups);
  }

  /// Tokens to decode over tokens to compute before, falling (the paper's R; of its sums, ours).
  static void order_by_decode_ratio(const BatchPlan& plan, std::vector<PrefixTree::Group>& groups) {
    struct Ratio {
      std::int64_t decode = 0;
      std::int64_t prefill = 0;
      std::size_t group = 0;
    };
    std::vector<Ratio> ratios;
    for (std::size_t g = 0; g < groups.size(); ++g) {
      const auto shared = static_cast<std::int64_t>(groups[g].shared);
      Ratio ratio{0, shared, g};
      for (const std::size_t i : groups[g].prompts) {
        ratio.decode += plan.waiting(i).predicted_output().value();
        ratio.prefill += plan.waiting(i).prompt().value() - shared;
      }
      ratios.push_back(ratio);
    }
    std::stable_sort(ratios.begin(), ratios.end(), [](const Ratio& a, const Ratio& b) {
      return Int128(a.decode) * b.prefill > Int128(b.decode) * a.prefill;
    });
    std::vector<PrefixTree::Group> sorted;
    for (const Ratio& ratio : ratios) sorted.push_back(std::move(groups[ratio.group]));
    groups = std::move(sorted);
  }

  void enter(BatchPlan& plan, const std::vector<PrefixTree::Group>& groups) {
    std::vector<RequestSlot> order;
    for (const PrefixTree::Group& group : groups) {
      Group one;
      one.prefix = Tokens(static_cast<std::int64_t>(group.shared));
      one.blocks = Blocks(one.prefix / plan.block_tokens());
      const auto number = static_cast<std::uint32_t>(groups_.size());
      groups_.push_back(one);
      for (const std::size_t i : group.prompts) {
        const RequestView request = plan.waiting(i);
        order.push_back(request.slot());
        if (group_of_.size() <= request.id().index())
          group_of_.resize(request.id().index() + std::size_t{1}, kNoGroup);
        group_of_[request.id().index()] = number;
        plan.share_within(request, number, one.prefix);
      }
    }
    plan.order_waiting(order);
  }

  /// Groups whose prefix was computed in an earlier step are open to all; those whose leader was
  /// preempted on the way find another.
  void open_ready(const BatchPlan& plan) {
    std::erase_if(opening_, [&](std::uint32_t number) {
      Group& group = groups_[number];
      if (!group.computed && runs(plan, group.leader)) return false;
      group.leader = RequestId::none();
      return true;
    });
  }

  [[nodiscard]] static bool runs(const BatchPlan& plan, RequestId id) {
    for (std::size_t i = 0; i < plan.running_count(); ++i) {
      if (plan.running(i).id() == id) return true;
    }
    return false;
  }

  /// The step computes `tokens` of a request: if it leads and that completes the prefix, the rest
  /// of its group holds it from now on.
  void note_prefix(BatchPlan& plan, const RequestView& request, Tokens tokens) {
    const std::uint32_t number = group_of(request);
    if (number == kNoGroup || groups_[number].leader != request.id()) return;
    Group& group = groups_[number];
    if (request.computed() + tokens < group.prefix) return;
    group.computed = true;
    for (std::size_t i = 0; i < plan.waiting_count(); ++i) {
      const RequestView other = plan.waiting(i);
      const std::uint32_t its = group_of(other);
      if (its == number && other.blocks() == Blocks(0)) plan.reuse(other);
      if (its > number) break;  // groups stand in order, but for who was preempted
    }
  }

  /// Whoever waits and holds a prefix gives it up; false when nobody does.
  static bool release_waiting(BatchPlan& plan) {
    bool any = false;
    for (std::size_t i = 0; i < plan.waiting_count(); ++i) {
      const RequestView request = plan.waiting(i);
      if (request.blocks() == Blocks(0)) continue;
      plan.let_go(request);
      any = true;
    }
    return any;
  }

  // A step
  // -----------------------------------------------------------------------------------------------

  /// True when every running request decodes in this step.
  [[nodiscard]] bool schedule_decodes(BatchPlan& plan) {
    bool all = plan.running_count() > 0;
    for (std::size_t i = 0; i < plan.running_count(); ++i) {
      const RequestView request = plan.running(i);
      if (request.in_flight() || !request.decoding() || plan.scheduled_tokens() >= budget_) {
        all = false;
        continue;
      }
      while (!plan.grow(request, Tokens(1))) {
        if (give_way(plan, i) == Victim::itself) return false;
      }
      plan.schedule(request, Tokens(1));
      if (const std::uint32_t group = group_of(request); group != kNoGroup) {
        if (groups_[group].decodes++ == 0) decoding_.push_back(group);
      }
    }
    return all;
  }

  static Victim give_way(BatchPlan& plan, std::size_t asking) {
    if (last_idle(plan, asking) == asking && release_waiting(plan)) return Victim::another;
    return preempt_last(plan, asking);
  }

  /// Their blocks were taken when they entered.
  void continue_prompts(BatchPlan& plan) {
    for (std::size_t i = 0; i < plan.running_count() && plan.scheduled_tokens() < budget_; ++i) {
      const RequestView request = plan.running(i);
      if (request.in_flight() || request.decoding()) continue;
      compute(plan, request);
    }
  }

  void compute(BatchPlan& plan, const RequestView& request) {
    const Tokens tokens = std::min(request.missing(), budget_ - plan.scheduled_tokens());
    plan.schedule(request, tokens);
    note_prefix(plan, request, tokens);
  }

  void admit_waiting(BatchPlan& plan) {
    Blocks promised = faithful_ ? Blocks(0) : still_to_take(plan);
    for (std::size_t i = 0; i < plan.waiting_count();) {
      if (plan.scheduled_tokens() >= budget_ || plan.running_count() >= most_running_) return;
      const RequestView request = plan.waiting(i);
      const std::uint32_t number = group_of(request);
      if (number == kNoGroup) return;
      if (groups_[number].leader != RequestId::none()) {
        ++i;  // its prefix is being computed
        continue;
      }
      const Blocks now = blocks_for(request.computed() + request.missing(), plan.block_tokens());
      if (drop_impossible(plan, request, plan.max_model_len(), now, plan.total_blocks())) continue;
      if (!enter_with(plan, request, now, promised)) {
        if (plan.running_count() > 0 || !release_waiting(plan)) return;
        continue;  // nothing runs: all there is to free is what others wait with
      }
    }
  }

  /// Lets a waiting request run if there is room.
  [[nodiscard]] bool enter_with(BatchPlan& plan, const RequestView& request, Blocks now,
                                Blocks& promised) {
    const bool held = request.blocks() > Blocks(0);
    if (!held) plan.reuse(request);
    Group& group = groups_[group_of(request)];
    const bool leads = request.blocks() < group.blocks;
    const Blocks later = std::max(now, life(plan, request)) - now;
    if (!has_room(plan, now - request.blocks() + later + promised) || !plan.reserve(request, now)) {
      if (!held) plan.let_go(request);
      return false;
    }
    promised += later;
    if (leads) {
      group.leader = request.id();
      group.computed = false;
      opening_.push_back(group_of(request));
    }
    plan.admit(request);
    compute(plan, request);
    return true;
  }

  /// Blocks of a request at its predicted end.
  [[nodiscard]] static Blocks life(const BatchPlan& plan, const RequestView& request) {
    const Tokens whole =
        request.prompt() + std::max(request.predicted_output(), request.generated() + Tokens(1));
    return blocks_for(std::min(whole, plan.max_model_len()), plan.block_tokens());
  }

  /// Blocks that running requests will take until their predicted ends.
  [[nodiscard]] static Blocks still_to_take(const BatchPlan& plan) {
    Blocks sum(0);
    for (std::size_t i = 0; i < plan.running_count(); ++i) {
      const RequestView request = plan.running(i);
      sum += std::max(Blocks(0), life(plan, request) - request.blocks());
    }
    return sum;
  }

  [[nodiscard]] bool has_room(const BatchPlan& plan, Blocks more) const {
    if (faithful_ || plan.running_count() == 0) return true;
    const Blocks used = plan.total_blocks() - plan.free_blocks();
    return (used + more).as_double() <= kv_threshold_ * plan.total_blocks().as_double();
  }

  /// The prefix part of the paper's attention: a tile of query rows reads it once.
  void read_prefixes_together(BatchPlan& plan) {
    for (const std::uint32_t number : decoding_) {
      Group& group = groups_[number];
      if (tile_ > 0) {
        const std::int64_t readers = (group.decodes + tile_ - 1) / tile_;
        plan.read_together(group.prefix * (group.decodes - readers));
      }
      group.decodes = 0;
    }
    decoding_.clear();
  }

  bool faithful_;
  std::string grouping_;
  Tokens budget_;
  std::size_t most_running_;
  double kv_threshold_;
  std::int64_t tile_;

  std::vector<Group> groups_;            ///< in order of the queue
  std::vector<std::uint32_t> group_of_;  ///< by request id
  std::vector<std::uint32_t> opening_;   ///< groups with a leader
  std::vector<std::uint32_t> decoding_;  ///< groups with decodes in the step being planned
};

const RegisterBatchPolicy kRegistered{
    "batchllm", "BatchLLM: offline batches in prefix groups, each prefix computed once",
    kParameters, [](const Parameters& p) { return std::make_unique<BatchLlm>(p); }};

}  // namespace
}  // namespace headroom
