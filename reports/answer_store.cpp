#include "reports/answer_store.h"

#include <fmt/format.h>

#include "sim/check.h"

namespace headroom {
namespace {

constexpr std::int64_t kApplicationId = 0x48445041;  // "HDPA"
constexpr std::int64_t kVersion = 1;
constexpr const char* kSchema = R"sql(
CREATE TABLE answers (key TEXT PRIMARY KEY, scenario TEXT NOT NULL, question TEXT NOT NULL,
                      answer TEXT NOT NULL) WITHOUT ROWID;
)sql";

}  // namespace

AnswerStore::AnswerStore(const std::string& path)
    : file_(path, SqliteFile::Mode::write,
            {path, "a cache of plans that can be written", "name another file with --cache"}) {
  // Of two programs that find the file blank, one makes the table. What throws rolls back.
  file_.execute("BEGIN IMMEDIATE");
  if (file_.blank()) {
    file_.execute(std::string(kSchema) +
                  fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}",
                              kApplicationId, kVersion));
  } else if (file_.integer("PRAGMA application_id") != kApplicationId ||
             file_.integer("PRAGMA user_version") != kVersion) {
    throw InputError(path, fmt::format("expected a cache of plans, version {}, got another "
                                       "database; name another file with --cache",
                                       kVersion));
  }
  file_.execute("COMMIT");
  // A crash of the machine may cost the newest answers, never the file.
  file_.execute("PRAGMA synchronous = NORMAL");
}

std::optional<std::string> AnswerStore::find(const std::string& key) {
  SqliteStatement query = file_.prepare("SELECT answer FROM answers WHERE key = ?");
  query.bind(key);
  if (!query.row()) return {};
  return query.text();
}

void AnswerStore::keep(const std::string& key, const std::string& scenario,
                       const std::string& question, const std::string& answer) {
  SqliteStatement insert = file_.prepare("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)");
  insert.bind(key).bind(scenario).bind(question).bind(answer).insert();
}

}  // namespace headroom
