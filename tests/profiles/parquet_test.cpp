#include "profiles/parquet.h"

#include <rapidcheck.h>

#include <bit>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "profiles/import_files.h"
#include "sim/check.h"
#include "tests/catch.h"
#include "tests/paths.h"
#include "tests/profiles/parquet_writer.h"

using namespace headroom;
using namespace headroom::test;

namespace {

std::string error_of(const Bytes& bytes) {
  try {
    (void)read_parquet(bytes, "t.parquet");
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

Column numbers(const std::string& name, std::vector<std::int64_t> values) {
  Column column;
  column.name = name;
  for (const std::int64_t value : values)
    column.values.push_back(Value{static_cast<std::uint64_t>(value), {}});
  return column;
}

/// What the reader must hand out for a written value of the column's type.
struct Read {
  std::optional<std::int64_t> integer{};
  std::optional<double> real{};
  std::optional<std::string> text{};
  friend bool operator==(const Read&, const Read&) = default;
};

Read expected(const std::optional<Value>& value, int physical) {
  if (!value) return {};
  if (physical == kText) return {{}, {}, value->text};
  if (physical == kDouble) return {{}, std::bit_cast<double>(value->bits), {}};
  if (physical == kFloat)
    return {{}, std::bit_cast<float>(static_cast<std::uint32_t>(value->bits)), {}};
  if (physical == kInt32)
    return {static_cast<std::int32_t>(static_cast<std::uint32_t>(value->bits)), {}, {}};
  return {static_cast<std::int64_t>(value->bits), {}, {}};
}

Read read_at(const ParquetColumn& column, std::size_t row) {
  if (!column.valid.empty() && column.valid[row] == 0) return {};
  if (column.type == ParquetColumn::Type::text) return {{}, {}, column.words[column.codes[row]]};
  if (column.type == ParquetColumn::Type::real) return {{}, column.reals[row], {}};
  return {column.integers[row], {}, {}};
}

Value random_value(int physical, std::uint64_t kinds) {
  const auto pick = *rc::gen::inRange<std::uint64_t>(0, kinds);
  switch (physical) {
    case kBoolean:
      return {pick & 1, {}};
    case kInt32:
      return {(pick * 0x9e3779b9U) & 0xffffffffU, {}};
    case kFloat:
      return {std::bit_cast<std::uint32_t>(static_cast<float>(pick) * -0.37F), {}};
    case kDouble:
      return {std::bit_cast<std::uint64_t>(static_cast<double>(pick) * 1e-3), {}};
    case kText:
      return {0, "word" + std::string(pick % 7, 'x') + std::to_string(pick)};
    default:
      return {pick * 0x9e3779b97f4a7c15U, {}};
  }
}

Column random_column(std::size_t rows, std::size_t index) {
  Column column;
  column.name = "c" + std::to_string(index);
  column.physical = *rc::gen::element(kBoolean, kInt32, kInt64, kFloat, kDouble, kText);
  column.encoding = *rc::gen::element(kPlain, kPlainDictionary, kRleDictionary);
  if (column.physical == kBoolean) column.encoding = *rc::gen::element(kPlain, kRle);
  column.codec = *rc::gen::element(kNone, kSnappy, kZstd);
  column.page_version = *rc::gen::element(1, 2);
  column.rows_a_page = *rc::gen::inRange<std::size_t>(1, 60);
  column.optional = *rc::gen::arbitrary<bool>();
  const auto kinds = *rc::gen::element<std::uint64_t>(1, 2, 5, 300);
  const int nulls = column.optional ? *rc::gen::element(0, 3, 10) : 0;
  for (std::size_t row = 0; row < rows; ++row) {
    if (*rc::gen::inRange(0, 10) < nulls)
      column.values.emplace_back();
    else
      column.values.emplace_back(random_value(column.physical, kinds));
  }
  return column;
}

std::vector<std::string> shared_tables() {
  const std::string root = std::string(HEADROOM_SOURCE_DIR) + "/../shared/kernels/aiconfigurator";
  if (!std::filesystem::exists(root)) return {};
  std::vector<std::string> tables;
  for (const std::string& file : files_below(root))
    if (file.ends_with(".parquet")) tables.push_back(file);
  return tables;
}

}  // namespace

TEST_CASE("what is written in any type, encoding, codec and page version is read back") {
  CHECK(rc::check([] {
    const auto rows = *rc::gen::inRange<std::size_t>(0, 120);
    std::vector<Column> columns;
    const auto count = *rc::gen::inRange<std::size_t>(1, 5);
    for (std::size_t i = 0; i < count; ++i) columns.push_back(random_column(rows, i));
    const auto groups = *rc::gen::inRange<std::size_t>(1, 4);
    const ParquetTable table = read_parquet(write_parquet(columns, groups), "t.parquet");
    RC_ASSERT(table.rows() == rows);
    RC_ASSERT(table.columns().size() == columns.size());
    for (std::size_t i = 0; i < columns.size(); ++i)
      for (std::size_t row = 0; row < rows; ++row)
        RC_ASSERT(read_at(table.columns()[i], row) ==
                  expected(columns[i].values[row], columns[i].physical));
  }));
}

TEST_CASE("a file made byte by byte is read as the format's specification says") {
  // One required INT32 column "a" of the rows 7 and -1: a data page v1, PLAIN, uncompressed.
  const Bytes file = {'P', 'A', 'R', '1', 0x15, 0x00,  // page header: 1 type = data page
                      0x15, 0x10, 0x15, 0x10,          // 2, 3 sizes = 8
                      0x2c,                            // 5 data page header
                      0x15, 0x04, 0x15, 0x00,          // 1 values = 2, 2 encoding = PLAIN
                      0x15, 0x06, 0x15, 0x06, 0x00,    // 3, 4 levels RLE, stop
                      0x00,                            // stop
                      7, 0, 0, 0, 0xff, 0xff, 0xff, 0xff,
                      // footer, at byte 29
                      0x15, 0x02,                         // 1 version = 1
                      0x19, 0x2c,                         // 2 schema: 2 structs
                      0x48, 0x01, 's', 0x15, 0x02, 0x00,  // name "s", 5 children = 1
                      0x15, 0x02, 0x25, 0x00, 0x18, 0x01, 'a',
                      0x00,                    // type INT32, required, name "a"
                      0x16, 0x04,              // 3 rows = 2
                      0x19, 0x1c,              // 4 row groups: 1
                      0x19, 0x1c,              // 1 columns: 1
                      0x3c,                    // 3 metadata
                      0x15, 0x02,              // 1 type = INT32
                      0x29, 0x18, 0x01, 'a',   // 3 path: "a"
                      0x15, 0x00, 0x16, 0x04,  // 4 codec = none, 5 values = 2
                      0x26, 0x32,              // 7 size = 25
                      0x26, 0x08,              // 9 data page at 4
                      0x00, 0x00,              // stop, stop
                      0x26, 0x04, 0x00,        // 3 rows = 2, stop
                      0x00,                    // stop
                      45, 0, 0, 0, 'P', 'A', 'R', '1'};
  const ParquetTable table = read_parquet(file, "t.parquet");
  REQUIRE(table.rows() == 2);
  CHECK(table.integers("a")[0] == 7);
  CHECK(table.integers("a")[1] == -1);
}

TEST_CASE("columns are bound by name, type and completeness") {
  Column gap = numbers("gap", {1, 2, 3});
  gap.values[1].reset();
  const ParquetTable table =
      read_parquet(write_parquet({numbers("m", {1, 2, 3}), gap}), "t.parquet");
  CHECK(table.has("gap"));
  CHECK_FALSE(table.has("n"));
  const auto error = [&](const auto& ask) {
    try {
      ask();
    } catch (const InputError& e) {
      return std::string(e.what());
    }
    return std::string("no error");
  };
  CHECK(says(error([&] { (void)table.integers("n"); }),
             "expected a column 'n' of whole numbers, got only m, gap"));
  CHECK(says(error([&] { (void)table.reals("m"); }), "of real numbers, got whole numbers"));
  CHECK(says(error([&] { (void)table.integers("gap"); }), "got rows without a value"));
}

TEST_CASE("a file cut short anywhere, or that is no Parquet, is an error of one line") {
  Column text;
  text.name = "t";
  text.physical = kText;
  text.encoding = kRleDictionary;
  text.codec = kZstd;
  for (int i = 0; i < 40; ++i) text.values.push_back(Value{0, "w" + std::to_string(i % 3)});
  const Bytes whole = write_parquet({text});
  REQUIRE(error_of(whole) == "no error");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::string error =
        error_of(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
    CHECK(says(error, size < 12 ? "expected a Parquet file" : "cut short"));
    CHECK(error.find('\n') == std::string::npos);
  }
  CHECK(says(error_of({'m', ',', 'n', '\n', '1', ',', '2', '\n', ' ', ' ', ' ', ' '}), "PAR1"));
}

TEST_CASE("no changed byte crashes the reader or leaves a table that breaks its laws") {
  std::vector<Column> columns;
  for (const int encoding : {kPlain, kRleDictionary}) {
    Column column = numbers("c" + std::to_string(encoding), {});
    for (int i = 0; i < 30; ++i)
      column.values.push_back(i % 4 == 0 ? std::optional<Value>()
                                         : Value{std::uint64_t(i % 5), {}});
    column.encoding = encoding;
    column.codec = encoding == kPlain ? kSnappy : kZstd;
    column.page_version = encoding == kPlain ? 1 : 2;
    columns.push_back(column);
  }
  const Bytes whole = write_parquet(columns, 2);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const int change : {1, 0x80, 0xff, 0x7f}) {
      Bytes bent = whole;
      bent[at] = static_cast<std::uint8_t>(bent[at] ^ change);
      try {
        const ParquetTable table = read_parquet(bent, "t.parquet");
        for (const ParquetColumn& column : table.columns())
          CHECK(column.integers.size() + column.reals.size() + column.codes.size() == table.rows());
      } catch (const InputError&) {
      }
    }
  }
}

TEST_CASE("what the reader does not know is refused by name") {
  const auto with = [](auto change) {
    Column column = numbers("m", {1, 2, 3});
    change(column);
    return error_of(write_parquet({column}));
  };
  CHECK(says(with([](Column& c) { c.codec = kGzip; }), "got codec 2 in column 'm'"));
  CHECK(says(with([](Column& c) { c.encoding = kDelta; }), "got encoding 5"));
  CHECK(says(with([](Column& c) { c.physical = kInt96; }), "of Parquet type 3"));
  CHECK(says(with([](Column& c) { c.converted = 5; }), "converted type 5"));
  CHECK(says(with([](Column& c) { c.children = 2; }), "nested column 'm'"));
  CHECK(says(error_of(write_parquet({numbers("m", {1}), numbers("m", {2})})), "two of one name"));
}

TEST_CASE("a small file cannot ask for much memory") {
  // 2^30 equal values are a run of 5 bytes; at 8 bytes each they would fill 8 GiB.
  Column column = numbers("m", {});
  column.encoding = kRleDictionary;
  column.optional = false;
  column.values.assign(400'000, Value{1, {}});
  column.rows_a_page = 400'000;
  const Bytes file = write_parquet({column});
  REQUIRE(file.size() < 300);  // 3.2 MB from 300 bytes: beyond 256-fold and 1 MiB
  CHECK(says(error_of(file), "grows at most 256-fold"));
}

TEST_CASE("every shared kernel table is read whole") {
  const auto tables = shared_tables();
  if (tables.empty()) {
    WARN("skipped: ../shared/kernels is not here");
    return;
  }
  std::size_t rows = 0;
  for (const std::string& path : tables) {
    const ParquetTable table = read_parquet(path);
    CHECK(table.rows() > 0);
    CHECK(table.has("kernel_source"));
    rows += table.rows();
  }
  // Row counts that hyparquet reports for the same files, in total.
  CHECK(tables.size() == 171);
  CHECK(rows == 4'525'043);
}
