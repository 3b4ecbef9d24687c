// AIConfigurator's tree: <system>/<family>/<backend>/<version>/<table>.parquet, with
// collection_meta.yaml (what was collected, complete or partial) and reuse.yaml (tables that a
// version takes from another) beside. Columns and units: its collectors, commit 095f58a51.
#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <utility>

#include "profiles/import_aiconfigurator_tables.h"
#include "profiles/import_rows.h"
#include "profiles/import_sidecar.h"
#include "profiles/parquet.h"
#include "sim/check.h"

namespace headroom {
namespace {

constexpr std::string_view kSuffix = ".parquet";
constexpr const char* kTool = "AIConfigurator collector";

std::string library_name(const std::string& backend) {
  if (backend == "vllm") return "vLLM";
  if (backend == "trtllm") return "TensorRT-LLM";
  if (backend == "sglang") return "SGLang";
  if (backend == "nccl") return "NCCL";
  if (backend == "oneccl") return "oneCCL";
  return backend;
}

/// The sidecars of one version's folder.
struct Folder {
  Sidecar meta{};
  std::string error{};  ///< of a sidecar that cannot be read
};

Folder read_folder(const std::string& folder) {
  Folder read;
  try {
    const std::string meta = folder + "/collection_meta.yaml";
    if (std::filesystem::exists(meta)) read.meta = read_sidecar(meta);
  } catch (const InputError& error) {
    read.error = error.what();
  }
  return read;
}

/// The file `path` as measurements of `version`.
ImportSource source_of(const std::string& path, const Folder& folder, const std::string& version,
                       const ImportOptions& options) {
  const std::vector<std::string> parts = parts_from_end(path);
  ImportSource source;
  source.path = path;
  source.table = parts[0].substr(0, parts[0].size() - kSuffix.size());
  ProfileRun& run = source.run;
  run.device = options.device.empty() ? device_name(parts[4]) : options.device;
  run.library = library_name(parts[2]);
  run.library_version = version;
  run.tool = kTool;
  run.tool_version = folder.meta.text("provenance");
  run.date = options.date;
  run.licence = options.licence.empty() ? folder.meta.licence : options.licence;
  run.source = (options.origin.empty() ? "" : options.origin + " ") + parts[4] + "/" + parts[3] +
               "/" + parts[2] + "/" + parts[1] + "/" + parts[0];
  const std::string entry = "tables/" + source.table;
  if (!folder.error.empty())
    source.left_out = folder.error;
  else if (!has_aiconfigurator_layout(source.table))
    source.left_out = "a table of a kind that nothing here models";
  else if (folder.meta.text(entry + "/status") == "partial" &&
           options.partial == ImportOptions::Partial::leave_out)
    source.left_out = "its collectors call it partial";
  const std::string status = folder.meta.text(entry + "/status");
  if (!status.empty() && status != "complete") run.notes = "status: " + status;
  for (const std::string& key : folder.meta.below(entry)) {
    if (key == "status") continue;
    std::string note = key;
    note.append(": ").append(folder.meta.text(std::string(entry).append("/").append(key)));
    add_note(run.notes, note);
  }
  return source;
}

/// The version that an entry of reuse.yaml names.
std::string reused_version(const Sidecar& reuse, const std::string& table) {
  const std::string entry = "tables/" + table;
  for (const char* key :
       {"", "/version", "/from_version", "/source_version", "/from", "/reuse_from"})
    if (std::string version = reuse.text(entry + key); !version.empty()) return version;
  return "";
}

void add_reused(const std::string& path, const std::map<std::string, Folder>& folders,
                const ImportOptions& options, std::vector<ImportSource>& sources) {
  namespace fs = std::filesystem;
  const fs::path folder = fs::path(path).parent_path();
  const auto fail = [&](const std::string& why) {
    ImportSource source;
    source.path = path;
    source.left_out = why;
    sources.push_back(source);
  };
  Sidecar reuse;
  try {
    reuse = read_sidecar(path);
  } catch (const InputError& error) {
    return fail(error.what());
  }
  for (const std::string& table : reuse.below("tables")) {
    const std::string from = reused_version(reuse, table);
    const fs::path file = folder.parent_path() / from / std::string(table).append(kSuffix);
    if (from.empty() || from.find('/') != std::string::npos || !fs::is_regular_file(file)) {
      std::string why = "takes " + table;
      why.append(" from version '").append(from).append("', which has no such file");
      fail(why);
      continue;
    }
    const auto known = folders.find(file.parent_path().string());
    ImportSource source =
        source_of(file.string(),
                  known != folders.end() ? known->second : read_folder(file.parent_path().string()),
                  folder.filename().string(), options);
    std::string note = "reused from version " + from;
    const std::string entry = "tables/" + table;
    if (const std::string reason = reuse.text(entry + "/reason"); !reason.empty())
      note.append(": ").append(reason);
    add_note(source.run.notes, note);
    sources.push_back(source);
  }
}

/// What rows say of themselves where it differs from their place in the tree.
void note_differences(const ParquetTable& table, const std::string& column,
                      const std::string& expected, std::string& notes) {
  const ParquetColumn* texts = table.find(column);
  if (texts == nullptr || texts->type != ParquetColumn::Type::text) return;
  std::map<std::string, std::int64_t> counts;
  for (const std::uint32_t code : texts->codes) ++counts[texts->words[code]];
  for (const auto& [word, count] : counts) {
    if (word == expected || word.empty()) continue;
    add_note(notes, std::to_string(count) + " rows say " + column + " " + word.substr(0, 80));
  }
}

std::string most_frequent(const ParquetTable& table, const std::string& column) {
  const ParquetColumn* texts = table.find(column);
  if (texts == nullptr || texts->type != ParquetColumn::Type::text) return "";
  std::map<std::string, std::int64_t> counts;
  for (const std::uint32_t code : texts->codes) ++counts[texts->words[code]];
  std::string best;
  for (const auto& [word, count] : counts)
    if (best.empty() || count > counts[best]) best = word;
  return best;
}

}  // namespace

std::vector<ImportSource> aiconfigurator_sources(const std::vector<std::string>& files,
                                                 const ImportOptions& options) {
  std::map<std::string, Folder> folders;
  std::vector<ImportSource> sources;
  const auto folder_of = [&](const std::string& file) -> const Folder& {
    const std::string folder = std::filesystem::path(file).parent_path().string();
    const auto [entry, is_new] = folders.try_emplace(folder);
    if (is_new) entry->second = read_folder(folder);
    return entry->second;
  };
  for (const std::string& file : files) {
    // Above a single file or a folder inside the tree lies the rest of its path.
    const std::string path = std::filesystem::absolute(file).lexically_normal().string();
    const std::vector<std::string> parts = parts_from_end(path);
    if (!file.ends_with(kSuffix) || parts.size() < 5) continue;
    ImportSource source = source_of(path, folder_of(path), parts[1], options);
    source.path = file;
    sources.push_back(std::move(source));
  }
  for (const std::string& file : files)
    if (parts_from_end(file).front() == "reuse.yaml") add_reused(file, folders, options, sources);
  return sources;
}

ImportTable read_aiconfigurator(const ImportSource& source,
                                const std::vector<std::uint8_t>& bytes) {
  const ParquetTable parquet = read_parquet(bytes, source.path);
  ImportTable table;
  table.run = source.run;
  table.run.device_title = most_frequent(parquet, "device");
  note_differences(parquet, "device", table.run.device_title, table.run.notes);
  note_differences(parquet, "version", table.run.library_version, table.run.notes);
  read_aiconfigurator_rows(source.table, parquet, table);
  return table;
}

}  // namespace headroom
