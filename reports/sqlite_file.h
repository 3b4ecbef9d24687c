// One SQLite file: opened, statements run, rows written and read.
//
// Law: whatever SQLite refuses is an InputError naming the file. Nothing is kept of a transaction
// that was not committed when the object goes.
// Not here: what tables mean (reports/run_database.h, reports/sweep.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace headroom {

/// A prepared statement. Places are bound in order; columns are read in order.
class SqliteStatement {
 public:
  SqliteStatement& bind(std::string_view text);
  SqliteStatement& bind(double number);
  SqliteStatement& bind(std::int64_t number);
  SqliteStatement& bind(std::size_t number) { return bind(static_cast<std::int64_t>(number)); }
  /// Runs a statement without rows; then it can be bound again.
  void insert();
  /// Whether there is another row. Throws InputError.
  [[nodiscard]] bool row();
  [[nodiscard]] std::string text();
  [[nodiscard]] double number();
  [[nodiscard]] std::int64_t integer();

 private:
  friend class SqliteFile;
  struct Finalise {
    void operator()(sqlite3_stmt* statement) const;
  };
  SqliteStatement(class SqliteFile& file, sqlite3_stmt* statement)
      : file_(file), statement_(statement) {}
  void check(int code);

  SqliteFile& file_;
  std::unique_ptr<sqlite3_stmt, Finalise> statement_;
  int bound_ = 0;
  int column_ = 0;
};

class SqliteFile {
 public:
  enum class Mode : std::uint8_t { read, write };
  /// What an error says: the name people know the file by, what was expected, and the way out.
  struct Words {
    std::string shown, expected, remedy;
  };
  /// Opens `path`, made where it is absent in mode `write`. Throws InputError.
  SqliteFile(const std::string& path, Mode mode, Words words);

  void execute(const std::string& sql);
  [[nodiscard]] SqliteStatement prepare(const std::string& sql);
  /// The first column of the first row. Throws InputError where there is none.
  [[nodiscard]] std::int64_t integer(const std::string& sql);
  /// Whether nobody has put anything into it, an id or a version included.
  [[nodiscard]] bool blank();
  [[nodiscard]] std::int64_t last_id() const;
  /// Throws the InputError of what SQLite said last.
  [[noreturn]] void fail() const;

 private:
  struct Close {
    void operator()(sqlite3* db) const;
  };
  Words words_;
  std::unique_ptr<sqlite3, Close> db_;
};

}  // namespace headroom
