// How the sources are written: sizes, places, and what may not stand in a simulation.
#include <cstdlib>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "sim/edge_policy.h"
#include "sim/execution_policy.h"
#include "sim/placement_policy.h"
#include "sim/policy.h"
#include "sim/registry.h"
#include "sim/scaling_policy.h"
#include "tests/catch.h"
#include "tests/laws/source_tree.h"
#include "tests/paths.h"
#include "tests/scratch.h"

namespace {

using headroom::laws::joined;
using headroom::laws::SourceFile;
namespace fs = std::filesystem;

const fs::path kRoot = HEADROOM_SOURCE_DIR;
const std::vector<std::string> kFolders = {"sim",     "models",   "policies", "traces",
                                           "reports", "profiles", "tests"};

struct Ban {
  std::string pattern;  ///< over code without comments and literals
  std::string reason;
};

/// What makes a result depend on the library, the CPU, the hour or the memory layout.
const std::vector<Ban> kBans = {
    {R"(\bunordered_(map|set|multimap|multiset)\b)", "the order of hashing can reach a result"},
    {R"(\bstd::\w+_distribution\b)", "results differ between standard libraries: sim/random.h"},
    {R"(\bstd::(mt19937(_64)?|minstd_rand0?|random_device|default_random_engine)\b)",
     "sim/random.h"},
    {R"(\bstd::chrono\b|\b(gettimeofday|clock_gettime)\b)", "no wall clock in a simulation"},
    {R"(\bstd::(time|clock|s?rand)\s*\(|\b(s?rand|random|[dl]rand48)\s*\(\s*\)|\btime\s*\(\s*(0|NULL|nullptr|&))",
     "no wall clock, no hidden randomness"},
    {R"((^|[^\w.>:])(std::)?(log|log2|log10|log1p|exp|exp2|expm1|pow|sin|cos|tan|tanh|cbrt|hypot|erf|[lt]gamma)[fl]?\s*\()",
     "glibc picks these by CPU: sim/math.h"},
    {R"(\bstd::(locale|setlocale)\b|\bsetlocale\s*\()", "no locale"},
    {R"(\bstd::(thread|jthread|async|mutex)\b|\bthread_local\b)", "one simulation, one thread"},
    {R"(\bshared_ptr\b|\bmake_shared\b)", "no shared ownership"},
};

/// Files outside a simulation in folders that feed one: pattern of the path, why.
const std::vector<std::pair<std::string, std::string>> kOutside = {
    {"sim/cli/*", "the command line: progress, parallel sweeps"},
    {"models/measured_kernels.*", "one reading of a profile store for all threads of a process"},
    {"sim/check.*", "the context that SIM_CHECK prints is kept a thread"},
    {"traces/trace_info.*", "counts what a trace holds; nothing simulated reads it"},
};

bool outside_simulation(const std::string& path) {
  return std::any_of(kOutside.begin(), kOutside.end(),
                     [&](const auto& row) { return headroom::laws::fits(path, row.first); });
}

std::vector<std::string> bans_broken(const std::vector<SourceFile>& files) {
  std::vector<std::string> found;
  for (const Ban& ban : kBans) {
    const std::regex pattern(ban.pattern, std::regex::optimize);
    for (const SourceFile& file : files) {
      if (outside_simulation(file.path)) continue;
      for (std::size_t i = 0; i < file.code.size(); ++i) {
        std::smatch match;
        if (std::regex_search(file.code[i], match, pattern)) {
          found.push_back(file.at(i) + ": " + match.str() + ": " + ban.reason);
        }
      }
    }
  }
  return found;
}

SourceFile file_with(const std::string& text) {
  return {"sim/x.cpp", headroom::laws::split_lines(text),
          headroom::laws::split_lines(headroom::laws::code_only(text))};
}

/// Names that a policy file registers.
std::vector<std::string> registered_names(const SourceFile& file) {
  static const std::regex pattern(R"re(\bRegister\w+Policy\s+\w+\s*[({]\s*"([^"]+)")re");
  std::string text;
  for (const std::string& line : file.lines) text += line + "\n";
  std::vector<std::string> names;
  for (auto it = std::sregex_iterator(text.begin(), text.end(), pattern);
       it != std::sregex_iterator(); ++it) {
    names.push_back((*it)[1]);
  }
  return names;
}

/// Whether nothing but the ends of namespaces follows the last registration.
bool ends_with_registration(const SourceFile& file) {
  std::string code;
  for (const std::string& line : file.code) code += line + " ";
  std::size_t at = code.rfind("Register");
  if (at != std::string::npos) at = code.find_first_of("{(", at);
  if (at == std::string::npos) return false;
  int depth = 0;
  do {
    if (code[at] == '{' || code[at] == '(') ++depth;
    if (code[at] == '}' || code[at] == ')') --depth;
    ++at;
  } while (depth > 0 && at < code.size());
  return code.find(';', at) != std::string::npos &&
         code.find_first_not_of(" \t};", at) == std::string::npos;
}

/// Property checks whose verdict nobody looks at: rc::check returns it and fails nothing itself.
std::vector<std::string> unheeded_properties(const SourceFile& file) {
  static const std::regex call(R"(\brc::check\s*\()");
  static const std::regex heeded(R"(((CHECK|REQUIRE)\s*\(|=|\breturn\b)\s*rc::check\s*\()");
  std::vector<std::string> found;
  for (std::size_t i = 0; i < file.code.size(); ++i) {
    const std::string before = i == 0 ? "" : file.code[i - 1];
    if (std::regex_search(file.code[i], call) &&
        !std::regex_search(before + " " + file.code[i], heeded)) {
      found.push_back(file.at(i) + ": write CHECK(rc::check(...))");
    }
  }
  return found;
}

/// Entries of the root that are the project's: what git tracks; where git does not say, all but
/// files that look like the program's outputs.
std::set<std::string> entries_of_root() {
  const headroom::test::ScratchFolder folder;
  const std::string list = folder.file("tracked");
  const std::string command =
      "git -C '" + kRoot.string() + "' ls-files >'" + list + "' 2>/dev/null";
  std::set<std::string> names;
  if (std::system(command.c_str()) == 0) {
    for (const std::string& path : headroom::laws::split_lines(headroom::laws::read_text(list)))
      names.insert(path.substr(0, path.find('/')));
  }
  if (!names.empty()) return names;
  const std::set<std::string> outputs = {".csv", ".db", ".html", ".json", ".md", ".calibrating"};
  for (const auto& entry : fs::directory_iterator(kRoot)) {
    const std::string extension = entry.path().extension().string();
    if (!entry.is_regular_file() ||
        !(outputs.contains(extension) || extension.starts_with(".measuring-")))
      names.insert(entry.path().filename().string());
  }
  return names;
}

bool is_registered(const std::string& name) {
  using namespace headroom;
  return PolicyRegistry<BatchPolicy>::instance().find(name) != nullptr ||
         PolicyRegistry<RoutingPolicy>::instance().find(name) != nullptr ||
         PolicyRegistry<AdmissionPolicy>::instance().find(name) != nullptr ||
         PolicyRegistry<DispatchPolicy>::instance().find(name) != nullptr ||
         PolicyRegistry<PlacementPolicy>::instance().find(name) != nullptr ||
         PolicyRegistry<ExecutionPolicy>::instance().find(name) != nullptr ||
         PolicyRegistry<ScalingPolicy>::instance().find(name) != nullptr;
}

}  // namespace

TEST_CASE("nothing that differs between machines or runs stands in a simulation") {
  const std::vector<std::string> found =
      bans_broken(headroom::laws::source_files(kRoot, {"sim", "policies", "models", "traces"}));
  INFO(joined(found));
  CHECK(found.empty());
}

TEST_CASE("a banned word is found in code, and not in comments, literals or other names") {
  const auto broken = [](const std::string& text) { return bans_broken({file_with(text)}).size(); };
  CHECK(broken("std::unordered_map<int, int> m;") == 1);
  CHECK(broken("std::normal_distribution<double> d;") == 1);
  CHECK(broken("const auto t = std::chrono::steady_clock::now();") == 1);
  CHECK(broken("const auto t = time(nullptr);") == 1);
  CHECK(broken("int a = 1'000; double y = std::log(x);") == 1);
  CHECK(broken("double y = 2 * exp(x);") == 1);
  CHECK(broken("return powf(x, 2);") == 1);
  CHECK(broken("std::thread worker;") == 1);

  CHECK(broken("// std::log(x) would differ") == 0);
  CHECK(broken("/* time(nullptr)\n rand() */ int x;") == 0);
  CHECK(broken("const char* text = \"rand() \\\" time(0)\";") == 0);
  CHECK(broken("const char* text = R\"(std::log(x))\";") == 0);
  CHECK(broken("double y = portable_log(x) + random.exponential(2) + event.time();") == 0);
  CHECK(broken("double service_time(int x); Instant time(Tokens t); double y = std::sqrt(x);") ==
        0);
}

TEST_CASE("no file is over 500 lines") {
  std::vector<std::string> found;
  for (const SourceFile& file : headroom::laws::source_files(kRoot, kFolders)) {
    if (file.lines.size() > 500)
      found.push_back(file.at(500) + ": " + std::to_string(file.lines.size()) + " lines");
  }
  INFO(joined(found));
  CHECK(found.empty());
}

TEST_CASE("every header is guarded by pragma once and opens with what it is") {
  std::vector<std::string> found;
  for (const SourceFile& file : headroom::laws::source_files(kRoot, kFolders)) {
    if (!file.is_header()) continue;
    if (file.lines.empty() || !file.lines.front().starts_with("// "))
      found.push_back(file.at(0) + ": no opening comment");
    if (std::find(file.lines.begin(), file.lines.end(), "#pragma once") == file.lines.end()) {
      found.push_back(file.at(0) + ": no #pragma once");
    }
  }
  INFO(joined(found));
  CHECK(found.empty());
}

TEST_CASE("folders are named for what they hold, and nothing else is tracked in the root") {
  const std::set<std::string> empty_names = {"utils",  "util",    "common",   "helpers",
                                             "helper", "manager", "managers", "misc"};
  std::vector<std::string> found;
  for (const std::string& folder : kFolders) {
    if (!fs::is_directory(kRoot / folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / folder)) {
      if (empty_names.contains(entry.path().stem().string())) {
        found.push_back(entry.path().lexically_relative(kRoot).generic_string() +
                        ": a name that says nothing");
      }
    }
  }
  std::set<std::string> of_root = {
      "CMakeLists.txt", "CMakePresets.json", "README.md", "LICENSE", "setup.sh", "cmake", "docs"};
  of_root.insert(kFolders.begin(), kFolders.end());
  for (const std::string& name : entries_of_root()) {
    const bool ignored =
        name.starts_with(".") || name.starts_with("build") || name == "compile_commands.json";
    if (!ignored && !of_root.contains(name))
      found.push_back(name + ": does not belong in the root");
  }
  INFO(joined(found));
  CHECK(found.empty());
}

TEST_CASE("each folder has a README of at most 60 lines") {
  std::vector<std::string> found;
  for (const std::string folder :
       {"sim", "sim/cli", "models", "policies", "traces", "reports", "profiles", "tests", "docs"}) {
    const fs::path readme = kRoot / folder / "README.md";
    if (!fs::is_regular_file(readme)) {
      found.push_back(folder + "/README.md: missing");
      continue;
    }
    const std::size_t lines = headroom::laws::split_lines(headroom::laws::read_text(readme)).size();
    if (lines > 60)
      found.push_back(folder + "/README.md:61: " + std::to_string(lines) + " lines, at most 60");
  }
  INFO(joined(found));
  CHECK(found.empty());
}

TEST_CASE("every file of policies ends by registering a policy that the program knows") {
  std::size_t policies = 0;
  std::vector<std::string> found;
  for (const SourceFile& file : headroom::laws::source_files(kRoot, {"policies"})) {
    if (file.is_header()) continue;
    const std::vector<std::string> names = registered_names(file);
    if (names.empty()) found.push_back(file.at(0) + ": registers nothing");
    for (const std::string& name : names) {
      ++policies;
      if (!is_registered(name))
        found.push_back(file.at(0) + ": '" + name + "' is not in the program's registry");
    }
    if (!ends_with_registration(file)) {
      found.push_back(file.at(file.lines.size() - 1) +
                      ": the last line does not register the policy");
    }
  }
  INFO(joined(found));
  CHECK(found.empty());
  CHECK(policies > 0);
}

TEST_CASE("a registration in the middle of a file is not at its end") {
  const auto ends = [](const std::string& text) { return ends_with_registration(file_with(text)); };
  CHECK(
      ends("namespace {\nconst RegisterBatchPolicy k{\"a\", \"b\", {}, [] { return f(); }};\n}  // "
           "namespace"));
  CHECK(!ends("const RegisterBatchPolicy k{\"a\", \"b\", {}, f};\nint after = 0;"));
  CHECK(!ends("int nothing = 0;"));
}

TEST_CASE("no source promises work to come") {
  const std::regex word(
      "\\b(TO"
      "DO|FIX"
      "ME)\\b");  // in pieces: this file is read too
  std::vector<std::string> found;
  for (const SourceFile& file : headroom::laws::source_files(kRoot, kFolders)) {
    for (std::size_t i = 0; i < file.lines.size(); ++i) {
      if (std::regex_search(file.lines[i], word))
        found.push_back(file.at(i) + ": unfinished work is an issue, not a comment");
    }
  }
  INFO(joined(found));
  CHECK(found.empty());
}

TEST_CASE("a property that fails fails its test: every verdict of RapidCheck is checked") {
  CHECK(unheeded_properties(file_with("  rc::check([] {});")).size() == 1);
  CHECK(unheeded_properties(file_with("  CHECK(rc::check([] {}));")).empty());
  CHECK(unheeded_properties(file_with("  CHECK(\n      rc::check([] {}));")).empty());
  CHECK(unheeded_properties(file_with("  const bool held = rc::check([] {});")).empty());

  std::vector<std::string> found;
  for (const SourceFile& file : headroom::laws::source_files(kRoot, {"tests"})) {
    for (const std::string& line : unheeded_properties(file)) found.push_back(line);
  }
  INFO(joined(found));
  CHECK(found.empty());
}
