#include "sim/network.h"

#include <algorithm>
#include <limits>

#include "sim/check.h"

namespace headroom {
namespace {

constexpr int kFractionBits = 32;
constexpr std::int64_t kUnfixed = -1;

std::int64_t units_per_ns(BytesPerSecond capacity) {
  SIM_CHECK(capacity >= Network::kLeastCapacity && capacity <= Network::kMostCapacity,
            "a link's capacity lies between 1 MB/s and 1 PB/s");
  // At most 10^6 B/ns * 2^32 < 2^52; rounded down, so that no link is overfull.
  return static_cast<std::int64_t>(capacity.value() * 0x1p32 / 1e9);
}

/// when + delay, or never() where that is beyond the clock.
Instant later_by(Instant when, Int128 delay_ns) {
  const Int128 sum = static_cast<Int128>(when.ns()) + delay_ns;
  return sum >= Instant::never().ns() ? Instant::never() : Instant(static_cast<std::int64_t>(sum));
}

}  // namespace

Network::Network(std::span<const BytesPerSecond> capacities) {
  for (const BytesPerSecond capacity : capacities) capacity_.push_back(units_per_ns(capacity));
  carried_.assign(capacity_.size(), 0);
  left_.assign(capacity_.size(), 0);
  unfixed_.assign(capacity_.size(), 0);
}

namespace {

std::vector<BytesPerSecond> capacities_of(const Topology& topology) {
  std::vector<BytesPerSecond> capacities;
  for (std::uint32_t i = 0; i < topology.links(); ++i) {
    capacities.push_back(topology.link(LinkId(i)).spec.bandwidth);
  }
  return capacities;
}

}  // namespace

Network::Network(const Topology& topology) : Network(capacities_of(topology)) {}

FlowId Network::start_flow(std::span<const LinkId> path, Bytes bytes, Duration latency,
                           Instant now) {
  SIM_CHECK(bytes >= Bytes(0) && bytes <= kMostBytes, "a flow carries between 0 and 2^50 bytes");
  SIM_CHECK(latency >= Duration(0), "a flow's latency is not negative");
  SIM_CHECK(order_.size() < kMostFlows && started_ < FlowId::none().index(),
            "there is room for another flow");
  for (std::size_t i = 0; i < path.size(); ++i) {
    SIM_CHECK(path[i].index() < capacity_.size(), "a flow crosses existing links");
    SIM_CHECK(std::find(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(i), path[i]) ==
                  path.begin() + static_cast<std::ptrdiff_t>(i),
              "a flow crosses a link once");
  }
  SIM_CHECK(now >= now_, "the clock never goes back");
  SIM_CHECK(now <= next_event(), "what ends before a new flow is asked for first");
  carry_until(now);

  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(flows_.size()));
    flows_.emplace_back();
  }
  const std::uint32_t slot = free_.back();
  free_.pop_back();
  order_.push_back(slot);
  Flow& flow = flows_[slot];
  flow.id = FlowId(started_++);
  flow.bytes = bytes;
  flow.latency = latency;
  flow.start = now;
  flow.draining = !path.empty() && bytes > Bytes(0);
  flow.drained = flow.draining ? Instant::never() : now;
  flow.remaining = flow.draining ? static_cast<Int128>(bytes.value()) << kFractionBits : 0;
  flow.rate = 0;
  flow.path.assign(path.begin(), path.end());
  rates_valid_ = false;
  return flow.id;
}

void Network::cancel(FlowId id, Instant now) {
  SIM_CHECK(now >= now_, "the clock never goes back");
  SIM_CHECK(now <= next_event(), "what ends before a flow is cancelled is asked for first");
  carry_until(now);
  const auto place = std::find_if(order_.begin(), order_.end(),
                                  [this, id](std::uint32_t slot) { return flows_[slot].id == id; });
  SIM_CHECK(place != order_.end(), "a flow is cancelled before it has landed");
  free_.push_back(*place);
  order_.erase(place);
  rates_valid_ = false;
}

Instant Network::next_event() {
  solve();
  return next_;
}

void Network::advance(Instant now, std::vector<LandedFlow>& landed) {
  SIM_CHECK(now >= now_, "the clock never goes back");
  while (!order_.empty() && next_event() <= now && next_ != Instant::never()) step(next_, landed);
  carry_until(now);
}

std::optional<BytesPerSecond> Network::rate(FlowId id) {
  solve();
  const Flow* flow = find(id);
  if (flow == nullptr) return std::nullopt;
  return BytesPerSecond(static_cast<double>(flow->rate) * 0x1p-32 * 1e9);
}

std::optional<Bytes> Network::remaining(FlowId id) const {
  const Flow* flow = find(id);
  if (flow == nullptr) return std::nullopt;
  constexpr Int128 kAlmostOne = (Int128{1} << kFractionBits) - 1;
  return Bytes(static_cast<std::int64_t>((flow->remaining + kAlmostOne) >> kFractionBits));
}

Bytes Network::carried(LinkId link) const {
  SIM_CHECK(link.index() < carried_.size(), "a link exists before it is used");
  return Bytes(static_cast<std::int64_t>(carried_[link.index()] >> kFractionBits));
}

const Network::Flow* Network::find(FlowId id) const {
  // Ids grow in order of start, and so do those in use.
  const auto found = std::lower_bound(
      order_.begin(), order_.end(), id,
      [this](std::uint32_t slot, FlowId wanted) { return flows_[slot].id < wanted; });
  return found != order_.end() && flows_[*found].id == id ? &flows_[*found] : nullptr;
}

/// Progressive filling: the link that can give its flows least fixes their rates; without it and
/// them, again. Shares never fall from round to round, which makes the result max-min fair.
void Network::solve() {
  if (rates_valid_) return;
  rates_valid_ = true;
  fill_links();
  while (true) {
    const std::size_t link = tightest_link();
    if (link == capacity_.size()) break;
    fix_flows_on(link, left_[link] / unfixed_[link]);
  }
  foresee();
}

void Network::fill_links() {
  used_.clear();
  for (const std::uint32_t slot : order_) {
    Flow& flow = flows_[slot];
    if (!flow.draining) continue;
    flow.rate = kUnfixed;
    for (const LinkId link : flow.path) {
      if (unfixed_[link.index()]++ != 0) continue;
      left_[link.index()] = capacity_[link.index()];
      used_.push_back(link.index());
    }
  }
  std::sort(used_.begin(), used_.end());
}

/// The link with the least share for a flow without a rate, the smallest id of equals;
/// capacity_.size() when all have one.
std::size_t Network::tightest_link() const {
  std::size_t tightest = capacity_.size();
  std::int64_t least = std::numeric_limits<std::int64_t>::max();
  for (const std::uint32_t link : used_) {
    if (unfixed_[link] == 0) continue;
    const std::int64_t share = left_[link] / unfixed_[link];
    if (share < least) {
      least = share;
      tightest = link;
    }
  }
  return tightest;
}

void Network::fix_flows_on(std::size_t link, std::int64_t share) {
  for (const std::uint32_t slot : order_) {
    Flow& flow = flows_[slot];
    if (!flow.draining || flow.rate != kUnfixed) continue;
    const auto crosses = [link](LinkId id) { return id.index() == link; };
    if (std::none_of(flow.path.begin(), flow.path.end(), crosses)) continue;
    flow.rate = share;
    for (const LinkId id : flow.path) {
      left_[id.index()] -= share;
      --unfixed_[id.index()];
    }
  }
}

/// When each flow drains at its rate, and what comes next.
void Network::foresee() {
  next_ = Instant::never();
  for (const std::uint32_t slot : order_) {
    Flow& flow = flows_[slot];
    if (!flow.draining) {
      next_ = std::min(next_, flow.landed());
      continue;
    }
    SIM_CHECK(flow.rate > 0, "a flow on its links moves");
    flow.drained = later_by(now_, (flow.remaining + flow.rate - 1) / flow.rate);
    next_ = std::min(next_, flow.drained);
  }
}

/// Moves bytes at the present rates. Requires that nothing drains before `time`.
void Network::carry_until(Instant time) {
  solve();
  const std::int64_t passed = (time - now_).value();
  now_ = time;
  if (passed == 0) return;
  for (const std::uint32_t slot : order_) {
    Flow& flow = flows_[slot];
    if (!flow.draining) continue;
    const Int128 moved = std::min(flow.remaining, static_cast<Int128>(flow.rate) * passed);
    flow.remaining -= moved;
    for (const LinkId link : flow.path) carried_[link.index()] += moved;
  }
}

/// Handles the one instant at which flows drain or land.
void Network::step(Instant time, std::vector<LandedFlow>& landed) {
  carry_until(time);
  for (const std::uint32_t slot : order_) {
    Flow& flow = flows_[slot];
    if (!flow.draining || flow.drained != time) continue;
    SIM_CHECK(flow.remaining == 0, "bytes are conserved");
    flow.draining = false;
    flow.rate = 0;
  }
  std::size_t kept = 0;
  for (const std::uint32_t slot : order_) {
    const Flow& flow = flows_[slot];
    if (flow.draining || flow.landed() > time) {
      order_[kept++] = slot;
      continue;
    }
    landed.push_back(LandedFlow{flow.id, flow.bytes, flow.start, flow.drained, flow.landed()});
    free_.push_back(slot);
  }
  order_.resize(kept);
  rates_valid_ = false;
}

}  // namespace headroom
