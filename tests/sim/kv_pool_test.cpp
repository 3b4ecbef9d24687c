#include "sim/kv_pool.h"

#include <rapidcheck.h>
#include <rapidcheck/state.h>

#include "tests/catch.h"
#include "tests/sim/aborts.h"

using namespace headroom;

namespace {

constexpr std::int64_t kDevice = 20;
constexpr std::int64_t kHost = 7;

/// Blocks held by all requests together, on either side.
struct Model {
  std::int64_t device = 0;
  std::int64_t host = 0;
};

using Command = rc::state::Command<Model, KvPool>;

void check_law(const Model& model, const KvPool& pool) {
  RC_ASSERT(pool.free() + Blocks(model.device) == pool.total());
  RC_ASSERT(pool.used() == Blocks(model.device));
  RC_ASSERT(pool.host_free() + Blocks(model.host) == pool.host_total());
  RC_ASSERT(pool.total() == Blocks(kDevice));
  RC_ASSERT(pool.host_total() == Blocks(kHost));
}

/// A command on one side; `Host` says which.
template <bool Host>
struct Take : Command {
  std::int64_t blocks = *rc::gen::inRange<std::int64_t>(0, 12);
  [[nodiscard]] bool fits(const Model& model) const {
    return Host ? model.host + blocks <= kHost : model.device + blocks <= kDevice;
  }
  void apply(Model& model) const override {
    if (fits(model)) (Host ? model.host : model.device) += blocks;
  }
  void run(const Model& model, KvPool& pool) const override {
    const bool taken = Host ? pool.try_take_host(Blocks(blocks)) : pool.try_take(Blocks(blocks));
    RC_ASSERT(taken == fits(model));
    Model after = model;
    apply(after);
    check_law(after, pool);
  }
  void show(std::ostream& out) const override { out << "take(" << blocks << ", " << Host << ")"; }
};

template <bool Host>
struct GiveBack : Command {
  std::int64_t blocks = *rc::gen::inRange<std::int64_t>(0, 12);
  static std::int64_t held(const Model& model) { return Host ? model.host : model.device; }
  void checkPreconditions(const Model& model) const override { RC_PRE(blocks <= held(model)); }
  void apply(Model& model) const override { (Host ? model.host : model.device) -= blocks; }
  void run(const Model& model, KvPool& pool) const override {
    Model after = model;
    apply(after);
    if (Host) {
      pool.give_back_host(Blocks(blocks));
    } else {
      pool.give_back(Blocks(blocks));
    }
    check_law(after, pool);
  }
  void show(std::ostream& out) const override { out << "give(" << blocks << ", " << Host << ")"; }
};

}  // namespace

TEST_CASE("Free and held blocks always add up to the total, on the device and on the host") {
  CHECK(rc::check("any takes and returns", [] {
    KvPool pool{Blocks(kDevice), Blocks(kHost)};
    rc::state::check(Model{}, pool,
                     rc::state::gen::execOneOfWithArgs<Take<false>, GiveBack<false>, Take<true>,
                                                       GiveBack<true>>());
  }));
}

TEST_CASE("Taking more than is free changes nothing") {
  KvPool pool{Blocks(4), Blocks(0)};
  CHECK(pool.try_take(Blocks(3)));
  CHECK_FALSE(pool.try_take(Blocks(2)));
  CHECK(pool.free() == Blocks(1));
  CHECK_FALSE(pool.try_take_host(Blocks(1)));
}

TEST_CASE("Giving back what was never taken stops the program") {
  KvPool pool{Blocks(4), Blocks(2)};
  CHECK(testing::aborts([&] { pool.give_back(Blocks(1)); }));
  CHECK(testing::aborts([&] { pool.give_back_host(Blocks(1)); }));
  CHECK(testing::aborts([] { KvPool negative{Blocks(-1), Blocks(0)}; }));
}
