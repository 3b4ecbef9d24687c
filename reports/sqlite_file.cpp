#include "reports/sqlite_file.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <utility>

#include "sim/check.h"

namespace headroom {
namespace {

constexpr int kBusyMilliseconds = 10'000;  // wait for another writer this long

}  // namespace

void SqliteStatement::Finalise::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

void SqliteStatement::check(int code) {
  if (code != SQLITE_OK) file_.fail();
}

SqliteStatement& SqliteStatement::bind(std::string_view text) {
  check(sqlite3_bind_text64(statement_.get(), ++bound_, text.data(), text.size(), SQLITE_TRANSIENT,
                            SQLITE_UTF8));
  return *this;
}

SqliteStatement& SqliteStatement::bind(double number) {
  check(sqlite3_bind_double(statement_.get(), ++bound_, number));
  return *this;
}

SqliteStatement& SqliteStatement::bind(std::int64_t number) {
  check(sqlite3_bind_int64(statement_.get(), ++bound_, number));
  return *this;
}

void SqliteStatement::insert() {
  if (sqlite3_step(statement_.get()) != SQLITE_DONE) file_.fail();
  sqlite3_reset(statement_.get());
  bound_ = 0;
}

bool SqliteStatement::row() {
  const int code = sqlite3_step(statement_.get());
  column_ = 0;
  if (code != SQLITE_ROW && code != SQLITE_DONE) file_.fail();
  return code == SQLITE_ROW;
}

std::string SqliteStatement::text() {
  const auto* bytes = sqlite3_column_text(statement_.get(), column_);
  const int size = sqlite3_column_bytes(statement_.get(), column_++);
  if (bytes == nullptr) return {};
  return {reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)};
}

double SqliteStatement::number() { return sqlite3_column_double(statement_.get(), column_++); }

std::int64_t SqliteStatement::integer() {
  return sqlite3_column_int64(statement_.get(), column_++);
}

void SqliteFile::Close::operator()(sqlite3* db) const { sqlite3_close(db); }

SqliteFile::SqliteFile(const std::string& path, Mode mode, Words words) : words_(std::move(words)) {
  // Some builds of SQLite read "file:..." as a URI with options; it is a plain name here.
  const std::string name = path.rfind("file:", 0) == 0 ? "./" + path : path;
  sqlite3* raw = nullptr;
  const int flags =
      mode == Mode::read ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  const int code = sqlite3_open_v2(name.c_str(), &raw, flags, nullptr);
  db_.reset(raw);
  if (code != SQLITE_OK) fail();
  sqlite3_busy_timeout(raw, kBusyMilliseconds);
}

void SqliteFile::execute(const std::string& sql) {
  if (sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) fail();
}

SqliteStatement SqliteFile::prepare(const std::string& sql) {
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(db_.get(), sql.c_str(), -1, &raw, nullptr) != SQLITE_OK) fail();
  return {*this, raw};
}

std::int64_t SqliteFile::integer(const std::string& sql) {
  SqliteStatement statement = prepare(sql);
  if (!statement.row()) fail();
  return statement.integer();
}

bool SqliteFile::blank() {
  return integer("PRAGMA application_id") == 0 && integer("PRAGMA user_version") == 0 &&
         integer("SELECT count(*) FROM sqlite_master") == 0;
}

std::int64_t SqliteFile::last_id() const { return sqlite3_last_insert_rowid(db_.get()); }

void SqliteFile::fail() const {
  const int code = db_ ? sqlite3_errcode(db_.get()) : SQLITE_NOMEM;
  throw InputError(words_.shown, fmt::format("expected {}, got: {}; {}", words_.expected,
                                             sqlite3_errstr(code), words_.remedy));
}

}  // namespace headroom
