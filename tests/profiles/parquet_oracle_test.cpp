// Sums over published tables as hyparquet, an independent reader in JavaScript, gives them. Runs
// where node is installed and HEADROOM_HYPARQUET names a folder into which `npm install hyparquet
// hyparquet-compressors` was run.
#include <unistd.h>

#include <bit>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "profiles/import_files.h"
#include "profiles/parquet.h"
#include "tests/catch.h"
#include "tests/paths.h"

using namespace headroom;

namespace {

// Integers are summed modulo 2^64, reals in row order, texts by 32-bit FNV-1a over their bytes.
constexpr const char* kScript = R"js(
const files = process.argv.slice(2);
const fs = await import('node:fs');
const { parquetRead, parquetMetadata } = await import('hyparquet');
const { compressors } = await import('hyparquet-compressors');
for (const file of files) {
  const read = fs.readFileSync(file);
  const bytes = read.buffer.slice(read.byteOffset, read.byteOffset + read.length);
  const names = parquetMetadata(bytes).schema.slice(1).map(c => c.name);
  await parquetRead({ file: bytes, compressors, onComplete: rows => {
    names.forEach((name, at) => {
      let integers = 0n, reals = 0, hash = 0x811c9dc5;
      for (const row of rows) {
        const value = row[at];
        if (typeof value === 'bigint') integers += value;
        else if (typeof value === 'number') reals += value;
        else for (const b of Buffer.from(value + '\0')) hash = Math.imul(hash ^ b, 0x01000193) >>> 0;
      }
      const view = new DataView(new ArrayBuffer(8));
      view.setFloat64(0, reals);
      console.log([rows.length, name, BigInt.asUintN(64, integers), view.getBigUint64(0), hash].join(' '));
    });
  } });
}
)js";

std::string sums_of(const std::string& path) {
  const ParquetTable table = read_parquet(path);
  std::string lines;
  for (const ParquetColumn& column : table.columns()) {
    std::uint64_t integers = 0;
    double reals = 0;
    std::uint32_t hash = 0x811c9dc5;
    for (const std::int64_t value : column.integers) integers += static_cast<std::uint64_t>(value);
    for (const double value : column.reals) reals += value;
    for (const std::uint32_t code : column.codes)
      for (const char c : column.words[code] + '\0')
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x01000193U;
    lines += std::to_string(table.rows()) + " " + column.name + " " + std::to_string(integers) +
             " " + std::to_string(std::bit_cast<std::uint64_t>(reals)) + " " +
             std::to_string(hash) + "\n";
  }
  return lines;
}

std::string output_of(const std::string& command) {
  std::string text;
  std::FILE* pipe = ::popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  char buffer[4096];
  for (std::size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    text.append(buffer, n);
  CHECK(::pclose(pipe) == 0);
  return text;
}

}  // namespace

TEST_CASE("sums over shared tables equal those of hyparquet") {
  const char* folder = std::getenv("HEADROOM_HYPARQUET");
  const std::string root = std::string(HEADROOM_SOURCE_DIR) + "/../shared/kernels/aiconfigurator";
  if (folder == nullptr || !std::filesystem::exists(root)) {
    WARN("skipped: HEADROOM_HYPARQUET names no folder with hyparquet, or no ../shared/kernels");
    return;
  }
  // One file of each kind, all of them where HEADROOM_HYPARQUET_ALL is set.
  const bool all = std::getenv("HEADROOM_HYPARQUET_ALL") != nullptr;
  std::set<std::string> kinds;
  std::string command, ours;
  for (const std::string& file : files_below(root)) {
    if (!file.ends_with(".parquet")) continue;
    if (!kinds.insert(std::filesystem::path(file).filename().string()).second && !all) continue;
    command += " '" + std::filesystem::canonical(file).string() + "'";
    ours += sums_of(file);
  }
  const auto script = std::filesystem::temp_directory_path() /
                      ("headroom-oracle-" + std::to_string(::getpid()) + ".mjs");
  std::ofstream(script) << kScript;
  // Read from stdin, the script finds its packages in the working folder.
  const std::string theirs =
      output_of("cd '" + std::string(folder) + "' && node --input-type=module - " + command +
                " < '" + script.string() + "'");
  std::filesystem::remove(script);
  CHECK(kinds.size() >= 19);
  CHECK(ours == theirs);
}
