// A SQLite file of answers by digest of their question: what `headroom plan --cache` keeps.
//
// Table answers: key, scenario digest, question in words, answer (text of the caller); the file
// carries an application id and a schema version.
// Law: an answer is there whole or not at all, also when the program is killed. Errors: InputError
// naming the file for anything that is no such database, is newer, locked or cannot be written.
// Not for several threads at a time.
#pragma once

#include <optional>
#include <string>

#include "reports/sqlite_file.h"

namespace headroom {

class AnswerStore {
 public:
  /// Opens the file, made where it is absent. Throws InputError.
  explicit AnswerStore(const std::string& path);
  [[nodiscard]] std::optional<std::string> find(const std::string& key);
  /// Replaces what is there.
  void keep(const std::string& key, const std::string& scenario, const std::string& question,
            const std::string& answer);

 private:
  SqliteFile file_;
};

}  // namespace headroom
