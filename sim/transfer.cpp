#include "sim/transfer.h"

#include <algorithm>

#include "sim/check.h"

namespace headroom {

Transfers::Transfers(std::optional<ReplicaWiring> wiring, const Replicas& replicas,
                     SimulationState& state, std::int64_t layers)
    : replicas_(replicas), state_(state), wiring_(std::move(wiring)), layers_(layers) {
  if (!wiring_) return;
  SIM_CHECK(wiring_->endpoints.size() == replicas.size(), "each replica stands somewhere");
  network_.emplace(wiring_->topology);
  paths_.resize(replicas.size() * replicas.size());
}

const Transfers::Path& Transfers::path(ReplicaId from, ReplicaId to) {
  Path& path = paths_[from.index() * replicas_.size() + to.index()];
  if (path.known) return path;
  std::optional<Route> route =
      wiring_->topology.route(wiring_->endpoints[from.index()], wiring_->endpoints[to.index()]);
  SIM_CHECK(route.has_value(), "replicas of two pools reach each other");
  path.latency = wiring_->topology.latency(*route);
  path.bandwidth = wiring_->topology.bandwidth(*route);
  path.links = std::move(*route);
  path.known = true;
  return path;
}

void Transfers::start(RequestSlot slot, ReplicaId to, Blocks room) {
  LiveRequest& request = state_.requests[slot];
  RequestHistory& history = state_.requests.history(slot);
  SIM_CHECK(request.state == RequestState::migrating, "only finished prompts move");
  TransferTotals& totals = state_.metrics.transfers;
  Move move;
  move.departed = {slot, Blocks(request.blocks), request.shared_units};
  move.from = history.replica;
  move.to = to;
  move.start = state_.now();
  move.bytes = replicas_[to.index()]->kv_bytes(Tokens(request.computed));
  request.blocks = static_cast<std::int32_t>(room.value());
  request.shared_units = 0;
  ++totals.started;
  totals.bytes += move.bytes;
  totals.waited.add((move.start - history.handed_over).value());
  if (!network_ || move.bytes == Bytes(0)) return land(move);
  const Path& along = path(move.from, to);
  const Bytes late = move.bytes - sent_early(slot, move.bytes, along);
  move.flow = network_->start_flow(along.links, late, along.latency, state_.now());
  moves_.push_back(move);
  foresee();
}

Bytes Transfers::sent_early(RequestSlot slot, Bytes bytes, const Path& along) const {
  const RequestHistory& history = state_.requests.history(slot);
  // A target without room by now had none earlier.
  if (layers_ < 2 || history.handed_over != state_.now()) return Bytes(0);
  const double all_but_last =
      bytes.as_double() * static_cast<double>(layers_ - 1) / static_cast<double>(layers_);
  const double window = seconds(history.handed_over - history.first_scheduled);
  return Bytes(
      static_cast<std::int64_t>(std::min(all_but_last, along.bandwidth.value() * window) + 0.5));
}

void Transfers::land(const Move& move) {
  const RequestSlot slot = move.departed.slot;
  RequestHistory& history = state_.requests.history(slot);
  history.transfer += state_.now() - history.handed_over;
  history.replica = move.to;
  ++state_.metrics.transfers.landed;
  state_.metrics.transfers.moved.add((state_.now() - move.start).value());
  state_.record(Milestone::transferred, slot);
  replicas_[move.from.index()]->release(move.departed);
  replicas_[move.to.index()]->join(slot);
}

std::vector<RequestSlot> Transfers::call_off(ReplicaId gone) {
  std::vector<RequestSlot> slots;
  std::erase_if(moves_, [&](const Move& move) {
    if (move.from != gone && move.to != gone) return false;
    const RequestSlot slot = move.departed.slot;
    network_->cancel(move.flow, state_.now());
    if (move.to != gone) replicas_[move.to.index()]->call_off(slot);
    LiveRequest& request = state_.requests[slot];
    request.blocks = static_cast<std::int32_t>(move.departed.blocks.value());
    request.shared_units = move.departed.shared_units;
    ++state_.metrics.transfers.called_off;
    slots.push_back(slot);
    return true;
  });
  if (!slots.empty()) foresee();
  return slots;
}

/// Keeps one event standing: that of the network's next change.
void Transfers::foresee() {
  const Instant next = network_->next_event();
  if (next == expected_) return;
  expected_ = next;
  ++generation_;
  if (next == Instant::never()) return;
  state_.queue.push(next, Phase::completion, EventKind::network, kNetworkSubject, generation_);
}

void Transfers::on_network_event() {
  expected_ = Instant::never();
  landed_.clear();
  network_->advance(state_.now(), landed_);
  for (const LandedFlow& flow : landed_) {
    const auto move = std::find_if(moves_.begin(), moves_.end(),
                                   [&flow](const Move& one) { return one.flow == flow.id; });
    SIM_CHECK(move != moves_.end(), "what lands was sent");
    const Move done = *move;
    moves_.erase(move);
    land(done);
  }
  foresee();
}

}  // namespace headroom
