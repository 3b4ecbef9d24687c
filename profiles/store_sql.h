// What the store's files share about SQLite: the schema, one prepared statement, rows to and from
// it.
//
// Law: every failing statement throws InputError with the store's path. Cost: as SQLite's. Not
// here: what a store means (profiles/store.h); nothing outside profiles/ includes this.
#pragma once

#include <sqlite3.h>

#include <string>

#include "profiles/store.h"
#include "sim/check.h"

namespace headroom {

// "HDRP": tells a profile store from any other SQLite file.
constexpr int kApplicationId = 0x48445250;

extern const char* const kRunSchema;
extern const char* const kKernelSchema;
extern const char* const kRunColumns;
/// A kernel's series beside its run, its sizes, its times: columns with commas between.
extern const char* const kSeriesColumns;
extern const char* const kSizeColumns;
extern const char* const kTimeColumns;

/// Moves the rows of schema 1's kernels, renamed kernels_1, to the tables of today.
[[nodiscard]] std::string upgrade_from_1();
/// Kernels of a store of `schema`, of a run, in the order of shapes: all, those of one op, or of
/// these the batches of unequal contexts (not of schema 1, which knows none).
enum class OfOp : std::uint8_t { all, one, one_skewed };
[[nodiscard]] std::string kernel_query(std::int64_t schema, OfOp which);

/// One prepared statement. Errors throw InputError with the store's path.
class Statement {
 public:
  Statement(sqlite3* db, const std::string& path, const std::string& sql) : db_(db), path_(path) {
    if (sqlite3_prepare_v2(db, sql.c_str(), -1, &statement_, nullptr) != SQLITE_OK) fail();
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  /// Not copied: `value` must live until the statement is reset.
  Statement& text(const std::string& value) {
    sqlite3_bind_text(statement_, ++bound_, value.c_str(), static_cast<int>(value.size()),
                      SQLITE_STATIC);
    return *this;
  }
  Statement& text(std::string&&) = delete;
  Statement& integer(std::int64_t value) {
    sqlite3_bind_int64(statement_, ++bound_, value);
    return *this;
  }
  Statement& real(double value) {
    sqlite3_bind_double(statement_, ++bound_, value);
    return *this;
  }
  /// Ready to be bound and stepped again.
  void reset() {
    sqlite3_reset(statement_);
    bound_ = 0;
  }
  /// Whether a row is there.
  bool step() {
    const int code = sqlite3_step(statement_);
    if (code == SQLITE_ROW) {
      column_ = 0;
      return true;
    }
    if (code != SQLITE_DONE) fail();
    return false;
  }
  std::string next_text() {
    const auto* bytes = sqlite3_column_text(statement_, column_);
    const int size = sqlite3_column_bytes(statement_, column_++);
    return bytes == nullptr
               ? std::string()
               : std::string(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  }
  std::int64_t next_integer() { return sqlite3_column_int64(statement_, column_++); }
  double next_real() { return sqlite3_column_double(statement_, column_++); }

 private:
  [[noreturn]] void fail() const {
    throw InputError(path_, std::string("expected a readable profile store, got: ") +
                                sqlite3_errmsg(db_) + "; make it anew from its measurements");
  }
  sqlite3* db_;
  const std::string& path_;
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
  int column_ = 0;
};

/// Binds what a series has in common, in the order of `kSeriesColumns`.
void bind_series(Statement& to, const KernelShape& shape);
/// Reads a row of `kernel_query`.
[[nodiscard]] KernelRow read_kernel(Statement& from);
/// Reads the columns of `kRunColumns`.
[[nodiscard]] ProfileRun read_run(Statement& from);

}  // namespace headroom
