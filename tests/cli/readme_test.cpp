// Every `$H ...` line of README.md, run as written, in the order written.
#include <sstream>
#include <vector>

#include "tests/catch.h"
#include "tests/cli/program.h"
#include "tests/paths.h"

using namespace headroom::cli_test;

namespace {

/// The commands of README.md that start with `$H `, without comments.
std::vector<std::string> readme_commands() {
  std::istringstream readme(read_file(fs::path(HEADROOM_SOURCE_DIR) / "README.md"));
  std::vector<std::string> commands;
  std::string line;
  while (std::getline(readme, line)) {
    const std::string start = "    $H ";
    if (line.rfind(start, 0) != 0) continue;
    commands.push_back(line.substr(start.size(), line.find(" #") - start.size()));
  }
  return commands;
}

/// The indented lines of README.md behind the line that holds `before`.
std::vector<std::string> readme_sample(const std::string& before) {
  std::istringstream readme(read_file(fs::path(HEADROOM_SOURCE_DIR) / "README.md"));
  std::vector<std::string> lines;
  std::string line;
  while (std::getline(readme, line) && line.find(before) == std::string::npos) continue;
  while (std::getline(readme, line) && (line.empty() || line.rfind("    ", 0) == 0))
    if (!line.empty()) lines.push_back(line.substr(4));
  return lines;
}

}  // namespace

TEST_CASE("what the README shows of a run is what the run prints, in that order") {
  const Folder folder;
  const std::string out = folder.headroom("run quickstart").out;
  const std::vector<std::string> sample = readme_sample("prints, among other things:");
  REQUIRE(sample.size() > 10);
  std::size_t at = 0;
  for (const std::string& line : sample) {
    INFO(line);
    const std::size_t found = out.find("\n" + line + "\n", at);
    REQUIRE(found != std::string::npos);
    at = found + 1;
  }
}

TEST_CASE("every command of the README runs as written") {
  const Folder folder;
  const std::vector<std::string> commands = readme_commands();
  REQUIRE(commands.size() >= 8);
  for (const std::string& command : commands) {
    INFO(command);
    const Outcome outcome = folder.headroom(command);
    // 1: the answer is no (a service level missed), which some what-ifs are there to show.
    CHECK((outcome.code == 0 || outcome.code == 1));
    CHECK_FALSE((command.find("--json") == std::string::npos && outcome.out.empty() &&
                 command.find("--output") == std::string::npos));
  }
  CHECK(folder.files() == std::set<std::string>{"drones.json", "h.html", "my-trace.csv", "r.csv",
                                                "r.html", "r.json", "r.md", "runs.db"});
}

TEST_CASE("the files that the README names exist") {
  const std::string readme = read_file(fs::path(HEADROOM_SOURCE_DIR) / "README.md");
  std::size_t links = 0;
  for (std::size_t at = readme.find("]("); at != std::string::npos;
       at = readme.find("](", at + 1)) {
    const std::string target = readme.substr(at + 2, readme.find(')', at) - at - 2);
    INFO(target);
    CHECK(fs::exists(fs::path(HEADROOM_SOURCE_DIR) / target));
    ++links;
  }
  CHECK(links >= 8);
}
