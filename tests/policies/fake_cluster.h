// A cluster whose state a test writes down, for routers and doors.
#pragma once

#include <vector>

#include "sim/policy.h"

namespace headroom::toy {

struct FakeCluster final : ClusterView {
  std::vector<std::int64_t> outstanding;
  std::vector<std::int64_t> waiting;
  std::vector<std::int64_t> cached{};  ///< tokens of any request's prefix, by replica
  std::uint32_t first_joint = 0;       ///< replicas from here on do whole requests
  Instant time;

  [[nodiscard]] Instant now() const override { return time; }
  [[nodiscard]] std::uint32_t replicas() const override {
    return static_cast<std::uint32_t>(outstanding.size());
  }
  [[nodiscard]] std::int64_t outstanding_requests(ReplicaId replica) const override {
    return outstanding[replica.index()];
  }
  [[nodiscard]] Tokens outstanding_prompt_tokens(ReplicaId replica) const override {
    return Tokens(outstanding[replica.index()]);
  }
  [[nodiscard]] std::int64_t waiting_requests(ReplicaId replica) const override {
    return waiting[replica.index()];
  }
  [[nodiscard]] Blocks used_blocks(ReplicaId) const override { return Blocks(0); }
  [[nodiscard]] Blocks total_blocks(ReplicaId) const override { return Blocks(100); }
  [[nodiscard]] bool is_joint(ReplicaId replica) const override {
    return replica.index() >= first_joint;
  }
  [[nodiscard]] Tokens cached_prefix(const RequestView&, ReplicaId replica) const override {
    return Tokens(replica.index() < cached.size() ? cached[replica.index()] : 0);
  }
};

/// A request that just arrived.
struct FakeRequest {
  LiveRequest live;
  explicit FakeRequest(std::uint32_t id, std::int32_t prompt = 1) {
    live.id = id;
    live.prompt = prompt;
  }
  [[nodiscard]] RequestView view() const { return {RequestSlot(live.id), live}; }
};

}  // namespace headroom::toy
