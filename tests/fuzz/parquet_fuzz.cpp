// links: profiles
// Any bytes, read as a Parquet table, give columns of one length or an InputError of one line.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "profiles/parquet.h"
#include "sim/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace headroom;
  try {
    const ParquetTable table = read_parquet({data, size}, "fuzz");
    for (const ParquetColumn& column : table.columns()) {
      const std::size_t values = column.integers.size() + column.reals.size() + column.codes.size();
      SIM_CHECK(values == table.rows(), "every column has a value for each row");
      SIM_CHECK(column.valid.empty() || column.valid.size() == table.rows(),
                "every row is present or not");
      for (const std::uint32_t code : column.codes)
        SIM_CHECK(code < column.words.size(), "every text is among the words");
    }
  } catch (const InputError& error) {
    SIM_CHECK(std::string_view(error.what()).find('\n') == std::string_view::npos,
              "an error is one line");
  }
  return 0;
}
