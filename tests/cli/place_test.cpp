// `headroom place`: DistServe's search and ours on one space.
#include <cstdio>
#include <regex>
#include <string>

#include "tests/catch.h"
#include "tests/cli/program.h"

using namespace headroom::cli_test;

TEST_CASE("on DistServe's own space ours is as good a GPU, in fewer simulations") {
  const Folder folder;
  const Outcome both = folder.headroom(
      "place simdistserve --rate '8 /s' --judging separate --policy distserve-low --against "
      "bounded --set cluster.nodes.0.devices_per_node=8 --set workload.requests=300");
  REQUIRE(both.code == 0);
  std::printf("%s%s", both.out.c_str(), both.err.c_str());
  const auto figures = [&](const std::string& search) {
    std::smatch match;
    REQUIRE(std::regex_search(both.out, match,
                              std::regex("\n" + search + " .*?([0-9.]+) +([0-9]+)\n")));
    return std::pair(std::stod(match[1]), std::stoi(match[2]));
  };
  const auto [theirs, their_runs] = figures("distserve-low");
  const auto [ours, our_runs] = figures("bounded");
  CHECK(ours >= theirs);
  CHECK(2 * our_runs < their_runs);
  // Seconds differ from run to run and stand on standard error.
  CHECK(std::regex_search(both.err, std::regex("distserve-low: [0-9.]+ s\nbounded: [0-9.]+ s\n")));
}

TEST_CASE("a search that is none is one clear line") {
  const Folder folder;
  check_bad_calls(folder, {{"place simdistserve --against bounde", "--policy: expected one of"},
                           {"place simdistserve --policy best", "--policy: expected one of"}});
}
