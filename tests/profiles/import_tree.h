// A folder of its own for one test, and small tables to import from it.
// Law: removed at the end.
#pragma once

#include <unistd.h>

#include <bit>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/profiles/parquet_writer.h"

namespace headroom::test {

class TemporaryFolder {
 public:
  explicit TemporaryFolder(const std::string& name)
      : path_(std::filesystem::temp_directory_path() /
              ("headroom-" + std::to_string(::getpid()) + "-" + name)) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  [[nodiscard]] std::string path(const std::string& name = "") const {
    return name.empty() ? path_.string() : (path_ / name).string();
  }
  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << text;
  }
  void write(const std::string& name, const Bytes& bytes) const {
    write(name, std::string(bytes.begin(), bytes.end()));
  }

 private:
  std::filesystem::path path_;
};

inline Column integers(const std::string& name, const std::vector<std::int64_t>& values) {
  Column column;
  column.name = name;
  for (const std::int64_t value : values)
    column.values.push_back(Value{static_cast<std::uint64_t>(value), {}});
  column.encoding = kRleDictionary;
  column.codec = kZstd;
  return column;
}

inline Column reals(const std::string& name, const std::vector<double>& values) {
  Column column;
  column.name = name;
  column.physical = kDouble;
  for (const double value : values)
    column.values.push_back(Value{std::bit_cast<std::uint64_t>(value), {}});
  return column;
}

inline Column texts(const std::string& name, const std::vector<std::string>& values) {
  Column column;
  column.name = name;
  column.physical = kText;
  for (const std::string& value : values) column.values.push_back(Value{0, value});
  column.encoding = kRleDictionary;
  column.codec = kSnappy;
  return column;
}

inline Column text(const std::string& name, const std::string& value, std::size_t rows) {
  return texts(name, std::vector<std::string>(rows, value));
}

/// AIConfigurator's five leading columns before others.
inline std::vector<Column> with_origin(std::size_t rows, const std::string& version,
                                       std::vector<Column> others) {
  std::vector<Column> columns{text("framework", "VLLM", rows), text("version", version, rows),
                              text("device", "NVIDIA H100 80GB HBM3", rows),
                              text("op_name", "op", rows), text("kernel_source", "k", rows)};
  for (Column& other : others) columns.push_back(std::move(other));
  return columns;
}

/// A gemm table; latency in milliseconds.
inline Bytes gemm_table(const std::string& dtype, const std::vector<std::int64_t>& m,
                        const std::vector<double>& latency, const std::string& version = "0.24.0") {
  return write_parquet(with_origin(
      m.size(), version,
      {text("gemm_dtype", dtype, m.size()), integers("m", m),
       integers("n", std::vector<std::int64_t>(m.size(), 4096)),
       integers("k", std::vector<std::int64_t>(m.size(), 8192)), reals("latency", latency)}));
}

}  // namespace headroom::test
