#include "profiles/import.h"

#include <algorithm>

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

ImportedFile import_file(ProfileStore& store, const Format& format, const ImportSource& source) {
  ImportedFile result;
  result.path = source.path;
  if (!source.left_out.empty()) {
    result.outcome = Outcome::left_out;
    result.note = source.left_out;
    return result;
  }
  try {
    const std::vector<std::uint8_t> bytes = read_whole_file(source.path);
    ImportSource known = source;
    known.run.file_digest = digest_of(bytes);
    if (store.has_file(known.run)) {
      result.outcome = Outcome::already_there;
      return result;
    }
    ImportTable table = format.read(known, bytes);
    if (table.without_time > 0)
      add_note(table.run.notes, std::to_string(table.without_time) +
                                    " rows of the file have a time of zero and are left out");
    if (table.rows.empty()) {
      result.outcome = Outcome::left_out;
      result.note = table.run.notes.empty() ? "no rows" : table.run.notes;
      return result;
    }
    result.rows = static_cast<std::int64_t>(table.rows.size());
    result.note = table.run.notes;
    const std::int64_t again = store_table(store, table);
    if (again > 0) add_note(result.note, std::to_string(again) + " rows repeat a shape");
  } catch (const InputError& error) {
    result.outcome = Outcome::failed;
    result.rows = 0;
    result.note = error.what();
  }
  return result;
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
    for (const ImportSource& source : format.sources(files, options))
      summary.files.push_back(import_file(store, format, source));
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
