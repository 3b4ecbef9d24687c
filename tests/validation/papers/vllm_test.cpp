// How many requests run together: vLLM against Orca with three kinds of reservation, OPT-13B on one
// A100 of 40 GB.
//
// Kwon et al., "Efficient Memory Management for Large Language Model Serving with PagedAttention",
// SOSP 2023, section 6.2: average number of batched requests 7.00 (Orca-Max), 9.81 (Pow2), 13.62
// (Oracle) and 30.42 (vLLM). Its Orca takes addresses from a buddy allocator. The three Orca
// figures depend on memory accounting alone, since Orca is overloaded here; vLLM's also on step
// times.
#include <string>

#include "tests/catch.h"
#include "tests/validation/papers.h"

using namespace headroom;

namespace {

/// Mean number of requests that are running while load comes in, from the time series.
double batched_requests(const std::string& batch) {
  const RunResult result = papers::run("vllm.json", {"deployment.batch=" + batch});
  REQUIRE(result.metrics.finished == 3600);
  double sum = 0;
  double count = 0;
  for (const ClusterSample& sample : result.metrics.samples) {
    if (sample.time < Instant(60'000'000'000) || sample.time > result.metrics.last_arrival)
      continue;
    sum += static_cast<double>(sample.running);
    count += 1;
  }
  return sum / count;
}

double orca(const std::string& reservation) {
  return batched_requests(R"({"policy": "orca", "allocation": "buddy", "reservation": ")" +
                          reservation + "\"}");
}

}  // namespace

TEST_CASE("batched requests of Orca and vLLM are those of the vLLM paper") {
  const std::string figure = "batched requests";
  const std::string setting = "OPT-13B, A100-40G, ShareGPT, 2 /s, ";
  // floor(15,728 / 2,048) = 7 requests at a time, always full at this load.
  papers::published(
      {"vLLM", figure, setting + "Orca-Max", "7.00", papers::Band::within(7, 0.01), orca("max")});
  papers::published(
      {"vLLM", figure, setting + "Pow2", "9.81", papers::Band::around(9.81, 0.2), orca("pow2")});
  papers::published({"vLLM", figure, setting + "Oracle", "13.62", papers::Band::around(13.62, 0.2),
                     orca("oracle")});
  papers::published({"vLLM", figure, setting + "vLLM", "30.42", papers::Band::around(30.42, 0.2),
                     batched_requests("vllm-v0")});
}

TEST_CASE(
    "the table of the papers keeps a paper's rows together and says hits, misses and causes") {
  const papers::Row hit{"A", "goodput, x", "one GPU", "2.0", papers::Band::around(2.0, 0.25), 1.5};
  const papers::Row other{"B", "blocks", "one GPU", "7", papers::Band::exact(7), 7};
  const papers::Row miss{"A", "goodput, x", "two GPUs", "2.0", {1.5, 3}, 3.1, "no data set"};
  const std::string text = papers::table({hit, other, miss});
  CHECK(text.find("3 figures, 2 hit, 1 missed") != std::string::npos);
  CHECK(text.find("MISS\n              cause: no data set\nB ") != std::string::npos);
  CHECK(text.find("exactly 7.0000") != std::string::npos);
  CHECK(text.find("1.500 to 2.500") != std::string::npos);
}
