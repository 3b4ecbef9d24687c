// What random worlds share: replicas that come and go, and prompts with a beginning in common.
#pragma once

#include <rapidcheck.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "tests/toy_world.h"

namespace headroom::laws {

/// Gives a request the hashes of the first blocks of one of three documents, as far as its prompt
/// reaches. `hashes` outlive it.
inline void share_prefix(std::deque<std::vector<std::uint64_t>>& hashes, RequestSpec& request) {
  const auto document = *rc::gen::inRange<std::uint64_t>(1, 4);
  const auto blocks =
      std::min<std::int64_t>(*rc::gen::inRange<std::int64_t>(0, 11), request.prompt / Tokens(16));
  hashes.emplace_back();
  for (std::int64_t b = 0; b < blocks; ++b)
    hashes.back().push_back(100 * document + static_cast<std::uint64_t>(b));
  request.prefix_blocks = hashes.back();
  request.prefix_block_tokens = Tokens(16);
}

struct RandomDynamics {
  bool wobbling = false;  ///< the number that serves changes all the time
  Duration interval{1}, start_up{0};
  std::optional<Duration> mean_up{}, mean_reclaim{};
  std::vector<Outage> outages{};
  std::optional<Instant> restart{};
  OnLoss on_loss = OnLoss::resume;

  /// `units`: replicas of each unit that scales.
  void add_to(SimulationSetup& setup, const std::vector<std::int64_t>& units) const {
    setup.dynamics = toy::dynamics(units, start_up);
    if (wobbling) {
      for (ScalingUnit& unit : setup.dynamics->units)
        unit.scaling = std::make_unique<toy::Wobble>();
    }
    setup.dynamics->interval = interval;
    setup.dynamics->mean_up = mean_up;
    setup.dynamics->mean_repair = start_up;
    setup.dynamics->mean_reclaim = mean_reclaim;
    setup.dynamics->notice = start_up;
    setup.dynamics->outages = outages;
    setup.dynamics->restart = restart;
    setup.dynamics->on_loss = on_loss;
  }
};

/// Of so many replicas in all. Round times among others make failures coincide with completions.
inline RandomDynamics arbitrary_dynamics(std::int64_t replicas) {
  RandomDynamics all;
  const auto mean = [] {
    return Duration(*rc::gen::inRange<std::int64_t>(10'000'000, 400'000'000));
  };
  const auto round_or_not = [](std::int64_t below) {
    return *rc::gen::arbitrary<bool>()
               ? *rc::gen::element<std::int64_t>(0, 1'000'000, 5'000'000, 7'654'321, 40'000'000)
               : *rc::gen::inRange<std::int64_t>(0, below);
  };
  all.wobbling = *rc::gen::arbitrary<bool>();
  all.interval = Duration(*rc::gen::inRange<std::int64_t>(1'000'000, 100'000'000));
  all.start_up = Duration(round_or_not(50'000'000));
  if (*rc::gen::arbitrary<bool>()) all.mean_up = mean();
  if (*rc::gen::arbitrary<bool>()) all.mean_reclaim = mean();
  std::int64_t at = 0;
  for (int i = *rc::gen::inRange(0, 8); i > 0; --i) {
    at += round_or_not(100'000'000);
    const auto replica = *rc::gen::inRange<std::int64_t>(0, replicas);
    all.outages.push_back({Instant(at), ReplicaId(static_cast<std::uint32_t>(replica)),
                           Duration(*rc::gen::inRange<std::int64_t>(1, 100'000'000))});
  }
  if (*rc::gen::arbitrary<bool>()) all.restart = Instant(*rc::gen::inRange(0, 50'000'000));
  all.on_loss = *rc::gen::element(OnLoss::resume, OnLoss::reject);
  return all;
}

}  // namespace headroom::laws
