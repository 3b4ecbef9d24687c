#include "sim/event_queue.h"

#include <rapidcheck.h>
#include <rapidcheck/state.h>

#include <set>
#include <tuple>

#include "tests/catch.h"
#include "tests/sim/aborts.h"

using namespace headroom;

namespace {

constexpr EventKind kKind = EventKind::iteration_end;  // the kind has no part in the order

/// What the queue must hold, in the order in which it must leave: time, phase, subject, insertion;
/// then the detail.
using Key = std::tuple<std::int64_t, int, std::uint32_t, std::uint64_t, std::uint32_t>;
struct Model {
  std::multiset<Key> pending;
  std::int64_t now = 0;
  std::uint64_t inserted = 0;
};

using Command = rc::state::Command<Model, EventQueue>;

struct Push : Command {
  std::int64_t delay = *rc::gen::inRange<std::int64_t>(0, 4);  // few times, so that ties are common
  int phase = *rc::gen::inRange(0, 4);
  std::uint32_t subject = *rc::gen::inRange<std::uint32_t>(0, 3);
  std::uint32_t detail = *rc::gen::arbitrary<std::uint32_t>();

  void apply(Model& model) const override {
    model.pending.insert({model.now + delay, phase, subject, model.inserted++, detail});
  }
  void run(const Model& model, EventQueue& queue) const override {
    queue.push(Instant(model.now + delay), static_cast<Phase>(phase), kKind, subject, detail);
    RC_ASSERT(queue.size() == model.pending.size() + 1);
    Model after = model;
    apply(after);
    RC_ASSERT(queue.top().time == Instant(std::get<0>(*after.pending.begin())));
  }
  void show(std::ostream& out) const override {
    out << "push(+" << delay << ", phase " << phase << ", subject " << subject << ")";
  }
};

struct Pop : Command {
  void checkPreconditions(const Model& model) const override { RC_PRE(!model.pending.empty()); }
  void apply(Model& model) const override {
    model.now = std::get<0>(*model.pending.begin());
    model.pending.erase(model.pending.begin());
  }
  void run(const Model& model, EventQueue& queue) const override {
    const Key expected = *model.pending.begin();
    const Event event = queue.pop();
    RC_ASSERT(event.time == Instant(std::get<0>(expected)));
    RC_ASSERT(static_cast<int>(event.phase()) == std::get<1>(expected));
    RC_ASSERT(event.subject == std::get<2>(expected));
    RC_ASSERT(event.detail == std::get<4>(expected));
    RC_ASSERT(queue.now() == event.time);
    RC_ASSERT(queue.size() + 1 == model.pending.size());
    RC_ASSERT(queue.empty() == (model.pending.size() == 1));
  }
  void show(std::ostream& out) const override { out << "pop"; }
};

struct Drop : Command {
  void checkPreconditions(const Model& model) const override { RC_PRE(!model.pending.empty()); }
  void apply(Model& model) const override { model.pending.erase(model.pending.begin()); }
  void run(const Model& model, EventQueue& queue) const override {
    const Event first = queue.top();
    queue.drop();
    RC_ASSERT(first.detail == std::get<4>(*model.pending.begin()));
    RC_ASSERT(queue.now() == Instant(model.now));
    RC_ASSERT(queue.size() + 1 == model.pending.size());
  }
  void show(std::ostream& out) const override { out << "drop"; }
};

}  // namespace

TEST_CASE("Events leave in the order of a sorted set of (time, phase, subject, insertion)") {
  CHECK(rc::check("any pushes and pops", [] {
    EventQueue queue;
    rc::state::check(Model{}, queue, rc::state::gen::execOneOfWithArgs<Push, Push, Pop, Drop>());
  }));
}

TEST_CASE("At one time completions come before arrivals, decisions and observations") {
  EventQueue queue;
  queue.push(Instant(5), Phase::observation, kKind, 0);
  queue.push(Instant(5), Phase::decision, kKind, 1);
  queue.push(Instant(5), Phase::arrival, kKind, 2);
  queue.push(Instant(5), Phase::completion, kKind, 3);
  queue.push(Instant(4), Phase::observation, kKind, 4);
  std::vector<std::uint32_t> subjects;
  while (!queue.empty()) subjects.push_back(queue.pop().subject);
  CHECK(subjects == std::vector<std::uint32_t>{4, 3, 2, 1, 0});
}

TEST_CASE("The clock never goes back") {
  EventQueue queue;
  queue.advance(Instant(10));
  CHECK(testing::aborts([&] { queue.push(Instant(9), Phase::arrival, kKind, 0); }));
  CHECK(testing::aborts([&] { queue.advance(Instant(9)); }));
  queue.push(Instant(10), Phase::arrival, kKind, 0);
  CHECK(queue.pop().time == Instant(10));
}

TEST_CASE("A subject beyond 24 bits stops the program, for it would change the order") {
  EventQueue queue;
  CHECK(testing::aborts([&] { queue.push(Instant(1), Phase::arrival, kKind, 1U << 24); }));
  queue.push(Instant(1), Phase::arrival, kKind, (1U << 24) - 1);
  CHECK(queue.pop().subject == (1U << 24) - 1);
}
