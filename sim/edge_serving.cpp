#include "sim/edge_serving.h"

#include <algorithm>

#include "sim/check.h"

namespace headroom {

EdgeServing::EdgeServing(const EdgeSetup& setup) : makers_(setup, this, metrics_) {
  for (std::uint32_t i = 0; i < setup.workload->sites(); ++i) {
    sites_.push_back(makers_.make(i));
    enter(i);
  }
  drop_stale();
}

void EdgeServing::enter(std::uint32_t site) {
  const Instant time = sites_[site]->next();
  if (time == Instant::never()) return;
  next_sites_.push_back({time, site});
  std::push_heap(next_sites_.begin(), next_sites_.end());
}

void EdgeServing::drop_stale() {
  while (!next_sites_.empty() &&
         sites_[next_sites_.front().index]->next() != next_sites_.front().time) {
    std::pop_heap(next_sites_.begin(), next_sites_.end());
    next_sites_.pop_back();
  }
}

Instant EdgeServing::next_arrival() const {
  Instant first = Instant::never();
  if (!next_sites_.empty()) first = next_sites_.front().time;
  if (!to_come_.empty()) first = std::min(first, to_come_.front().time);
  return first;
}

bool EdgeServing::brings_request() const {
  return !to_come_.empty() &&
         (next_sites_.empty() || to_come_.front().time <= next_sites_.front().time);
}

void EdgeServing::step() {
  const std::uint32_t site = next_sites_.front().index;
  std::pop_heap(next_sites_.begin(), next_sites_.end());
  next_sites_.pop_back();
  sites_[site]->step();
  enter(site);
  drop_stale();
}

void EdgeServing::call(std::uint32_t site, std::uint32_t slot, Instant reaches,
                       const EdgeTaskType& type) {
  std::uint32_t index = 0;
  if (free_calls_.empty()) {
    index = static_cast<std::uint32_t>(calls_.size());
    calls_.emplace_back();
  } else {
    index = free_calls_.back();
    free_calls_.pop_back();
  }
  calls_[index] = {site, slot, type.cloud_prompt, type.cloud_output};
  to_come_.push_back({reaches, index});
  std::push_heap(to_come_.begin(), to_come_.end());
}

RequestSpec EdgeServing::take() {
  const Pending next = to_come_.front();
  std::pop_heap(to_come_.begin(), to_come_.end());
  to_come_.pop_back();
  RequestSpec spec;
  spec.arrival = next.time;
  spec.prompt = calls_[next.index].prompt;
  spec.output = calls_[next.index].output;
  spec.session = std::uint64_t{next.index} + 1;  // 0 means none
  return spec;
}

void EdgeServing::on_rejected(const RejectedRequest&) { rejected_ = true; }

void EdgeServing::on_left(const RequestSpec& request, Instant when) {
  const auto index = static_cast<std::uint32_t>(request.session - 1);
  const Call call = calls_[index];
  free_calls_.push_back(index);
  sites_[call.site]->call_done(call.slot, when, !rejected_);
  rejected_ = false;
  enter(call.site);
  drop_stale();
}

EdgeMetrics EdgeServing::finish() {
  SIM_CHECK(next_arrival() == Instant::never(), "a run of edge sites ends when nothing is to come");
  for (const std::unique_ptr<EdgeSite>& site : sites_) site->finish();
  return std::move(metrics_);
}

}  // namespace headroom
