// What `headroom profile import|list|show|export|check|diff` do, once their arguments are parsed.
//
// Law: text goes to the sink only, in an order that depends on contents alone; nothing but `import`
// writes a store. Each returns the exit code (0 yes, 1 the answer is no, 2 bad input) and throws
// InputError where there is no store to speak of. Cost: as the store's. Not here: options.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "profiles/check.h"
#include "profiles/import.h"
#include "profiles/store.h"

namespace headroom {

using TextSink = std::function<void(std::string_view)>;

/// Which kernels a command speaks of; empty fields accept all.
struct KernelFilter {
  std::string device{}, library{}, library_version{}, op{};
  std::int64_t run = 0;  ///< 0: all
};

enum class ExportFormat : std::uint8_t { csv, json };

/// Peaks of a device by its catalogue name; none: unknown device.
using PeaksOf = std::function<std::optional<DevicePeaks>(const std::string& device)>;

/// Creates the store when absent. 2 when a file could not be read.
int profile_import(const std::string& store, const std::vector<std::string>& paths,
                   const ImportOptions& options, const TextSink& sink);
/// One line a run, and totals.
int profile_list(const std::string& store, const KernelFilter& filter, const TextSink& sink);
/// Each run's origin in full and its kernels by operator and format, with `rows` rows of each.
int profile_show(const std::string& store, const KernelFilter& filter, std::int64_t rows,
                 const TextSink& sink);
/// Every kernel with its run, one a line or object.
int profile_export(const std::string& store, const KernelFilter& filter, ExportFormat format,
                   const TextSink& sink);
/// 1 where a row is faster than the roofline or repeats a shape.
int profile_check(const std::string& store, const KernelFilter& filter, const PeaksOf& peaks,
                  const TextSink& sink);
/// Kernels of two stores, or of two selections of one: shapes only in one, and the ratio of times
/// of shapes in both. 1 where anything differs.
int profile_diff(const std::string& store_a, const KernelFilter& a, const std::string& store_b,
                 const KernelFilter& b, const TextSink& sink);

}  // namespace headroom
