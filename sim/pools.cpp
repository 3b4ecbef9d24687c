#include "sim/pools.h"

#include <algorithm>
#include <utility>

#include "sim/check.h"

namespace headroom {

namespace {

std::vector<ReplicaId> members(const Replicas& replicas, bool (*wanted)(ReplicaRole)) {
  std::vector<ReplicaId> found;
  for (std::size_t i = 0; i < replicas.size(); ++i) {
    if (wanted(replicas[i]->role())) found.emplace_back(static_cast<std::uint32_t>(i));
  }
  return found;
}

bool takes_arrivals(ReplicaRole role) { return role != ReplicaRole::decode; }
bool decodes_only(ReplicaRole role) { return role == ReplicaRole::decode; }
bool prefills_only(ReplicaRole role) { return role == ReplicaRole::prefill; }

}  // namespace

Pools::Pools(PoolSetup setup, const Replicas& replicas, SimulationState& state,
             const ClusterView& cluster, std::uint64_t seed)
    : setup_(std::move(setup)),
      replicas_(replicas),
      state_(state),
      entrances_(cluster, members(replicas, takes_arrivals)),
      decoders_(cluster, members(replicas, decodes_only)),
      transfers_(std::move(setup_.wiring), replicas, state, setup_.layers),
      random_(seed, "decode routing") {
  SIM_CHECK(setup_.routing != nullptr && decoders_.replicas() > 0 &&
                !members(replicas, prefills_only).empty(),
            "pools have a router, a prefill replica and a decode replica");
  longest_ = replicas[decoders_.member(ReplicaId(0)).index()]->max_model_len();
  for (std::uint32_t i = 1; i < decoders_.replicas(); ++i) {
    longest_ =
        std::min(longest_, replicas[decoders_.member(ReplicaId(i)).index()]->max_model_len());
  }
}

void Pools::offer_finished() {
  // Routers see the instant before any decision of it, in whatever order events came.
  state_.phase = Phase::arrival;
  if (decoders_.replicas() == 0) {
    unoffered_.insert(unoffered_.end(), state_.handed_over.begin(), state_.handed_over.end());
  } else {
    for (const RequestSlot slot : state_.handed_over) hand_over(slot);
  }
  state_.handed_over.clear();
}

void Pools::set_up(const std::vector<ReplicaId>& up) {
  std::vector<ReplicaId> entrances;
  std::vector<ReplicaId> decoders;
  for (const ReplicaId id : up) {
    (takes_arrivals(replicas_[id.index()]->role()) ? entrances : decoders).push_back(id);
  }
  entrances_.set_members(std::move(entrances));
  decoders_.set_members(std::move(decoders));
  if (decoders_.replicas() == 0) return;
  for (const RequestSlot slot : std::exchange(unoffered_, {})) offer_again(slot);
}

Pools::Stranded Pools::strand(ReplicaId gone) {
  std::vector<RequestSlot> all = transfers_.call_off(gone);
  const auto on_gone = [&](RequestSlot slot) {
    return state_.requests.history(slot).replica == gone;
  };
  for (std::size_t i = 0; i < replicas_.size(); ++i) {
    if (!decodes_only(replicas_[i]->role())) continue;
    const bool itself = i == gone.index();  // its line goes with it
    for (const RequestSlot slot : replicas_[i]->in_line()) {
      if (!itself && !on_gone(slot)) continue;
      if (!itself) replicas_[i]->withdraw(slot);
      all.push_back(slot);
    }
  }
  for (std::vector<RequestSlot>* offers : {&unoffered_, &state_.handed_over}) {
    for (const RequestSlot slot : *offers)
      if (on_gone(slot)) all.push_back(slot);
    std::erase_if(*offers, on_gone);
  }
  Stranded stranded;
  for (const RequestSlot slot : all) {
    (on_gone(slot) ? stranded.without_kv : stranded.with_kv).push_back(slot);
  }
  return stranded;
}

void Pools::give_up(RequestSlot slot, RejectReason reason) {
  LiveRequest& request = state_.requests[slot];
  const Departed departed{slot, Blocks(request.blocks), request.shared_units};
  request.blocks = 0;
  request.shared_units = 0;
  replicas_[state_.requests.history(slot).replica.index()]->release(departed);
  state_.reject(slot, reason);
}

void Pools::pull() {
  std::vector<ReplicaId>& ready = state_.ready;
  std::sort(ready.begin(), ready.end());
  // A move that takes no time frees blocks on its source, which is then asked as well.
  for (std::size_t i = 0; i < ready.size(); ++i) {
    ReplicaEngine& replica = *replicas_[ready[i].index()];
    if (replica.role() == ReplicaRole::decode) replica.accept(transfers_);
  }
  std::sort(ready.begin(), ready.end());
}

void Pools::hand_over(RequestSlot slot) {
  check_context().policy = setup_.routing_name.c_str();
  const ReplicaId place = setup_.routing->route(state_.requests.view(slot), decoders_, random_);
  SIM_CHECK(place.index() < decoders_.replicas(), "a router names an existing decode replica");
  state_.record(Milestone::offered, slot);
  ReplicaEngine& target = *replicas_[decoders_.member(place).index()];
  if (target.could_hold(slot)) {
    target.offer(slot);
  } else {
    give_up(slot, RejectReason::never_fits);
  }
}

}  // namespace headroom
