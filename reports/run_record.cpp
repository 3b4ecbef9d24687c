// Which reader a file is for, and what it says of sets of runs.
#include "reports/run_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <limits>
#include <optional>
#include <sstream>
#include <system_error>

#include "reports/run_database.h"
#include "reports/sqlite_file.h"
#include "sim/check.h"

namespace headroom {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kMostBytes = std::uintmax_t{1} << 30;
constexpr std::int64_t kAll = std::numeric_limits<std::int64_t>::max();

std::string read_stream(std::istream& stream, const std::string& shown) {
  std::ostringstream text;
  text << stream.rdbuf();
  if (stream.bad()) {
    throw InputError(shown, "expected a readable file, got an error; check disk and path");
  }
  return std::move(text).str();
}

std::string read_whole(const std::string& path) {
  if (path == "-") return read_stream(std::cin, "standard input");
  std::ifstream file(path, std::ios::binary);
  std::error_code error;
  const std::uintmax_t size = fs::file_size(path, error);
  if (!file || error) {
    throw InputError(path,
                     "expected a report, a sweep or a database of runs, got no file that can "
                     "be read; write one with headroom run --json or --db");
  }
  if (size > kMostBytes) {
    throw InputError(path, fmt::format("expected a report of at most {} MiB, got {}; is this one?",
                                       kMostBytes >> 20, size >> 20));
  }
  return read_stream(file, path);
}

bool is_database(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string start(15, '\0');
  return file.read(start.data(), 15) && start == "SQLite format 3";
}

/// What makes two runs of one scenario runs of one set.
bool same_set(const RecordSet& a, const RecordSet& b) {
  return a.name == b.name && a.tool_version == b.tool_version && a.label == b.label &&
         a.inputs == b.inputs;
}

/// Runs joined to sets; the newest scenario of each name, the newest run of each seed.
std::vector<RecordSet> newest(std::vector<RecordSet> runs) {
  std::vector<RecordSet> sets;
  for (auto it = runs.rbegin(); it != runs.rend(); ++it) {
    const auto named = std::find_if(sets.begin(), sets.end(),
                                    [&](const RecordSet& set) { return set.name == it->name; });
    if (named == sets.end()) {
      sets.push_back(std::move(*it));
      continue;
    }
    const std::uint64_t seed = it->runs.front().seed;
    const bool there = std::any_of(named->runs.begin(), named->runs.end(),
                                   [&](const RunRecord& run) { return run.seed == seed; });
    if (!there && same_set(*named, *it)) named->runs.push_back(std::move(it->runs.front()));
  }
  for (RecordSet& set : sets) {
    std::sort(set.runs.begin(), set.runs.end(),
              [](const RunRecord& a, const RunRecord& b) { return a.seed < b.seed; });
  }
  std::sort(sets.begin(), sets.end(),
            [](const RecordSet& a, const RecordSet& b) { return a.name < b.name; });
  return sets;
}

std::vector<RecordSet> folder_records(const std::string& path) {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(path)) {
    if (entry.path().extension() == ".json") names.push_back(entry.path().string());
  }
  if (names.empty()) {
    throw InputError(path,
                     "expected a folder of JSON reports, got one without any; write them "
                     "with headroom run --json");
  }
  std::sort(names.begin(), names.end());
  std::vector<RecordSet> runs;
  for (const std::string& name : names) {
    for (RecordSet& set : json_records(read_whole(name), name)) runs.push_back(std::move(set));
  }
  std::vector<RecordSet> sets = newest(runs);
  std::size_t kept = 0;
  for (const RecordSet& set : sets) kept += set.runs.size();
  std::size_t all = 0;
  for (const RecordSet& run : runs) all += run.runs.size();
  if (kept != all) {
    throw InputError(path,
                     "expected each scenario and seed once among its reports, got one twice "
                     "or two scenarios of one name; give scenarios names of their own");
  }
  return sets;
}

struct Selection {
  std::string path;
  std::int64_t first = 1, last = kAll;
};

/// FILE#3 or FILE#3-7, where no file is called so.
Selection selection_of(const std::string& source) {
  Selection all{source};
  const std::size_t hash = source.rfind('#');
  std::error_code error;
  if (hash == std::string::npos || fs::exists(source, error)) return all;
  const char* end = source.data() + source.size();
  Selection chosen{source.substr(0, hash)};
  auto [stop, failure] = std::from_chars(source.data() + hash + 1, end, chosen.first);
  if (failure != std::errc()) return all;
  chosen.last = chosen.first;
  if (stop != end && *stop == '-') {
    const auto [rest, bad] = std::from_chars(stop + 1, end, chosen.last);
    stop = bad == std::errc() ? rest : stop;
  }
  return stop == end ? chosen : all;
}

std::vector<RecordSet> database_records(const Selection& from, const std::string& source) {
  std::int64_t id = 0;
  {
    SqliteFile db(from.path, SqliteFile::Mode::read,
                  {from.path, "a database of Headroom runs or of a sweep", "name another file"});
    id = db.integer("PRAGMA application_id");
  }
  if (id == kSweepDatabaseId) return sweep_database_records(from.path);
  if (id != kRunDatabaseId) {
    throw InputError(from.path,
                     "expected a database of Headroom runs or of a sweep, got one of "
                     "another program; name another file");
  }
  std::vector<RecordSet> sets = newest(database_runs(from.path, from.first, from.last));
  if (sets.empty()) {
    throw InputError(source,
                     "expected runs, got none of these numbers; headroom history lists "
                     "them");
  }
  return sets;
}

}  // namespace

const NamedMetric* RunRecord::find(std::string_view metric) const {
  const auto it = std::find_if(metrics.begin(), metrics.end(),
                               [&](const NamedMetric& one) { return one.name == metric; });
  return it == metrics.end() ? nullptr : &*it;
}

RecordFile read_records(const std::string& source) {
  RecordFile file{source, {}};
  std::error_code error;
  const Selection from = selection_of(source);
  if (source != "-" && fs::is_directory(source, error)) {
    file.sets = folder_records(source);
  } else if (source != "-" && is_database(from.path)) {
    file.sets = database_records(from, source);
  } else {
    file.sets = json_records(read_whole(source), source == "-" ? "standard input" : source);
  }
  return file;
}

}  // namespace headroom
