#include "profiles/import_rows.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <utility>

#include "sim/check.h"

namespace headroom {

void order_rows(ImportTable& table) {
  std::vector<KernelRow>& rows = table.rows;
  const auto less = [](const KernelRow& a, const KernelRow& b) { return a.shape < b.shape; };
  // Most files are in key order already; sorting pointers moves each row once.
  if (std::is_sorted(rows.begin(), rows.end(), less)) return;
  std::vector<KernelRow*> order;
  order.reserve(rows.size());
  for (KernelRow& row : rows) order.push_back(&row);
  std::stable_sort(order.begin(), order.end(),
                   [](const KernelRow* a, const KernelRow* b) { return a->shape < b->shape; });
  std::vector<KernelRow> sorted;
  sorted.reserve(rows.size());
  for (KernelRow* row : order) sorted.push_back(std::move(*row));
  rows = std::move(sorted);
}

std::int64_t store_table(ProfileStore& store, const ImportTable& table) {
  ProfileStore::Transaction transaction(store);
  const std::int64_t run = store.insert_run(table.run);
  const std::vector<KernelRow>& rows = table.rows;
  std::int64_t again = 0;
  int number = 1;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    number = i > 0 && rows[i].shape == rows[i - 1].shape ? number + 1 : 1;
    if (number == 1) {
      store.insert_kernel(run, rows[i]);
      continue;
    }
    ++again;
    KernelRow marked = rows[i];
    marked.shape.variant += '#' + std::to_string(number);
    store.insert_kernel(run, marked);
  }
  transaction.commit();
  return again;
}

void add_row(ImportTable& table, const KernelShape& shape, const KernelTimes& times,
             const std::string& where, std::size_t line) {
  if (!(times.median_ns >= 0) || std::isinf(times.median_ns))
    throw InputError(where + ": row " + std::to_string(line),
                     "expected a time of zero or more, got " + std::to_string(times.median_ns) +
                         " ns; correct the file or drop the row");
  if (times.median_ns == 0)
    ++table.without_time;
  else
    table.rows.push_back({shape, times});
}

void add_note(std::string& notes, const std::string& note) {
  if (!notes.empty()) notes += "; ";
  notes += note;
}

std::string device_name(std::string_view name) {
  // The catalogue's names differ from what the published trees say.
  static constexpr std::array<std::pair<const char*, const char*>, 8> kOthers{{
      {"a100", "a100-80g-sxm"},
      {"a100-sxm", "a100-80g-sxm"},
      {"a100-pcie", "a100-80g-pcie"},
      {"h100", "h100-sxm"},
      {"h200", "h200-sxm"},
      {"rtx4090", "rtx-4090"},
      {"rtxpro6000", "rtx-pro-6000"},
      {"rtx-pro-6000-server", "rtx-pro-6000"},
  }};
  std::string text;
  for (const char c : name)
    text += c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const auto& [other, ours] : kOthers)
    if (text == other) return ours;
  return text;
}

NumberFormats number_formats(const std::string& name, const std::string& where) {
  struct Known {
    const char *name, *compute, *stored;
  };
  // AIConfigurator's names. fp8 quantises activations within the kernel; fp8_block has a scale for
  // each 128 x 128 weights; sq is SmoothQuant, whose times contradict the label (check flags them).
  static constexpr std::array<Known, 16> kKnown{{
      {"bfloat16", "bf16", "bf16"},
      {"bf16", "bf16", "bf16"},
      {"float16", "fp16", "fp16"},
      {"half", "fp16", "fp16"},
      {"float32", "fp32", "fp32"},
      {"fp8", "fp8", "fp8"},
      {"fp8_block", "fp8_block", "fp8_block"},
      {"int8", "int8", "int8"},
      {"int8_wo", "bf16", "int8"},
      {"int4_wo", "bf16", "int4"},
      {"sq", "sq", "sq"},
      {"nvfp4", "nvfp4", "nvfp4"},
      {"w4afp8", "fp8", "int4"},
      {"w4a16_mxfp4", "bf16", "mxfp4"},
      {"w4a8_mxfp4_mxfp8", "mxfp8", "mxfp4"},
      {"w4a4_mxfp4", "mxfp4", "mxfp4"},
  }};
  for (const Known& known : kKnown)
    if (name == known.name) return {known.compute, known.stored};
  std::string names;
  for (const Known& known : kKnown) names += std::string(names.empty() ? "" : ", ") + known.name;
  throw InputError(where, "expected a number format (" + names + "), got '" + name.substr(0, 40) +
                              "'; a newer headroom may know it");
}

std::vector<std::string> parts_from_end(const std::string& path) {
  std::vector<std::string> parts;
  std::string part;
  for (const char c : path) {
    if (c != '/') {
      part += c;
      continue;
    }
    if (!part.empty()) parts.push_back(part);
    part.clear();
  }
  if (!part.empty()) parts.push_back(part);
  std::reverse(parts.begin(), parts.end());
  return parts;
}

}  // namespace headroom
