#include "models/cost_tables.h"

#include <rapidcheck.h>

#include "tests/catch.h"

using namespace headroom;

namespace {

OperatorTime time_of(double seconds, Evidence evidence, double launch = 0) {
  return {seconds, launch, evidence};
}

Int128 total(const CostLedger& ledger) {
  Int128 sum = 0;
  for (const auto& row : ledger.fixed_ns)
    for (const Int128 amount : row) sum += amount;
  return sum;
}

Int128 booked(const CostLedger& ledger, OperatorClass operator_class, Evidence evidence) {
  return ledger
      .fixed_ns[static_cast<std::size_t>(operator_class)][static_cast<std::size_t>(evidence)];
}

}  // namespace

TEST_CASE("cells of an octave grid cover every number once") {
  CHECK(rc::check([] {
    const OctaveGrid grid(*rc::gen::inRange(0, 10));
    const std::int64_t x = *rc::gen::inRange<std::int64_t>(0, std::int64_t{1} << 40);
    const std::int64_t i = grid.index(x);
    RC_ASSERT(grid.start(i) <= x);
    RC_ASSERT(x < grid.start(i + 1));
    RC_ASSERT(grid.start(i + 1) - grid.start(i) == std::int64_t{1} << grid.shift(x));
  }));
}

// With bits = 2 the cells start at 0 1 2 3 4 5 6 7, then 8 10 12 14, then 16 20 24 28.
TEST_CASE("an octave grid is exact below two octaves and keeps four cells an octave above") {
  const OctaveGrid grid(2);
  CHECK(grid.index(7) == 7);
  CHECK(grid.start(grid.index(9)) == 8);
  CHECK(grid.start(grid.index(15)) == 14);
  CHECK(grid.start(grid.index(23)) == 20);
  CHECK(grid.index(16) == grid.index(15) + 1);
}

// 1 us a token: exact on nodes, and between them because the work is linear.
TEST_CASE("a table of linear work is exact, also beyond its last node") {
  const WorkTable table(1 << 12, [](std::int64_t n) {
    WorkTable::Node node;
    node.add(OperatorClass::gemm, time_of(static_cast<double>(n) * 1e-6, Evidence::interpolated),
             1);
    return node;
  });
  for (const std::int64_t n : {0, 1, 127, 128, 129, 1000, 4095, 4096, 100'000})
    CHECK(static_cast<double>(table.total(n)) / static_cast<double>(kFixedOne) ==
          Approx(1e3 * static_cast<double>(n)).epsilon(1e-9));
}

TEST_CASE("a table that dips at a node never falls and books what it totals") {
  const WorkTable table(1 << 14, [](std::int64_t n) {
    WorkTable::Node node;
    const double dip = n % 7 == 0 ? 0.5 : 1.0;
    node.add(OperatorClass::gemm, time_of(static_cast<double>(n) * dip * 1e-6, Evidence::measured),
             2);
    node.add(OperatorClass::gemm, time_of(1e-6, Evidence::extrapolated), 1);
    node.add(OperatorClass::collective, time_of(3e-6, Evidence::interpolated), 1);
    return node;
  });
  CHECK(rc::check([&table] {
    const std::int64_t n = *rc::gen::inRange<std::int64_t>(0, 1 << 15);
    RC_ASSERT(table.total(n) <= table.total(n + 1));
    CostLedger ledger;
    const std::int64_t times = *rc::gen::inRange<std::int64_t>(1, 1000);
    table.charge(n, times, ledger);
    RC_ASSERT(total(ledger) == Int128{table.total(n)} * times);
    RC_ASSERT(booked(ledger, OperatorClass::collective, Evidence::extrapolated) == 0);
  }));
}

TEST_CASE("only a node itself counts as measured, the space between two as interpolated") {
  const WorkTable table(1 << 12, [](std::int64_t n) {
    WorkTable::Node node;
    node.add(OperatorClass::gemm, time_of(static_cast<double>(n) * 1e-6, Evidence::measured), 1);
    return node;
  });
  CostLedger on, between;
  table.charge(1024, 1, on);
  table.charge(1025, 1, between);
  CHECK(booked(on, OperatorClass::gemm, Evidence::measured) == total(on));
  CHECK(booked(between, OperatorClass::gemm, Evidence::interpolated) == total(between));
}

TEST_CASE("decode lines never fall with context, within a line or from one to the next") {
  const DecodeAttentionTable table(1, [](std::int64_t n, std::int64_t s) {
    return time_of(1e-6 * static_cast<double>(n) + 1e-9 * static_cast<double>(s),
                   Evidence::interpolated);
  });
  CHECK(rc::check([&table] {
    const std::int64_t n = *rc::gen::inRange<std::int64_t>(1, 3000);
    const std::int64_t s = *rc::gen::inRange<std::int64_t>(n, std::int64_t{1} << 24);
    const DecodeLine here = table.at(n, s).line;
    RC_ASSERT(here.slope >= 0);
    RC_ASSERT(here.last_context >= s);
    RC_ASSERT(here.at(s) <= table.at(n, s + 1).line.at(s + 1));
    const std::int64_t last = std::min(here.last_context, std::int64_t{1} << 30);
    RC_ASSERT(here.at(last) <= table.at(n, last + 1).line.at(last + 1));
  }));
  // 100 decodes with 50,000 tokens: 100 us + 50 us.
  CHECK(milliseconds(table.at(100, 50'000).line.at(50'000)) == Approx(0.150).epsilon(1e-3));
}

// tokens x (cached + tokens / 2) x 1 ns, the shape of causal attention, plus a launch that is left
// out.
TEST_CASE("prefill attention follows a quadratic law to half a percent and never falls") {
  const auto seconds = [](double n, double c) { return n * (c + n / 2) * 1e-9; };
  const PrefillAttentionTable table([&](std::int64_t n, std::int64_t c) {
    return time_of(seconds(static_cast<double>(n), static_cast<double>(c)) + 5e-6,
                   Evidence::extrapolated, 5e-6);
  });
  CHECK(rc::check([&] {
    PrefillChunk chunk;
    chunk.tokens = *rc::gen::inRange(1, 100'000);
    chunk.cached = *rc::gen::inRange(0, 100'000);
    const double ns = static_cast<double>(table.at(chunk)) / static_cast<double>(kFixedOne);
    const double expected = seconds(chunk.tokens, chunk.cached) * 1e9;
    RC_ASSERT(ns > expected * 0.999);
    RC_ASSERT(ns < expected * 1.005 + 1);
    PrefillChunk longer = chunk, later = chunk;
    ++longer.tokens;
    ++later.cached;
    RC_ASSERT(table.at(chunk) <= table.at(longer));
    RC_ASSERT(table.at(chunk) <= table.at(later));
  }));
}
