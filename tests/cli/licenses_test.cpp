// `headroom version --licenses`: whoever wrote a part of the program is named, with what the
// licence asks for.
#include <cctype>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>

#include "reports/html/assets.h"
#include "tests/catch.h"
#include "tests/cli/program.h"
#include "tests/paths.h"

using namespace headroom::cli_test;
using headroom::page_notices;

namespace {

const fs::path kRoot = HEADROOM_SOURCE_DIR;

/// Small letters alone: "nlohmann_json" is "nlohmannjson" as "nlohmann/json" is.
std::string letters(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalpha(byte) != 0) out += static_cast<char>(std::tolower(byte));
  }
  return out;
}

/// With single spaces, so that the breaks of lines do not count.
std::string flowed(const std::string& text) {
  return std::regex_replace(text, std::regex("\\s+"), " ");
}

bool holds(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

std::string licences() {
  const Folder folder;
  const Outcome outcome = folder.headroom("version --licenses");
  CHECK(outcome.code == 0);
  CHECK(outcome.err.empty());
  return outcome.out;
}

}  // namespace

TEST_CASE("every library that the build looks for is named with its licence") {
  const std::string text = licences(), known = letters(text);
  const std::string build = read_file(kRoot / "cmake/options.cmake");
  const std::regex look("(find_package|pkg_check_modules|find_library)\\(([A-Za-z_0-9]+)");
  std::size_t found = 0;
  for (auto it = std::sregex_iterator(build.begin(), build.end(), look);
       it != std::sregex_iterator(); ++it) {
    std::string name = (*it)[2];
    if (name == "Threads" || name == "PkgConfig") continue;  // of the system and of the build
    if (name == "ZSTD") name = "Zstandard";
    if (name.ends_with("_LIBRARY")) name.resize(name.size() - 8);
    INFO(name);
    CHECK(holds(known, letters(name)));
    ++found;
  }
  CHECK(found >= 6);
  CHECK(holds(known, "xxhash"));  // a header alone
  // Each row of the table has a version or is looked for while the program runs.
  const std::regex row("\n  [^ ].{19} ([0-9][0-9.]+) +[A-Za-z]");
  CHECK(std::distance(std::sregex_iterator(text.begin(), text.end(), row),
                      std::sregex_iterator()) >= 8);
}

TEST_CASE("notices that licences ask for are printed whole") {
  const std::string text = flowed(licences());
  for (const char* notice :
       {"Copyright (c) 2013-2022 Niels Lohmann", "Copyright (c) 2012-2020 Yann Collet",
        "The above copyright notice and this permission notice shall be included in all copies",
        "Redistributions in binary form must reproduce the above copyright notice"}) {
    INFO(notice);
    CHECK(holds(text, notice));
  }
}

TEST_CASE("what a page's script is made of is named as locked, with NOTICE and licences") {
  if (page_notices().empty()) {
    WARN("skipped: built without the charts' script (npm)");
    return;
  }
  const std::string text = licences();
  const auto lock = nlohmann::json::parse(read_file(kRoot / "reports/assets/package-lock.json"));
  std::size_t packages = 0;
  for (const auto& [path, package] : lock.at("packages").items()) {
    if (path.empty() || package.value("dev", false)) continue;
    const std::string name = path.substr(path.rfind('/') + 1);
    INFO(name);
    CHECK(std::regex_search(
        text, std::regex("\n  " + name + " +" + package.at("version").get<std::string>() + " +" +
                         package.at("license").get<std::string>() + " ")));
    ++packages;
  }
  CHECK(packages == 3);
  const std::string words = flowed(text);
  for (const char* notice :
       {"This product includes software developed at The Apache Software Foundation",
        "Apache License Version 2.0, January 2004", "END OF TERMS AND CONDITIONS",
        "Copyright (c) 2017, Baidu Inc.", "Copyright 2010-2016 Mike Bostock",
        "Copyright (c) Microsoft Corporation."}) {
    INFO(notice);
    CHECK(holds(words, notice));
  }
  // A page names them where people look, with the line of the NOTICE.
  const Folder folder;
  static_cast<void>(folder.headroom("run quickstart --limit 20 --html r.html"));
  const std::string page = flowed(folder.read("r.html"));
  const std::string copyright = "Copyright 2017-2026 The Apache Software Foundation";
  CHECK(holds(std::string(page_notices()), copyright));
  CHECK(holds(page, "Apache ECharts, " + copyright + ", Apache License 2.0"));
}
