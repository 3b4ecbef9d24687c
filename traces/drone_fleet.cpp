#include "traces/drone_fleet.h"

#include <algorithm>

#include "sim/mix.h"
#include "sim/random.h"

namespace headroom {
namespace {

/// One drone while it is at one site: its segments [next, end).
struct Visit {
  Instant phase;
  std::int64_t next = 0, end = 0;
  std::uint32_t drone = 0;
  std::uint64_t order_seed = 0;  ///< of the tasks within its segments
  int kind = -1;                 ///< the only one, where kinds take their own time to arrive
  Instant arrival{};             ///< of segment `next`, where a kind is alone
};

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return a / b + (a % b > 0 ? 1 : 0); }

class FleetSource final : public EdgeTaskSource {
 public:
  /// `types` and `periods` outlive this.
  FleetSource(std::vector<Visit> visits, const std::vector<EdgeTaskType>& types,
              const std::vector<DronePeriod>& periods, Duration segment, bool shuffle)
      : visits_(std::move(visits)),
        types_(types),
        periods_(periods),
        segment_(segment),
        shuffle_(shuffle) {
    for (std::uint32_t i = 0; i < visits_.size(); ++i) {
      schedule(visits_[i]);
      heap_.push_back({visits_[i].arrival, visits_[i].drone, i});
    }
    std::make_heap(heap_.begin(), heap_.end());
    order_.resize(kinds_of(types));
    open_segment();
  }

  Instant next_arrival() const override { return now_; }

  EdgeArrival take() override {
    EdgeArrival arrival;
    arrival.time = now_;
    arrival.drone = drone_;
    arrival.type = order_[at_];
    arrival.deadline = types_[arrival.type].deadline - on_the_way_;  // it counts from the frame
    arrival.drone_energy = energy_;
    if (++at_ == order_.size()) open_segment();
    return arrival;
  }

 private:
  struct Pending {
    Instant time;
    std::uint32_t drone, visit;
    /// Of a heap whose top is first; ties by drone, then as listed.
    [[nodiscard]] bool operator<(const Pending& other) const {
      if (time != other.time) return time > other.time;
      return drone != other.drone ? drone > other.drone : visit > other.visit;
    }
  };

  [[nodiscard]] Instant taken(const Visit& visit) const {
    return visit.phase + segment_ * visit.next;
  }

  /// The drone's share of a kind of task in a segment that is taken then.
  [[nodiscard]] const DroneShare& share_of(std::size_t kind, Instant then) const {
    const auto after =
        std::upper_bound(periods_.begin(), periods_.end(), then,
                         [](Instant t, const DronePeriod& period) { return t < period.at; });
    const DronePeriod& period = after == periods_.begin() ? periods_.front() : *std::prev(after);
    return period.shares[kind];
  }

  /// Sets when the next segment of a visit arrives.
  void schedule(Visit& visit) const {
    const Instant then = taken(visit);
    if (visit.kind < 0) {
      visit.arrival = then;
    } else {
      const Duration own = share_of(static_cast<std::size_t>(visit.kind), then).time;
      visit.arrival = std::max(visit.arrival, then + own);
    }
  }

  void open_segment() {
    at_ = 0;
    if (heap_.empty()) {
      now_ = Instant::never();
      return;
    }
    std::pop_heap(heap_.begin(), heap_.end());
    Pending& pending = heap_.back();
    Visit& visit = visits_[pending.visit];
    now_ = pending.time;
    drone_ = visit.drone;
    if (visit.kind < 0) {
      arrange(mixed(visit.order_seed + static_cast<std::uint64_t>(visit.next)));
    } else {
      const DroneShare& share = share_of(static_cast<std::size_t>(visit.kind), taken(visit));
      order_.assign(1, share.type);
      on_the_way_ = now_ - taken(visit);
      energy_ = share.energy;
    }
    if (++visit.next < visit.end) {
      schedule(visit);
      pending.time = visit.arrival;
      std::push_heap(heap_.begin(), heap_.end());
    } else {
      heap_.pop_back();
    }
  }

  /// The order of a segment's tasks: listed, or a permutation drawn from `word`.
  void arrange(std::uint64_t word) {
    for (std::size_t i = 0; i < order_.size(); ++i) order_[i] = static_cast<std::uint16_t>(i);
    if (!shuffle_) return;
    for (std::size_t i = order_.size(); i > 1; --i) {
      word = mixed(word);
      // 32 random bits scaled: its bias below 2^-26 for 64 types is far below what shows.
      const auto j = static_cast<std::size_t>(((word >> 32) * i) >> 32);
      std::swap(order_[i - 1], order_[j]);
    }
  }

  std::vector<Visit> visits_;
  const std::vector<EdgeTaskType>& types_;
  const std::vector<DronePeriod>& periods_;
  Duration segment_;
  bool shuffle_;
  Duration on_the_way_{0};  ///< of the open segment, since it was taken
  Joules energy_{0};        ///< of the drone, on the open segment
  std::vector<Pending> heap_;
  std::vector<std::uint16_t> order_;
  std::size_t at_ = 0;
  Instant now_ = Instant::never();
  std::uint32_t drone_ = 0;
};

Duration drawn_below(RandomStream& random, Duration most) {
  return Duration(static_cast<std::int64_t>(
      most > Duration(0) ? random.below(static_cast<std::uint64_t>(most.value())) : 0));
}

}  // namespace

std::size_t kinds_of(const std::vector<EdgeTaskType>& types) {
  return static_cast<std::size_t>(std::count_if(
      types.begin(), types.end(), [](const EdgeTaskType& type) { return !type.model_of; }));
}

DroneFleet::DroneFleet(const FleetSpec& spec, const std::vector<EdgeTaskType>& types,
                       std::uint64_t seed, std::vector<DronePeriod> periods)
    : spec_(spec),
      types_(types),
      seed_(seed),
      periods_(std::move(periods)),
      segments_(std::max<std::int64_t>(1, spec.duration / spec.segment)) {}

std::unique_ptr<EdgeTaskSource> DroneFleet::open_site(std::uint32_t site) const {
  const Duration length = spec_.segment * (segments_ + 1);
  const std::int64_t legs = spec_.stay > Duration(0) ? length / spec_.stay + 2 : 1;
  // Tasks of a segment that is split on its drone arrive apart.
  const bool apart = !periods_.empty();
  std::vector<Visit> visits;
  for (std::int64_t leg = 0; leg < legs; ++leg) {
    const auto behind = static_cast<std::uint64_t>(leg) % spec_.sites;
    const std::uint64_t home = (site + spec_.sites - behind) % spec_.sites;
    for (std::uint64_t d = 0; d < spec_.drones; ++d) {
      const std::uint64_t drone = home * spec_.drones + d;
      RandomStream random(seed_, "drone", drone);
      Visit visit;
      visit.drone = static_cast<std::uint32_t>(drone);
      visit.order_seed = random.bits();
      const Duration drawn = drawn_below(random, spec_.segment);
      if (spec_.phase == FleetPhase::random) visit.phase = Instant() + drawn;
      if (spec_.phase == FleetPhase::even) {
        visit.phase =
            Instant() + Duration(spec_.segment.value() / static_cast<std::int64_t>(spec_.drones) *
                                 static_cast<std::int64_t>(d));
      }
      const Duration flown = drawn_below(random, spec_.stay);
      visit.end = segments_;
      if (spec_.stay > Duration(0)) {
        const auto first_after = [&](Instant t) {
          const std::int64_t gap = (t - visit.phase).value();
          return gap <= 0 ? 0 : std::min(segments_, ceil_div(gap, spec_.segment.value()));
        };
        visit.next = first_after(Instant() + spec_.stay * leg - flown);
        visit.end = first_after(Instant() + spec_.stay * (leg + 1) - flown);
      }
      if (visit.next >= visit.end) continue;
      if (!apart) {
        visits.push_back(visit);
        continue;
      }
      for (std::size_t t = 0; t < kinds_of(types_); ++t) {
        visit.kind = static_cast<int>(t);
        visits.push_back(visit);
      }
    }
  }
  return std::make_unique<FleetSource>(std::move(visits), types_, periods_, spec_.segment,
                                       spec_.shuffle);
}

}  // namespace headroom
