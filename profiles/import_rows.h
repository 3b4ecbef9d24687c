// What importers of all formats share: a run with its rows before they are stored, names of devices
// and number formats.
//
// Law: `store_table` makes all rows visible at once, or none. Cost: a sort. Not here: formats.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "profiles/import.h"
#include "profiles/store.h"

namespace headroom {

/// Rows that differ in sizes only.
struct ImportSeries {
  KernelShape shape{};  ///< its sizes mean nothing
  std::vector<KernelPoint> points{};
};

/// One file's content on its way to the store.
class ImportTable {
 public:
  ProfileRun run{};
  std::int64_t without_time = 0;  ///< rows whose time is 0: nothing was measured

  void add(const KernelShape& shape, const KernelTimes& times);
  [[nodiscard]] std::int64_t rows() const { return rows_; }
  /// Puts series and points into key order, in which SQLite only appends; of points of one shape
  /// the further ones move, in their order, to series marked "#2", "#3", ... Returns how many.
  std::int64_t order();
  [[nodiscard]] const std::vector<ImportSeries>& series() const { return series_; }

 private:
  struct ShapeBefore {
    bool operator()(const KernelShape& a, const KernelShape& b) const {
      return compare_series(a, b) < 0;
    }
  };
  std::vector<KernelPoint>& points_of(const KernelShape& shape);

  std::vector<ImportSeries> series_{};
  std::map<KernelShape, std::size_t, ShapeBefore> known_{};  ///< index into series_
  std::size_t last_ = 0;
  std::int64_t rows_ = 0;
};

/// One file that an importer found and how to read it.
struct ImportSource {
  std::string path{};
  std::string table{};     ///< what it holds, "gemm_perf", "mlp"
  std::string left_out{};  ///< why it must not be read; empty: read it
  ProfileRun run{};        ///< all but what only the content tells
  int divisor = 1;         ///< llmservingsim: tensor degree of heads in `heads`
  std::int64_t heads = 0, kv_heads = 0, head_dim = 0;
  std::string model{};
};

/// Stores an ordered table in one transaction.
void store_table(ProfileStore& store, const ImportTable& table);

/// Adds a row with one time in nanoseconds. Zero is counted, not stored; throws InputError for a
/// negative or non-finite time. `line` is the row's number, from 1.
void add_row(ImportTable& table, const KernelShape& shape, const KernelTimes& times,
             const std::string& where, std::size_t line);

/// Appends to a run's notes.
void add_note(std::string& notes, const std::string& note);

/// Catalogue name of a device that data call otherwise ("h100_sxm", "RTX4090").
[[nodiscard]] std::string device_name(std::string_view name);

/// What a kernel multiplies in and what its weights are stored in.
struct NumberFormats {
  std::string compute{};
  std::string stored{};
};
/// Throws InputError when nobody told us of `name`.
[[nodiscard]] NumberFormats number_formats(const std::string& name, const std::string& where);

// Each format: the files below a path that are its own, and one file's content.
[[nodiscard]] std::vector<ImportSource> aiconfigurator_sources(
    const std::vector<std::string>& files, const ImportOptions& options);
[[nodiscard]] ImportTable read_aiconfigurator(const ImportSource& source,
                                              const std::vector<std::uint8_t>& bytes);
[[nodiscard]] std::vector<ImportSource> vidur_sources(const std::vector<std::string>& files,
                                                      const ImportOptions& options);
[[nodiscard]] ImportTable read_vidur(const ImportSource& source,
                                     const std::vector<std::uint8_t>& bytes);
[[nodiscard]] std::vector<ImportSource> llmservingsim_sources(const std::vector<std::string>& files,
                                                              const ImportOptions& options);
[[nodiscard]] ImportTable read_llmservingsim(const ImportSource& source,
                                             const std::vector<std::uint8_t>& bytes);

/// Path's parts, the last first: {"gemm_perf.parquet", "0.24.0", ...}.
[[nodiscard]] std::vector<std::string> parts_from_end(const std::string& path);

}  // namespace headroom
