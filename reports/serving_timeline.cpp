#include "reports/serving_timeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace headroom {
namespace {

constexpr std::uint64_t kCluster = 1;  // process of the whole cluster; replicas follow
constexpr std::uint64_t kFirstReplica = 2;
constexpr std::uint64_t kFirstLane = 1;
constexpr std::int64_t kGapShare = 8;  // a gap is as long as all before it over this
constexpr Duration kInside{1};         // so far before its end a slice surely holds an instant

/// Of a batch, as its slice is called: what sort of work it is.
const char* kind_of(const IterationRun& run) {
  if (run.prefills == 0) return "decode";
  return run.decodes == 0 ? "prefill" : "prefill + decode";
}

}  // namespace

ServingTimeline::ServingTimeline(const std::string& path, std::vector<std::string> replicas,
                                 TimelineWindow window)
    : events_(path), replicas_(std::move(replicas)), window_(window) {
  named_.resize(replicas_.size());
  lanes_.resize(replicas_.size());
  events_.name_process(kCluster, "cluster");
  events_.name_thread({kCluster, kFirstLane}, "shown in detail");
}

std::uint64_t ServingTimeline::process_of(ReplicaId replica) {
  const std::size_t index = replica.index();
  const std::uint64_t process = kFirstReplica + index;
  if (named_[index] == 0) {
    named_[index] = 1;
    events_.name_process(process, replicas_[index]);
  }
  return process;
}

bool ServingTimeline::detailed(Instant now) {
  if (origin_ == Instant::never()) {
    origin_ = now;
    opens_ = window_.from ? std::max(*window_.from, now) : now;
  }
  const bool after = window_.to && now > *window_.to;
  if (open_) {
    if (!after && events_.bytes() - spent_before_ < share_) return true;
    close_window(now);
    sampled_ = true;
    return false;
  }
  if (now < opens_ || after) {
    sampled_ = true;
    return false;
  }
  open_ = true;
  opened_ = now;
  spent_before_ = events_.bytes();
  const std::uint64_t left = kTimelineBytes - std::min(kTimelineBytes, spent_before_);
  // The first window is long, so that a short run is whole.
  share_ = now == origin_ ? left / 4 : left / 16;
  if (window_.named()) share_ = kMostTimelineBytes;
  return true;
}

void ServingTimeline::close_window(Instant now) {
  open_ = false;
  events_.slice({kCluster, kFirstLane}, "detail", opened_, now - opened_);
  opens_ = window_.named() ? Instant::never() : now + Duration((now - origin_).value() / kGapShare);
}

void ServingTimeline::on_iterations(const IterationRun& run) {
  if (!detailed(run.end)) return;
  const std::uint64_t process = process_of(run.replica);
  std::vector<Instant>& lanes = lanes_[run.replica.index()];
  auto lane =
      std::find_if(lanes.begin(), lanes.end(), [&](Instant free) { return free <= run.start; });
  if (lane == lanes.end()) lane = lanes.insert(lane, Instant());
  *lane = run.end;
  const auto thread = kFirstLane + static_cast<std::uint64_t>(lane - lanes.begin());
  TraceArgs args;
  args.add("iterations", run.iterations).add("decodes", run.decodes);
  args.add("prefills", run.prefills).add("prefill_tokens", run.prefill_tokens);
  args.add("kv_blocks", run.used_blocks);
  events_.slice({process, thread}, kind_of(run), run.start, run.end - run.start, args);
  events_.counter(process, "KV blocks", run.end, run.used_blocks);
}

void ServingTimeline::on_sample(const ClusterSample& sample) {
  events_.counter(kCluster, "waiting requests", sample.time, sample.waiting);
  events_.counter(kCluster, "running requests", sample.time, sample.running);
  events_.counter(kCluster, "KV blocks", sample.time, sample.used_blocks);
  events_.counter(kCluster, "busy replicas", sample.time, sample.busy_replicas);
}

void ServingTimeline::leave(Shown& shown, std::uint64_t id, Instant when) {
  if (shown.phase != nullptr) events_.close({shown.process, id, "request"}, shown.phase, when);
  shown.phase = nullptr;
}

void ServingTimeline::enter(Shown& shown, std::uint64_t id, const char* phase,
                            const MilestoneSeen& seen) {
  leave(shown, id, seen.when);
  shown.process = process_of(seen.replica);
  shown.phase = phase;
  events_.open({shown.process, id, "request"}, phase, seen.when,
               TraceArgs().add("request", std::int64_t{seen.request.index()}));
}

void ServingTimeline::show_flow(Shown& shown, const MilestoneSeen& seen, Instant inside) {
  using Step = TraceEvents::FlowStep;
  const bool last = seen.what == Milestone::finished;
  const Step step = !shown.flows ? Step::start : last ? Step::end : Step::on;
  if (!shown.flows && last) return;  // nothing to join
  shown.flows = true;
  events_.flow(step, {process_of(seen.replica), kFirstLane}, seen.request.index(), inside);
}

void ServingTimeline::on_milestone(const MilestoneSeen& seen) {
  const std::uint64_t id = seen.request.index();
  auto it = live_.find(seen.request.index());
  if (it == live_.end()) {
    if (seen.what != Milestone::routed || !detailed(seen.when)) return;
    it = live_.emplace(seen.request.index(), Shown{}).first;
  }
  Shown& shown = it->second;
  switch (seen.what) {
    case Milestone::routed:
      return enter(shown, id, "queued", seen);
    case Milestone::scheduled:
      enter(shown, id, "prefill", seen);
      return show_flow(shown, seen, seen.when);
    case Milestone::first_token:
      show_flow(shown, seen, seen.when - kInside);
      return enter(shown, id, "decode", seen);
    case Milestone::preempted:
      // Milestones do not say when it is back on the device.
      return enter(shown, id, "since preemption", seen);
    case Milestone::offered:
      return enter(shown, id, "transfer", seen);
    case Milestone::transferred:
      return enter(shown, id, "decode", seen);
    case Milestone::lost:
      return leave(shown, id, seen.when);
    case Milestone::finished:
      show_flow(shown, seen, seen.when - kInside);
      leave(shown, id, seen.when);
      break;
    case Milestone::rejected:
      leave(shown, id, seen.when);
      break;
  }
  live_.erase(it);
}

void ServingTimeline::commit(Instant end) {
  for (auto& [id, shown] : live_) leave(shown, id, end);
  live_.clear();
  if (open_) close_window(end);
  events_.commit();
}

}  // namespace headroom
