// Imports kernel times that others measured and published into a profile store.
//
// Law: each file is one run and one transaction: all of its rows come in with their origin, or
// none; a file that is there already changes nothing (its digest tells); no row is dropped or
// changed in silence, each file's note says what was left out. Cost: about 2 microseconds a row.
// Not here: what the formats' rows mean (profiles/import_*.cpp), checks of plausibility
// (profiles/check.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "profiles/store.h"

namespace headroom {

struct ImportOptions {
  /// auto | aiconfigurator | vidur | llmservingsim
  std::string format = "auto";
  /// Catalogue name; empty: from the files' place in their tree.
  std::string device{};
  /// Where the files come from, "owner/repository at commit"; stands before the path in a run's
  /// source.
  std::string origin{};
  std::string licence{};  ///< empty: as the files state it
  std::string date{};     ///< of measurement; empty: as the files state it
  /// What to do with tables that their collectors call partial.
  enum class Partial : std::uint8_t { leave_out, take } partial = Partial::leave_out;
};

struct ImportedFile {
  enum class Outcome : std::uint8_t { imported, already_there, left_out, failed };
  std::string path{};
  Outcome outcome = Outcome::imported;
  std::int64_t rows = 0;  ///< stored
  std::string note{};     ///< one line: why left out or failed, or what a reader must know
};

struct ImportSummary {
  std::vector<ImportedFile> files{};  ///< in the order of their paths
  [[nodiscard]] std::int64_t count(ImportedFile::Outcome outcome) const;
  [[nodiscard]] std::int64_t rows() const;
};

/// Imports a file, or all files of the format below a folder. A file that cannot be read is
/// reported as failed and the others go in. Throws InputError where nothing can be done: no such
/// path, an unknown format, no file of the format, a store that cannot be written.
[[nodiscard]] ImportSummary import_profiles(ProfileStore& store, const std::string& path,
                                            const ImportOptions& options);

}  // namespace headroom
