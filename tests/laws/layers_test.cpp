// The layering, held as data and compared with every #include: sim/ knows no other folder, the
// others know sim/ and hardly one another, sim/cli knows all. The other lock is what each CMake
// target links (cmake/folders.cmake).
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/catch.h"
#include "tests/laws/source_tree.h"
#include "tests/paths.h"

namespace {

using headroom::laws::fits_any;
using headroom::laws::joined;
using headroom::laws::SourceFile;

const std::vector<std::string> kFolders = {"sim",     "models",   "policies", "traces",
                                           "reports", "profiles", "tests"};

/// What a file of a folder may include of ours. The longest folder that fits a file's path counts.
const std::map<std::string, std::vector<std::string>> kMayInclude = {
    {"sim", {"sim/*"}},
    {"sim/cli", {"*"}},
    {"profiles", {"profiles/*", "sim/units.h", "sim/check.h", "sim/mix.h"}},
    {"models", {"models/*", "sim/*", "profiles/store.h"}},
    // The decision points and sim/registry.h, with what these hand on.
    {"policies",
     {"policies/*.h", "sim/policy.h", "sim/edge_policy.h", "sim/execution_policy.h",
      "sim/placement_policy.h", "sim/scaling_policy.h", "sim/registry.h", "sim/batch_plan.h",
      "sim/random.h", "sim/request.h", "sim/units.h"}},
    // The vocabulary of requests, and how to read and draw its quantities.
    {"traces",
     {"traces/*", "sim/units.h", "sim/check.h", "sim/request.h", "sim/request_source.h",
      "sim/random.h", "sim/mix.h", "sim/math.h", "sim/edge_task.h", "sim/edge_cloud.h",
      "sim/edge_scenario.h", "sim/scenario.h", "sim/quantity_text.h", "sim/histogram.h"}},
    // The vocabulary of metrics: what sim/metrics.h is made of.
    {"reports",
     {"reports/*", "sim/metrics.h", "sim/milestone.h", "sim/edge_metrics.h", "sim/edge_task.h",
      "sim/units.h", "sim/check.h", "sim/request.h", "sim/histogram.h", "sim/cost_model.h",
      "sim/scenario.h", "sim/math.h", "sim/mix.h", "sim/quantity_text.h"}},
    {"tests", {"*"}},
};

/// Only sim/cli and tests may reach into sim/cli.
const std::string kNobodyElse = "sim/cli/*";

/// Where headers of others may stand: pattern of the header, patterns of the files.
struct ThirdParty {
  std::string header;
  std::vector<std::string> files;
};
const std::vector<ThirdParty> kThirdParty = {
    // Version 2 or 3, whichever the system has.
    {"catch2/*", {"tests/catch.h", "tests/catch_main.cpp"}},
    // A JSON include costs seconds of compile time.
    {"nlohmann/*",
     {"sim/scenario_json.cpp", "traces/json_walker.cpp", "reports/json_report.cpp",
      "reports/edge_json.cpp", "reports/sweep_json.cpp", "reports/plan_json.cpp",
      "reports/run_record_json.cpp", "reports/comparison_json.cpp", "reports/json_number.h",
      "profiles/calibrate_stream.cpp", "sim/cli/*.cpp"}},
    {"boost/graph/*", {"sim/topology.cpp", "sim/operator_graph.cpp"}},
    {"boost/program_options*", {"sim/cli/*.cpp"}},
    // Two headers of templates and of a class that small readers share compile where fmt does
    // anyway.
    {"fmt/*", {"*.cpp", "profiles/*.cu", "sim/policy_field.h", "traces/named_rows.h"}},
    // store_sql.h is shared by the two files of the store alone.
    {"sqlite3.h", {"profiles/*.cpp", "profiles/store_sql.h", "reports/*.cpp"}},
    {"zstd.h", {"traces/*.cpp", "profiles/*.cpp"}},
    {"snappy-c.h", {"profiles/*.cpp"}},
    {"curl/*", {"profiles/calibrate_http.cpp", "profiles/calibrate_url.cpp"}},
    {"xxhash.h", {"sim/*.cpp", "profiles/*.cpp", "reports/*.cpp"}},
    {"cuda*", {"profiles/*.cu", "profiles/*.cuh"}},
    {"cublas*", {"profiles/*.cu"}},
    {"cudnn*", {"profiles/*.cu"}},
    // Libraries that a machine may lack, looked for while the program runs.
    {"dlfcn.h", {"profiles/*.cpp"}},
    // The operating system: where files are opened and processes end, never inside a simulation.
    {"sys/*", {"traces/*.cpp", "reports/*.cpp", "profiles/*.cpp", "sim/cli/*.cpp"}},
    {"poll.h", {"sim/cli/*.cpp", "profiles/*.cpp"}},
    {"fcntl.h", {"traces/*.cpp", "reports/*.cpp", "profiles/*.cpp", "sim/cli/*.cpp"}},
    {"unistd.h", {"traces/*.cpp", "reports/*.cpp", "profiles/*.cpp", "sim/cli/*.cpp"}},
};

struct Include {
  std::string header;
  bool ours = false;  ///< written with quotes
};

std::optional<Include> include_of(const std::string& line) {
  std::size_t at = line.find_first_not_of(" \t");
  if (at == std::string::npos || line[at] != '#') return {};
  at = line.find_first_not_of(" \t", at + 1);
  if (at == std::string::npos || line.compare(at, 7, "include") != 0) return {};
  const std::size_t open = line.find_first_of("<\"", at + 7);
  if (open == std::string::npos) return Include{"(a macro)", true};
  const bool ours = line[open] == '"';
  const std::size_t close = line.find(ours ? '"' : '>', open + 1);
  return Include{line.substr(open + 1, close - open - 1), ours};
}

std::string layer_of(const std::string& path) {
  std::string layer;
  for (const auto& [folder, allowed] : kMayInclude) {
    if (path.starts_with(folder + "/") && folder.size() > layer.size()) layer = folder;
  }
  return layer;
}

/// What is wrong with an include, empty when nothing is.
std::string fault(const SourceFile& file, const Include& include) {
  const std::string layer = layer_of(file.path);
  if (include.ours) {
    if (layer != "sim/cli" && layer != "tests" &&
        headroom::laws::fits(include.header, kNobodyElse)) {
      return "nobody includes sim/cli";
    }
    if (!fits_any(include.header, kMayInclude.at(layer))) {
      return "not among what " + layer + "/ may include";
    }
    return {};
  }
  const bool standard = include.header.find_first_of("./") == std::string::npos;
  if (standard) return {};
  for (const ThirdParty& rule : kThirdParty) {
    if (!headroom::laws::fits(include.header, rule.header)) continue;
    if (layer == "tests" && !rule.files.front().starts_with("tests/")) return {};
    return fits_any(file.path, rule.files)
               ? std::string()
               : "a header of others outside the files that hold it: " + joined(rule.files);
  }
  if (layer == "tests") return {};
  return "a header that the table of third-party includes does not know";
}

std::vector<std::string> faults(const std::vector<SourceFile>& files) {
  std::vector<std::string> found;
  for (const SourceFile& file : files) {
    for (std::size_t i = 0; i < file.lines.size(); ++i) {
      const std::optional<Include> include = include_of(file.lines[i]);
      if (!include) continue;
      const std::string why = fault(file, *include);
      if (!why.empty()) found.push_back(file.at(i) + ": " + include->header + ": " + why);
    }
  }
  return found;
}

SourceFile file_with(const std::string& path, const std::string& line) {
  return {path, {"", line}, {}};
}

}  // namespace

TEST_CASE("every include goes along an edge of the star") {
  const std::vector<SourceFile> files = headroom::laws::source_files(HEADROOM_SOURCE_DIR, kFolders);
  REQUIRE(files.size() > 20);
  const std::vector<std::string> found = faults(files);
  INFO(joined(found));
  CHECK(found.empty());
}

TEST_CASE("an include against the layering is found, with file and line") {
  const auto one = [](const std::string& path, const std::string& line) {
    const std::vector<std::string> found = faults({file_with(path, line)});
    return found.empty() ? std::string() : found.front();
  };
  CHECK(one("policies/x.cpp", "#include \"models/device.h\"")
            .starts_with("policies/x.cpp:2: models/device.h: "));
  CHECK(one("sim/x.h", "#include \"sim/cli/options.h\"").ends_with("nobody includes sim/cli"));
  CHECK(one("sim/x.cpp", "#  include \"reports/summary.h\"") != "");
  CHECK(one("reports/x.cpp", "#include \"sim/simulation.h\"") != "");
  CHECK(one("traces/x.cpp", "#include \"sim/policy.h\"") != "");
  CHECK(one("profiles/x.cpp", "#include \"models/device.h\"") != "");
  CHECK(one("models/x.cpp", "#include \"profiles/importer.h\"") != "");
  CHECK(one("models/x.cpp", "#include \"units.h\"") != "");
  CHECK(one("models/x.cpp", "#include <nlohmann/json.hpp>") != "");
  CHECK(one("sim/topology.h", "#include <boost/graph/adjacency_list.hpp>") != "");
  CHECK(one("sim/x.cpp", "#include <boost/asio.hpp>") != "");
  CHECK(one("sim/x.h", "#include <fmt/format.h>") != "");

  CHECK(one("models/x.cpp", "#include \"profiles/store.h\"") == "");
  CHECK(one("policies/x.cpp", "#include \"sim/policy.h\"") == "");
  CHECK(one("sim/cli/run.cpp", "#include \"traces/trace_reader.h\"") == "");
  CHECK(one("sim/topology.cpp", "#include <boost/graph/adjacency_list.hpp>") == "");
  CHECK(one("sim/x.h", "#include <vector>") == "");
  CHECK(one("tests/sim/x_test.cpp", "#include <rapidcheck.h>") == "");
  CHECK(one("tests/sim/x_test.cpp", "#include <catch2/catch.hpp>") != "");
}
