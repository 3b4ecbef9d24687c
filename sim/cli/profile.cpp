// headroom profile import|list|show|export|check|diff: the store of measured kernels.
#include <optional>
#include <string>
#include <vector>

#include "models/device.h"
#include "profiles/commands.h"
#include "sim/check.h"
#include "sim/cli/commands.h"
#include "sim/cli/profile_cross_validate.h"
#include "sim/cli/terminal.h"
#include "sim/quantity_text.h"

namespace headroom {

namespace {

KernelFilter filter_of(const Invocation& call) {
  KernelFilter filter;
  filter.device = call.value("device").value_or("");
  filter.library = call.value("library").value_or("");
  filter.library_version = call.value("library-version").value_or("");
  filter.op = call.value("op").value_or("");
  if (call.has("run")) filter.run = whole_option(call, "run", 1, std::int64_t{1} << 40);
  return filter;
}

/// Peaks as the device catalogue states them; formats without units of their own run at the fp16
/// rate.
std::optional<DevicePeaks> peaks_of(const std::string& name) {
  for (const Device& device : device_catalogue()) {
    if (device.name != name) continue;
    DevicePeaks peaks;
    peaks.bytes_per_second = device.memory_bandwidth.value();
    peaks.link_bytes_per_second = device.link_bandwidth.value();
    for (const DataType type :
         {DataType::fp32, DataType::fp16, DataType::bf16, DataType::fp8, DataType::fp8_static,
          DataType::fp8_block, DataType::int8, DataType::int8_wo, DataType::int4, DataType::mxfp4,
          DataType::mxfp4_fp8, DataType::nvfp4}) {
      peaks.flops_per_second[to_string(type)] = device.peak(type).value();
    }
    return peaks;
  }
  return std::nullopt;
}

}  // namespace

int command_profile_import(const Invocation& call) {
  ImportOptions options;
  options.format = call.value("format").value_or(options.format);
  options.device = call.value("device").value_or("");
  options.origin = call.value("origin").value_or("");
  options.licence = call.value("licence").value_or("");
  options.date = call.value("date").value_or("");
  if (call.has("partial")) options.partial = ImportOptions::Partial::take;
  const std::vector<std::string>& words = call.arguments();
  return profile_import(words.front(), {words.begin() + 1, words.end()}, options, print);
}

int command_profile_list(const Invocation& call) {
  return profile_list(call.arguments().front(), filter_of(call), print);
}

int command_profile_show(const Invocation& call) {
  const std::int64_t rows = call.has("rows") ? whole_option(call, "rows", 0, 1'000'000) : 3;
  return profile_show(call.arguments().front(), filter_of(call), rows, print);
}

int command_profile_export(const Invocation& call) {
  const std::string format = call.value("to").value_or("csv");
  if (format != "csv" && format != "json") {
    throw InputError(
        "--to", "expected csv or json, got " + headroom::quoted(format) + "; choose one of them");
  }
  return profile_export(call.arguments().front(), filter_of(call),
                        format == "json" ? ExportFormat::json : ExportFormat::csv, print);
}

int command_profile_check(const Invocation& call) {
  if (call.has("cross-validate"))
    return profile_cross_validate(call.arguments().front(), filter_of(call), print);
  return profile_check(call.arguments().front(), filter_of(call), peaks_of, print);
}

int command_profile_diff(const Invocation& call) {
  const KernelFilter filter = filter_of(call);
  return profile_diff(call.arguments()[0], filter, call.arguments()[1], filter, print);
}

}  // namespace headroom
