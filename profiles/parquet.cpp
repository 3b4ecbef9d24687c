#include "profiles/parquet.h"

#include <utility>

#include "profiles/import_files.h"
#include "profiles/parquet_format.h"
#include "profiles/parquet_pages.h"
#include "sim/check.h"

namespace headroom {
namespace {

ParquetColumn::Type type_of(ParquetPhysical physical) {
  switch (physical) {
    case ParquetPhysical::boolean:
    case ParquetPhysical::int32:
    case ParquetPhysical::int64:
      return ParquetColumn::Type::integer;
    case ParquetPhysical::float32:
    case ParquetPhysical::float64:
      return ParquetColumn::Type::real;
    case ParquetPhysical::byte_array:
      break;
  }
  return ParquetColumn::Type::text;
}

const char* name_of(ParquetColumn::Type type) {
  return type == ParquetColumn::Type::integer ? "whole numbers"
         : type == ParquetColumn::Type::real  ? "real numbers"
                                              : "texts";
}

/// Names stand in messages of one line.
std::string printable(std::string name) {
  for (char& c : name)
    if (c < ' ' || c > '~') c = '?';
  return name;
}

}  // namespace

ParquetTable::ParquetTable(std::string where, std::size_t rows, std::vector<ParquetColumn> columns)
    : where_(std::move(where)), rows_(rows), columns_(std::move(columns)) {}

const ParquetColumn* ParquetTable::find(std::string_view name) const {
  for (const ParquetColumn& column : columns_)
    if (column.name == name) return &column;
  return nullptr;
}

const ParquetColumn& ParquetTable::whole(std::string_view name, ParquetColumn::Type type) const {
  const ParquetColumn* column = find(name);
  const std::string wanted = "expected a column '" + std::string(name) + "' of " + name_of(type);
  if (column == nullptr) {
    std::string names;
    for (const ParquetColumn& one : columns_) names += (names.empty() ? "" : ", ") + one.name;
    throw InputError(
        where_, wanted + ", got only " + names.substr(0, 300) + "; the table is of another kind");
  }
  if (column->type != type)
    throw InputError(where_,
                     wanted + ", got " + name_of(column->type) + "; the table is of another kind");
  if (!column->valid.empty())
    throw InputError(where_, wanted + " without gaps, got rows without a value; fill or drop them");
  return *column;
}

std::span<const std::int64_t> ParquetTable::integers(std::string_view name) const {
  return whole(name, ParquetColumn::Type::integer).integers;
}

std::span<const double> ParquetTable::reals(std::string_view name) const {
  return whole(name, ParquetColumn::Type::real).reals;
}

const ParquetColumn& ParquetTable::texts(std::string_view name) const {
  return whole(name, ParquetColumn::Type::text);
}

ParquetTable read_parquet(std::span<const std::uint8_t> bytes, const std::string& where) {
  const ParquetFooter footer = read_parquet_footer(bytes, where);
  ParquetAllowance allowance(bytes.size(), where);
  std::vector<ParquetColumn> columns;
  for (std::size_t i = 0; i < footer.columns.size(); ++i) {
    const ParquetSchemaColumn& schema = footer.columns[i];
    for (const ParquetColumn& before : columns)
      if (before.name == printable(schema.name))
        throw InputError(where,
                         "expected columns of different names, got two of one name; "
                         "the file is damaged");
    ParquetColumn column;
    column.name = printable(schema.name);
    column.type = type_of(schema.physical);
    if (column.type == ParquetColumn::Type::text) column.words.emplace_back();
    allowance.reserve(footer.rows, schema, column);
    const std::string place = where + ": column " + std::to_string(i + 1);
    for (const ParquetRowGroup& group : footer.groups)
      decode_parquet_chunk(group.chunks[i], schema, group.rows, allowance, place, column);
    columns.push_back(std::move(column));
  }
  return {where, static_cast<std::size_t>(footer.rows), std::move(columns)};
}

ParquetTable read_parquet(const std::string& path) {
  return read_parquet(read_whole_file(path), path);
}

}  // namespace headroom
