#include "profiles/import.h"

#include <algorithm>
#include <array>
#include <future>
#include <set>
#include <utility>

#include "profiles/import_files.h"
#include "profiles/import_rows.h"
#include "sim/check.h"

namespace headroom {
namespace {

using Outcome = ImportedFile::Outcome;

struct Format {
  const char* name;
  std::vector<ImportSource> (*sources)(const std::vector<std::string>&, const ImportOptions&);
  ImportTable (*read)(const ImportSource&, const std::vector<std::uint8_t>&);
};
constexpr Format kFormats[] = {
    {"aiconfigurator", aiconfigurator_sources, read_aiconfigurator},
    {"vidur", vidur_sources, read_vidur},
    {"llmservingsim", llmservingsim_sources, read_llmservingsim},
};

/// A file read and laid out, but for the store.
struct ReadFile {
  ImportedFile result{};
  ImportTable table{};     ///< without rows: `result` is all there is to say
  std::int64_t again = 0;  ///< rows that repeat a shape
};

/// Which file, as which device's and library's; equal ones are imported once.
using FileKey = std::array<std::string, 4>;

FileKey key_of(const ProfileRun& run) {
  return {run.file_digest, run.device, run.library, run.library_version};
}

/// Everything that needs no store, so that it can go on beside its writing.
ReadFile read_file(const Format& format, const ImportSource& source,
                   const std::set<FileKey>& known_files) {
  ReadFile read;
  ImportedFile& result = read.result;
  result.path = source.path;
  if (!source.left_out.empty()) {
    result.outcome = Outcome::left_out;
    result.note = source.left_out;
    return read;
  }
  try {
    const std::vector<std::uint8_t> bytes = read_whole_file(source.path);
    ImportSource known = source;
    known.run.file_digest = digest_of(bytes);
    if (known_files.contains(key_of(known.run))) {
      result.outcome = Outcome::already_there;
      return read;
    }
    read.table = format.read(known, bytes);
    if (read.table.without_time > 0)
      add_note(read.table.run.notes, std::to_string(read.table.without_time) +
                                         " rows of the file have a time of zero and are left out");
    result.note = read.table.run.notes;
    if (read.table.rows() == 0) {
      result.outcome = Outcome::left_out;
      if (result.note.empty()) result.note = "no rows";
    }
    read.again = read.table.order();
  } catch (const InputError& error) {
    read.table = {};
    result.outcome = Outcome::failed;
    result.note = error.what();
  }
  return read;
}

ImportedFile store_file(ProfileStore& store, ReadFile read) {
  ImportedFile& result = read.result;
  if (read.table.rows() == 0) return result;
  try {
    // A folder may hold one file twice.
    if (store.has_file(read.table.run)) {
      result.outcome = Outcome::already_there;
      result.note.clear();
      return result;
    }
    store_table(store, read.table);
    result.rows = read.table.rows();
    if (read.again > 0) add_note(result.note, std::to_string(read.again) + " rows repeat a shape");
  } catch (const InputError& error) {
    result.outcome = Outcome::failed;
    result.note = error.what();
  }
  return result;
}

/// Files one after another into the store, the next one read meanwhile.
void import_files(ProfileStore& store, const Format& format,
                  const std::vector<ImportSource>& sources, ImportSummary& summary) {
  std::set<FileKey> known_files;
  for (const std::string& device : store.devices())
    for (const ProfileRun& run : store.runs(device)) known_files.insert(key_of(run));
  const auto reading = [&](std::size_t i) {
    return std::async(std::launch::async,
                      [&, i] { return read_file(format, sources[i], known_files); });
  };
  std::future<ReadFile> next;
  if (!sources.empty()) next = reading(0);
  for (std::size_t i = 0; i < sources.size(); ++i) {
    ReadFile read = next.get();
    if (i + 1 < sources.size()) next = reading(i + 1);
    summary.files.push_back(store_file(store, std::move(read)));
  }
}

}  // namespace

std::int64_t ImportSummary::count(Outcome outcome) const {
  return std::count_if(files.begin(), files.end(),
                       [&](const ImportedFile& file) { return file.outcome == outcome; });
}

std::int64_t ImportSummary::rows() const {
  std::int64_t sum = 0;
  for (const ImportedFile& file : files) sum += file.rows;
  return sum;
}

ImportSummary import_profiles(ProfileStore& store, const std::string& path,
                              const ImportOptions& options) {
  const std::vector<std::string> files = files_below(path);
  ImportSummary summary;
  bool known = false;
  for (const Format& format : kFormats) {
    if (options.format != "auto" && options.format != format.name) continue;
    known = true;
    import_files(store, format, format.sources(files, options), summary);
  }
  if (!known)
    throw InputError("format", "expected auto, aiconfigurator, vidur or llmservingsim, got '" +
                                   options.format.substr(0, 40) + "'; name one of them");
  if (summary.files.empty())
    throw InputError(path,
                     "expected kernel tables of AIConfigurator (*_perf.parquet), Vidur (mlp.csv, "
                     "all_reduce.csv, send_recv.csv) or LLMServingSim (meta.yaml with tp*/*.csv), "
                     "got none; name their folder");
  std::stable_sort(summary.files.begin(), summary.files.end(),
                   [](const ImportedFile& a, const ImportedFile& b) { return a.path < b.path; });
  return summary;
}

}  // namespace headroom
