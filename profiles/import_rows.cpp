#include "profiles/import_rows.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <iterator>
#include <utility>

#include "sim/check.h"

namespace headroom {

std::vector<KernelPoint>& ImportTable::points_of(const KernelShape& shape) {
  // Files list a series' rows together, or go through all series again and again.
  for (int tried = 0; tried < 2 && last_ < series_.size(); ++tried) {
    if (compare_series(series_[last_].shape, shape) == 0) return series_[last_].points;
    last_ = last_ + 1 < series_.size() ? last_ + 1 : 0;
  }
  const auto [entry, is_new] = known_.try_emplace(shape, series_.size());
  if (is_new) series_.push_back({shape, {}});
  last_ = entry->second;
  return series_[last_].points;
}

void ImportTable::add(const KernelShape& shape, const KernelTimes& times) {
  KernelPoint& point = points_of(shape).emplace_back();
  for (std::size_t i = 0; i < kSizeNumbers.size(); ++i) point.sizes[i] = shape.*kSizeNumbers[i];
  point.times = times;
  ++rows_;
}

std::int64_t ImportTable::order() {
  const auto before = [](const KernelPoint& a, const KernelPoint& b) { return a.sizes < b.sizes; };
  const auto alike = [](const KernelPoint& a, const KernelPoint& b) { return a.sizes == b.sizes; };
  std::vector<ImportSeries> further;
  std::int64_t again = 0;
  for (ImportSeries& series : series_) {
    std::vector<KernelPoint>& points = series.points;
    if (!std::is_sorted(points.begin(), points.end(), before))
      std::stable_sort(points.begin(), points.end(), before);
    if (std::adjacent_find(points.begin(), points.end(), alike) == points.end()) continue;
    std::vector<KernelPoint> first;
    std::map<int, std::vector<KernelPoint>> later;
    int number = 1;
    for (const KernelPoint& point : points) {
      number = !first.empty() && alike(first.back(), point) ? number + 1 : 1;
      (number == 1 ? first : later[number]).push_back(point);
    }
    points = std::move(first);
    for (auto& [mark, own] : later) {
      again += static_cast<std::int64_t>(own.size());
      further.push_back({series.shape, std::move(own)});
      further.back().shape.variant += '#' + std::to_string(mark);
    }
  }
  std::move(further.begin(), further.end(), std::back_inserter(series_));
  std::sort(series_.begin(), series_.end(), [](const ImportSeries& a, const ImportSeries& b) {
    return compare_series(a.shape, b.shape) < 0;
  });
  return again;
}

void store_table(ProfileStore& store, const ImportTable& table) {
  ProfileStore::Transaction transaction(store);
  const std::int64_t run = store.insert_run(table.run);
  for (const ImportSeries& series : table.series())
    store.insert_series(run, series.shape, series.points);
  transaction.commit();
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
    table.add(shape, times);
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
