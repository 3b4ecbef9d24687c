// headroom profile fit as a user meets it: from a store to a pack that a scenario runs on.
#include <sstream>
#include <string>

#include "models/device.h"
#include "models/engine.h"
#include "models/kernel_operator.h"
#include "models/pack.h"
#include "profiles/store.h"
#include "sim/policy.h"
#include "sim/registry.h"
#include "tests/catch.h"
#include "tests/cli/program.h"

using namespace headroom;
using namespace headroom::cli_test;

namespace {

constexpr const char* kScenario = R"({
  "model": {"name": "llama-3.1-8b"},
  "cluster": {"nodes": [{"device": "h100-sxm"}]},
  "deployment": [{"engine": "vllm", "cost": "COST"}],
  "workload": {"clients": 2, "requests": 8, "prompt": 256, "output": 16}})";

std::string scenario_on(const std::string& cost) {
  std::string text = kScenario;
  return text.replace(text.find("COST"), 4, cost);
}

/// GEMMs that take `times` as long as start-up and roofline together, every other one `apart`
/// longer still.
void write_store(const std::string& path, const std::string& device, double times,
                 double apart = 0) {
  ProfileStore store(path, ProfileStore::Mode::read_write);
  ProfileStore::Transaction transaction(store);
  ProfileRun run;
  run.device = device;
  run.library = "vLLM";
  run.library_version = "0.24.0";
  run.tool = "test";
  run.source = "a test";
  run.licence = "none";
  const std::int64_t id = store.insert_run(run);
  int rows = 0;
  for (const std::int64_t m : {1, 16, 256, 4096})
    for (const std::int64_t n : {1024, 4096, 16384})
      for (const std::int64_t k : {1024, 4096, 16384}) {
        KernelRow row;
        row.shape = {.op = "gemm", .compute = "bf16", .stored = "bf16", .m = m, .n = n, .k = k};
        const auto point = pack_point(*operator_of(row.shape), find_device(device, ""));
        row.times.median_ns = point->base * times * (1 + apart * (rows++ % 2)) * 1e9;
        store.insert_kernel(id, row);
      }
  transaction.commit();
}

}  // namespace

TEST_CASE("look-ups are held to themselves by device, then by operator over all devices") {
  const Folder folder;
  const std::string path = (folder.path() / "k.db").string();
  write_store(path, find_device("h100", "").name, 4);
  write_store(path, find_device("a100", "").name, 4, 0.5);
  const Outcome check = folder.headroom("profile check k.db --cross-validate");
  INFO(check.out << check.err);
  CHECK(check.code == 1);
  // The H100's look-ups are near, the A100's far off; their median, over all 72, lies between.
  const auto point_median = [&](const std::string& line_start) {
    const std::size_t line = check.out.find("\n" + line_start);
    REQUIRE(line != std::string::npos);
    std::istringstream words(check.out.substr(line + 1, check.out.find('\n', line + 1) - line));
    std::string device, library, op, formats;
    int points = 0;
    double median = 0;
    words >> device >> library >> op >> formats >> points >> median;
    CHECK(points == (device == "all" ? 72 : 36));
    return median;
  };
  CHECK(point_median("h100-sxm ") < 4);
  CHECK(point_median("all ") > point_median("h100-sxm "));
  CHECK(point_median("all ") < point_median("a100-80g-sxm "));
  CHECK(check.out.find("0 of 2 of an operator over all devices, 2 of 4 of an operator on a device, "
                       "2 of 4 by library and format too\n") != std::string::npos);
}

// A pack of GEMMs at four times their base against one at twice: the run's GEMMs take twice as
// long, everything else the same.
TEST_CASE("a fitted pack says its error and what a run takes on it") {
  const Folder folder;
  write_store((folder.path() / "k.db").string(), "h100-sxm", 4);
  write_store((folder.path() / "fast.db").string(), "h100-sxm", 2);
  const Outcome fitted = folder.headroom("profile fit k.db --output slow.pack");
  REQUIRE(fitted.code == 0);
  CHECK(fitted.out.find("from a test, none") != std::string::npos);
  CHECK(fitted.out.find("gemm                  1 tables       36 kernels   median  0.00 %") !=
        std::string::npos);
  REQUIRE(folder.headroom("profile fit fast.db --device h100-sxm --output fast.pack").code == 0);
  CHECK(folder.headroom("profile fit k.db --output -").out == folder.read("slow.pack"));
  const Pack pack = parse_pack(folder.read("slow.pack"), "slow.pack");
  REQUIRE(pack_errors(pack).size() == 1);
  CHECK(pack_errors(pack).front().rows == 36);
  folder.write("slow.json", scenario_on("pack:slow.pack"));
  folder.write("fast.json", scenario_on("pack:fast.pack"));
  const Outcome slow = folder.headroom("run slow.json"), fast = folder.headroom("run fast.json");
  REQUIRE(slow.code == 0);
  REQUIRE(fast.code == 0);
  CHECK(slow.out.find("cost pack slow.pack") != std::string::npos);
  CHECK(slow.out != fast.out);
}

TEST_CASE("what cannot be fitted or run on is one line and exit code 2") {
  const Folder folder;
  write_store((folder.path() / "k.db").string(), "l40s", 2);
  REQUIRE(folder.headroom("profile fit k.db --output l40s.pack").code == 0);
  folder.write("other.json", scenario_on("pack:l40s.pack"));
  folder.write("absent.json", scenario_on("pack:absent.pack"));
  folder.write("bad.pack", "headroom-pack 2\nnonsense\n");
  folder.write("bad.json", scenario_on("pack:bad.pack"));
  for (const char* call : {"profile fit k.db --device h100-sxm", "profile fit absent.db",
                           "run other.json", "run absent.json", "run bad.json"}) {
    CAPTURE(call);
    const Outcome outcome = folder.headroom(call);
    CHECK(outcome.code == 2);
    CHECK(outcome.error_lines() == 1);
    CHECK(outcome.out.empty());
  }
}

TEST_CASE("each device's line is followed by what its costs rest on") {
  const Folder folder;
  const std::string list = folder.headroom("list devices").out;
  for (const Device& device : device_catalogue()) {
    CAPTURE(device.name);
    const std::size_t at = list.find("\n  " + device.name + " ");
    REQUIRE(at != std::string::npos);
    const std::string grounds = list.substr(list.find('\n', at + 1) + 1, 120);
    const bool own = bundled_pack(device.name) != nullptr;
    CHECK((grounds.find("cost pack fitted to") != std::string::npos) == own);
    if (!own) CHECK(grounds.find("nothing was measured on it") != std::string::npos);
  }
}

TEST_CASE("every engine file names a batch policy that there is") {
  for (const EngineDescription& engine : bundled_engines()) {
    CAPTURE(engine.name, engine.batch);
    const auto entries = PolicyRegistry<BatchPolicy>::instance().entries();
    CHECK(std::any_of(entries.begin(), entries.end(),
                      [&](const auto& entry) { return entry.name == engine.batch; }));
  }
}
