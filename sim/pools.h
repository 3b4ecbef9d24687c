// Prefill and decode replicas apart: a request computes its prompt on one, its KV moves, and it
// decodes on another.
//
// A finished prompt is handed over: the decode routing policy picks a decode replica, where it
// stands in line, still holding its blocks on the prefill replica. The decode replica pulls from
// the front of its line at its iteration boundaries, as far as room and `TransferRules` allow;
// whoever cannot be taken holds back those behind (DistServe, OSDI 2024, and its released runtime).
// Where a replica fails, what KV was on it is lost; a finished prompt whose KV is whole on its
// prefill replica, in line or under way, is offered to another decode replica. One that finds none
// up waits, its KV held (sim/dynamics.h).
// Laws: prompts of joint and prefill replicas only are routed on arrival, decode replicas only
// receive; a request is in one line or on one move, or waits for a decode replica; the compressed
// path gives the same bytes as the plain one (tests/laws/pools_test.cpp).
// Cost: O(log) a prompt beyond its routing; nothing where all replicas are joint.
// Not here: the bytes under way (sim/transfer.h).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/policy.h"
#include "sim/transfer.h"

namespace headroom {

/// Some of the replicas as a cluster of their own, numbered from 0.
class PoolView final : public ClusterView {
 public:
  PoolView(const ClusterView& all, std::vector<ReplicaId> members)
      : all_(all), members_(std::move(members)) {}
  void set_members(std::vector<ReplicaId> members) { members_ = std::move(members); }
  [[nodiscard]] ReplicaId member(ReplicaId place) const { return members_[place.index()]; }
  [[nodiscard]] Instant now() const override { return all_.now(); }
  [[nodiscard]] std::uint32_t replicas() const override {
    return static_cast<std::uint32_t>(members_.size());
  }
  [[nodiscard]] std::int64_t outstanding_requests(ReplicaId place) const override {
    return all_.outstanding_requests(member(place));
  }
  [[nodiscard]] Tokens outstanding_prompt_tokens(ReplicaId place) const override {
    return all_.outstanding_prompt_tokens(member(place));
  }
  [[nodiscard]] std::int64_t waiting_requests(ReplicaId place) const override {
    return all_.waiting_requests(member(place));
  }
  [[nodiscard]] Blocks used_blocks(ReplicaId place) const override {
    return all_.used_blocks(member(place));
  }
  [[nodiscard]] Blocks total_blocks(ReplicaId place) const override {
    return all_.total_blocks(member(place));
  }
  [[nodiscard]] bool is_joint(ReplicaId place) const override {
    return all_.is_joint(member(place));
  }
  [[nodiscard]] Tokens cached_prefix(const RequestView& request, ReplicaId place) const override {
    return all_.cached_prefix(request, member(place));
  }

 private:
  const ClusterView& all_;
  std::vector<ReplicaId> members_;
};

/// What a simulation with pools needs beside its replicas.
struct PoolSetup {
  std::unique_ptr<RoutingPolicy> routing;  ///< which decode replica takes a finished prompt
  std::string routing_name;
  std::optional<ReplicaWiring> wiring{};  ///< none: KV moves in no time
  std::int64_t layers = 0;                ///< above 0: KV moves layer by layer, of so many
};

class Pools {
 public:
  /// `replicas`, `state` and `cluster` outlive this. Requires a prefill and a decode replica.
  Pools(PoolSetup setup, const Replicas& replicas, SimulationState& state,
        const ClusterView& cluster, std::uint64_t seed);

  /// Where arrivals may go: joint and prefill replicas.
  [[nodiscard]] const PoolView& entrances() const { return entrances_; }
  /// From now on only these replicas, in ascending order, are routed to.
  void set_up(const std::vector<ReplicaId>& up);

  /// Finished prompts that lose their KV or their decode replica with a replica that fails.
  struct Stranded {
    std::vector<RequestSlot> without_kv{};  ///< to be told to the replica (`lose_all`)
    std::vector<RequestSlot> with_kv{};     ///< on other replicas; to be offered again or given up
  };
  /// `gone` fails: moves from and to it end, and lines let go of who can no longer come.
  [[nodiscard]] Stranded strand(ReplicaId gone);
  void offer_again(RequestSlot slot) { state_.handed_over.push_back(slot); }
  /// A finished prompt gets no answer; its KV is let go.
  void give_up(RequestSlot slot, RejectReason reason);
  /// Finished prompts that wait for a decode replica to be up.
  [[nodiscard]] std::int64_t unoffered() const {
    return static_cast<std::int64_t>(unoffered_.size());
  }
  /// The longest request that every decode replica takes.
  [[nodiscard]] Tokens longest() const { return longest_; }

  /// Once completions and arrivals of this instant are in: offers finished prompts to decode
  /// replicas. That may end runs of iterations at this very instant, so its completions are handled
  /// before `pull`.
  void offer_finished();
  /// Before batches are planned: lets the decode replicas that are ready pull.
  void pull();

  [[nodiscard]] bool is_current(std::uint32_t detail) const {
    return transfers_.is_current(detail);
  }
  void on_network_event() { transfers_.on_network_event(); }
  [[nodiscard]] std::size_t under_way() const { return transfers_.under_way(); }

 private:
  void hand_over(RequestSlot slot);

  PoolSetup setup_;
  const Replicas& replicas_;
  SimulationState& state_;
  PoolView entrances_;
  PoolView decoders_;
  Transfers transfers_;
  std::vector<RequestSlot> unoffered_;  ///< no decode replica is up
  RandomStream random_;
  Tokens longest_{0};
};

}  // namespace headroom
