// The guides of docs/: every `$H ...` line run as written, the CI kit on this project's own
// scenarios.
#include <sstream>
#include <vector>

#include "tests/catch.h"
#include "tests/cli/program.h"
#include "tests/paths.h"

using namespace headroom::cli_test;

namespace {

const fs::path kDocs = fs::path(HEADROOM_SOURCE_DIR) / "docs";

std::vector<std::string> commands_of(const fs::path& guide) {
  std::istringstream text(read_file(guide));
  std::vector<std::string> commands;
  std::string line;
  while (std::getline(text, line)) {
    const std::string start = "    $H ";
    if (line.rfind(start, 0) == 0) {
      commands.push_back(line.substr(start.size(), line.find(" #") - start.size()));
    }
  }
  return commands;
}

std::string regression(const std::string& words) {
  return "cd \"$PWD\" && SEEDS=5 LABEL=test HEADROOM=\"$HEADROOM\" '" HEADROOM_SOURCE_DIR
         "/.ci/regression' " +
         words;
}

}  // namespace

TEST_CASE("every command of every guide runs as written, in order") {
  std::size_t guides = 0;
  for (const auto& entry : fs::directory_iterator(kDocs)) {
    const std::vector<std::string> commands = commands_of(entry.path());
    if (entry.path().filename() == "README.md") continue;
    INFO(entry.path().filename().string());
    CHECK(commands.size() >= 5);
    ++guides;
    const Folder folder;
    for (const std::string& command : commands) {
      INFO(command);
      const Outcome outcome = folder.headroom(command);
      INFO(outcome.err);
      // 1: the answer is no, which some commands are there to show.
      CHECK((outcome.code == 0 || outcome.code == 1));
    }
  }
  CHECK(guides == 3);
}

TEST_CASE("the guides link to files that exist") {
  for (const auto& entry : fs::directory_iterator(kDocs)) {
    const std::string text = read_file(entry.path());
    for (std::size_t at = text.find("]("); at != std::string::npos; at = text.find("](", at + 1)) {
      const std::string target = text.substr(at + 2, text.find(')', at) - at - 2);
      INFO(entry.path().filename().string() + ": " + target);
      CHECK(fs::exists(kDocs / target));
    }
  }
}

TEST_CASE("the CI kit: a stored baseline, the same again passes, a slower policy fails") {
  const Folder folder;
  folder.write("chat.json", replaced(small_scenario(), "\"requests\": 20", "\"requests\": 200"));
  REQUIRE(folder.shell(regression("record base.db chat.json")).code == 0);
  const Outcome same = folder.shell("export GITHUB_STEP_SUMMARY=summary.md; " +
                                    regression("compare base.db out chat.json"));
  INFO(same.err);
  CHECK(same.code == 0);
  CHECK(folder.read("summary.md").find("same decisions") != std::string::npos);
  CHECK(folder.read("out/junit.xml").find("failures=\"0\" errors=\"0\"") != std::string::npos);
  folder.write("chat.json", replaced(folder.read("chat.json"), "{\"replicas\": 1}",
                                     "{\"replicas\": 1, \"batch\": \"static\"}"));
  const Outcome worse = folder.shell(regression("compare base.db out chat.json"));
  CHECK(worse.code == 1);
  CHECK(folder.read("out/comment.md").find("WORSE") != std::string::npos);
  CHECK(folder.read("out/compare.html").find(">Worse than base.db: ") != std::string::npos);
  // A gate that allows it.
  const Outcome allowed = folder.shell("export GATES='cost > +900%;tpot > +900%'; " +
                                       regression("compare base.db out chat.json"));
  INFO(allowed.out);
  CHECK(allowed.code == 0);
  folder.write("chat.json", "{");
  CHECK(folder.shell(regression("compare base.db out chat.json")).code == 2);
}

TEST_CASE("the workflow runs the kit on scenarios that exist") {
  const std::string workflow =
      read_file(fs::path(HEADROOM_SOURCE_DIR) / ".github/workflows/regression.yml");
  CHECK(workflow.find(".ci/regression compare base.db regression $SCENARIOS") != std::string::npos);
  const std::size_t at = workflow.find("SCENARIOS: ") + 11;
  std::istringstream names(workflow.substr(at, workflow.find('\n', at) - at));
  const Folder folder;
  std::string name;
  std::size_t count = 0;
  while (names >> name) {
    ++count;
    CHECK(fs::exists(fs::path(HEADROOM_SOURCE_DIR) / "sim/cli/scenarios" / (name + ".json")));
  }
  CHECK(count >= 1);
}
