#include "models/pack.h"

#include <rapidcheck.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>

#include "models/kernel_operator.h"
#include "models/pack_code.h"
#include "models/pack_cost.h"
#include "models/pack_fit.h"
#include "sim/check.h"
#include "sim/math.h"
#include "tests/catch.h"
#include "tests/scratch.h"

using namespace headroom;

namespace {

KernelShape gemm(std::int64_t m, std::int64_t n, std::int64_t k) {
  KernelShape shape;
  shape.op = "gemm";
  shape.compute = shape.stored = "bf16";
  shape.m = m;
  shape.n = n;
  shape.k = k;
  return shape;
}

/// Rows whose times are `ratio` times the base, at every place.
std::vector<FitRow> rows_of(const Device& device, double ratio) {
  std::vector<FitRow> rows;
  for (const std::int64_t m : {1, 5, 64, 700, 8192})
    for (const std::int64_t n : {128, 3000, 65536})
      for (const std::int64_t k : {256, 5000, 16384}) {
        FitRow row;
        row.op = *operator_of(gemm(m, n, k));
        row.point = *pack_point(row.op, device);
        row.seconds = row.point.base * ratio;
        rows.push_back(row);
      }
  return rows;
}

std::string message_of(const std::string& text) {
  try {
    static_cast<void>(parse_pack(text, "x.pack"));
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

// Twice the base is an octave, which the text holds exactly (48 steps).
TEST_CASE("a fit to rows of one ratio gives that ratio everywhere on its grid") {
  const Device device = find_device("h100", "");
  const PackTable table = fit_table(rows_of(device, 2));
  CHECK(table.median_error < 1e-9);
  CHECK(table.p90_error < 1e-9);
  const PackPoint between = *pack_point(*operator_of(gemm(100, 2000, 1000)), device);
  CHECK(portable_pow(2, table.at(between).log2) == Approx(2));
  CHECK(table.at(between).inside);
  const PackPoint beyond = *pack_point(*operator_of(gemm(10'000, 2000, 1000)), device);
  CHECK_FALSE(table.at(beyond).inside);
}

TEST_CASE("a pack's text read and written again is the same text") {
  for (const std::string& name : bundled_pack_names()) {
    const Pack& pack = *bundled_pack(name);
    CAPTURE(pack.device);
    const std::string text = to_text(pack);
    CHECK(to_text(parse_pack(text, "again")) == text);
    CHECK_FALSE(pack.tables.empty());
    CHECK(find_device(pack.device, "").name == pack.device);
    CHECK(pack.source.find("Apache-2.0") != std::string::npos);
  }
}

TEST_CASE("a text that is no pack is refused in one line with its place") {
  const std::string head = "headroom-pack 3\ndevice d\nsource s\n";
  CHECK(message_of("nothing").find("x.pack:1: expected 'headroom-pack 3'") == 0);
  CHECK(message_of(head + "chair\n").find("x.pack:4: ") == 0);
  const std::string table = head + "table gemm bf16 bf16 0 0 0 vLLM 1 10 0.1 0.2\n";
  CHECK(message_of(table).find("x.pack:") == 0);
  CHECK(message_of(table + "axis 2 1\nvalues\n#####\n~\n").find("x.pack:5: ") == 0);
  CHECK(message_of(table + "axis 1/0 2\nvalues\n#####\n~\n").find("x.pack:5: ") == 0);
  CHECK(message_of(table + "axis ^\nvalues\n#####\n~\n").find("x.pack:5: ") == 0);
  const std::string values = table + "axis 1/2 2\nvalues\n";
  CHECK(message_of(values + "#####\n").find("a tilde") != std::string::npos);
  CHECK(message_of(values + "####\n~\n").find("x.pack:8: expected values of") == 0);
  CHECK(message_of(values + "#####~####\n~\n").find("x.pack:8: expected values of") == 0);
  CHECK(message_of(values + std::string(100, '#') + "\n~\n").find("expected values of") !=
        std::string::npos);
  // Packs of the second version are read.
  const std::string former = "headroom-pack 2" + table.substr(15);
  CHECK(message_of(former + "axis 1 2\nvalues\nO\n").find("expected 2 values") !=
        std::string::npos);
  CHECK(message_of(former + "axis 1 2\nvalues\n~O\n").find("x.pack:7: ") == 0);
  CHECK(message_of(former + "axis 1 2\nvalues\nOO\n").empty());
}

TEST_CASE("levels are decoded as they were encoded, table after table, on any grid") {
  CHECK(rc::check([] {
    LevelCode writer, reader;
    for (int table = 0; table < 3; ++table) {
      std::vector<std::size_t> sizes;
      std::size_t count = 1;
      const int axes = *rc::gen::inRange(1, 5);
      for (int axis = 0; axis < axes; ++axis) {
        sizes.push_back(*rc::gen::inRange<std::size_t>(1, 6));
        count *= sizes.back();
      }
      // Near each other, anywhere, or at the bounds.
      const std::int32_t most = *rc::gen::element(0, 3, 200, kMostLevel);
      std::vector<std::int32_t> levels(count);
      for (std::int32_t& level : levels) level = *rc::gen::inRange(-most, most + 1);
      const std::string text = writer.encode(levels, sizes);
      RC_ASSERT(text.find('"') == std::string::npos);
      const auto back = reader.decode(text, sizes);
      RC_ASSERT(back.has_value());
      RC_ASSERT(*back == levels);
    }
  }));
}

TEST_CASE("any characters in place of levels end in levels within bounds or in nothing") {
  CHECK(rc::check([](const std::string& text) {
    LevelCode reader;
    const std::array<std::size_t, 3> sizes{4, 5, 6};
    for (const std::string& one : {text, std::string(text.size() / 5 * 5, '#'), [&] {
                                     std::string printable;
                                     for (const char c : text)
                                       printable += static_cast<char>('#' + (c & 63));
                                     printable.resize(printable.size() / 5 * 5);
                                     return printable;
                                   }()}) {
      const auto levels = reader.decode(one, sizes);
      if (!levels) continue;
      for (const std::int32_t level : *levels) RC_ASSERT(std::abs(level) <= kMostLevel);
    }
  }));
}

TEST_CASE("a pack takes tens of kilobytes") {
  for (const std::string& name : bundled_pack_names()) {
    CAPTURE(name);
    CHECK(to_text(*bundled_pack(name)).size() < 120 * 1024);
  }
}

// What the packs promise of themselves (the errors in their text) against the aims: a median of 5 %
// for dense bf16 GEMMs, 3 % for prefill and 6 % for decode attention.
TEST_CASE("bundled tables of common kernels state small errors against what they were fitted to") {
  for (const std::string& name : bundled_pack_names()) {
    const Pack& pack = *bundled_pack(name);
    for (const PackTable& table : pack.tables) {
      CAPTURE(pack.device, table.library, to_string(table.key.op));
      if (table.key.stored != DataType::bf16 || table.key.windowed) continue;
      if (table.key.op == PackOp::gemm) CHECK(table.median_error < 0.05);
      if (table.key.op == PackOp::prefill_attention) CHECK(table.median_error < 0.03);
      if (table.key.op == PackOp::decode_attention) CHECK(table.median_error < 0.06);
    }
  }
}

// H100, vLLM 0.24: a GEMM of 8192^3 in bf16 is 1.1 TFLOP: 1.11 ms at the peak of 989 TFLOP/s;
// kernels reach 60 to 90 % of it.
TEST_CASE(
    "a device's own pack interpolates on its grid, a kin's extrapolates, both near the peak") {
  const Operator op = *operator_of(gemm(8192, 8192, 8192));
  const PackTimes own(find_device("h100", ""), "vLLM");
  CHECK(own.time(op).evidence == Evidence::interpolated);
  CHECK(own.time(op).seconds > 1.11e-3 / 0.9);
  CHECK(own.time(op).seconds < 1.11e-3 / 0.6);
  CHECK(own.time(op).launch <= own.time(op).seconds);
  const PackTimes kin(find_device("mi300x", ""), "");
  CHECK(kin.time(op).evidence == Evidence::extrapolated);
  for (const Device& device : device_catalogue()) CHECK(PackTimes(device, "").time(op).seconds > 0);
}

namespace {

std::int64_t add_run(ProfileStore& store, const char* version, const char* library = "vLLM") {
  ProfileRun run;
  run.device = "h100-sxm";
  run.library = library;
  run.library_version = version;
  run.tool = run.source = "test";
  return store.insert_run(run);
}

void add(ProfileStore& store, std::int64_t run, KernelShape shape, const char* format, double us) {
  shape.compute = shape.stored = format;
  KernelRow row;
  row.shape = std::move(shape);
  row.times.median_ns = us * 1e3;
  store.insert_kernel(run, row);
}

/// Sixteen small shapes: block-fp8 GEMMs through launches in version 2 and without in version 1;
/// fp8 GEMMs of 20 us of which 6 and 2 find and apply a scale; experts by two kernels.
void fill(ProfileStore& store) {
  ProfileStore::Transaction transaction(store);
  const std::int64_t newer = add_run(store, "2"), older = add_run(store, "1");
  for (const std::int64_t m : {1, 2, 4, 8})
    for (const std::int64_t k : {256, 512, 1024, 2048}) {
      add(store, newer, gemm(m, 512, k), "fp8_block", 60);
      add(store, older, gemm(m, 512, k), "fp8_block", 10);
      add(store, older, gemm(m, 512, k), "fp8", 20);
      KernelShape quantise{.op = "quantize", .m = m, .k = k};
      quantise.variant = "compute_scale";
      add(store, older, quantise, "fp8", 6);
      quantise.variant = "scale_matrix";
      add(store, older, quantise, "fp8", 2);
      KernelShape experts{
          .op = "moe", .m = m, .n = 4096, .k = k, .experts = 8, .topk = 2, .ranks = 1};
      experts.variant = "power_law_1.2";
      add(store, older, experts, "fp8", 100);
      experts.variant = "power_law_1.2#2";
      add(store, older, experts, "fp8", 50);
    }
  transaction.commit();
}

}  // namespace

TEST_CASE(
    "a pack is fitted to kernels that engines run: not to launches, scales or slower kernels") {
  const std::filesystem::path path = std::filesystem::temp_directory_path() /
                                     ("headroom-pack-" + std::to_string(::getpid()) + ".db");
  std::filesystem::remove(path);
  {
    ProfileStore store(path.string(), ProfileStore::Mode::read_write);
    fill(store);
    int block = 0, fixed = 0, experts = 0;
    for (const FitGroup& group : fit_groups(store, find_device("h100", ""))) {
      const bool dense = group.key.op == PackOp::gemm;
      for (const FitRow& row : group.rows) {
        CAPTURE(to_string(group.key.op), to_string(group.key.stored), row.op.m, row.op.k);
        if (dense && group.key.stored == DataType::fp8_block) {
          CHECK(group.version == "1");
          CHECK(row.seconds == Approx(10e-6));
          ++block;
        } else if (dense && group.key.stored == DataType::fp8_static) {
          CHECK(row.seconds == Approx(12e-6));
          ++fixed;
        } else if (!dense) {
          CHECK(row.seconds == Approx(50e-6));
          ++experts;
        }
      }
    }
    CHECK(block == 16);
    CHECK(fixed == 16);
    CHECK(experts == 16);
  }
  std::filesystem::remove(path);
}

// As `headroom profile measure` stores them: cold rows answer, hot ones and other kernels' do not.
TEST_CASE("a pack is fitted to kernels measured here, and answers for every engine") {
  const test::ScratchFolder folder;
  ProfileStore store(folder.file("k.db"), ProfileStore::Mode::read_write);
  const auto with = [](KernelShape shape, const char* variant) {
    shape.variant = variant;
    return shape;
  };
  ProfileStore::Transaction transaction(store);
  const std::int64_t run = add_run(store, "13.0.2", "cuBLASLt");
  for (const std::int64_t m : {1, 2, 4, 8})
    for (const std::int64_t k : {256, 512, 1024, 2048}) {
      add(store, run, with(gemm(m, 512, k), "cold"), "bf16", 20);
      add(store, run, with(gemm(m, 512, k), "hot"), "bf16", 5);
      KernelShape experts{
          .op = "moe", .m = m, .n = 4096, .k = k, .experts = 8, .topk = 2, .ranks = 1};
      add(store, run, with(experts, "balanced cold"), "bf16", 50);
      add(store, run, with(experts, "balanced"), "bf16", 10);
      KernelShape message{.op = "all_reduce", .bytes = (10'000 * m + k) * 64, .ranks = 2};
      add(store, run, with(message, "nccl hot"), "bf16", 30);
    }
  transaction.commit();
  const Device device = find_device("h100", "");
  const Pack pack = fit_device_pack(store, device);
  std::map<PackOp, double> us{{PackOp::gemm, 20}, {PackOp::moe, 50}, {PackOp::all_reduce, 30}};
  CHECK(pack.tables.size() == us.size());
  for (const FitGroup& group : fit_groups(store, device))
    for (const FitRow& row : group.rows) CHECK(row.seconds == Approx(us.at(group.key.op) * 1e-6));
  const PackView view(pack, "SGLang");
  const PackTable* table = view.find({PackOp::gemm, DataType::bf16, DataType::bf16});
  REQUIRE(table != nullptr);
  CHECK(table->library == "cuBLASLt");
  CHECK(table->rows == 16);
}
