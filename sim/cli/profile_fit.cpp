// headroom profile fit: a store's kernels of one device as a cost pack, with the pack's own error.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "models/device.h"
#include "models/pack_fit.h"
#include "profiles/store.h"
#include "reports/output_file.h"
#include "sim/check.h"
#include "sim/cli/commands.h"
#include "sim/cli/exit_codes.h"
#include "sim/cli/terminal.h"

namespace headroom {
namespace {

/// The device that is asked for, or the only one that the store has.
Device device_of(const Invocation& call, const ProfileStore& store) {
  const std::vector<std::string> devices = store.devices();
  if (const auto name = call.value("device")) return find_device(*name, "--device");
  if (devices.size() == 1) return find_device(devices.front(), call.arguments().front());
  throw InputError(
      "--device",
      fmt::format("expected one of the store's devices ({}), got none; name one",
                  devices.empty() ? "it has none" : fmt::to_string(fmt::join(devices, ", "))));
}

std::string table_line(const PackTable& table) {
  const PackKey& key = table.key;
  std::string sizes;
  if (key.op == PackOp::moe)
    sizes = fmt::format("{} x {} top {}", key.hidden, key.experts, key.topk);
  else if (key.head_dim > 0)
    sizes = fmt::format("head {}{}", key.head_dim, key.windowed ? ", window" : "");
  return fmt::format("{:<13} {:<18} {:<17} {:<22} {:<17} {:>7} {:>6} {:>7.2f} {:>7.2f}\n",
                     table.library, table.version, to_string(key.op),
                     fmt::format("{}/{}", to_string(key.compute), to_string(key.stored)), sizes,
                     table.rows, table.values.size(), table.median_error * 100,
                     table.p90_error * 100);
}

std::string report_of(const Pack& pack, std::size_t bytes) {
  std::string text = fmt::format(
      "Cost pack of {}: {} tables, {:.1f} KiB\nfrom {}\n\n"
      "|pack / measured - 1| over the kernels each table was fitted to, percent\n"
      "{:<13} {:<18} {:<17} {:<22} {:<17} {:>7} {:>6} {:>7} {:>7}\n",
      pack.device, pack.tables.size(), static_cast<double>(bytes) / 1024, pack.source, "library",
      "version", "operator", "formats", "shape", "kernels", "values", "median", "p90");
  for (const PackTable& table : pack.tables) text += table_line(table);
  text += "\nBy operator, mean of tables weighted by kernels\n";
  for (const PackError& one : pack_errors(pack)) {
    text += fmt::format("{:<18} {:>4} tables {:>8} kernels   median {:>5.2f} %   p90 {:>6.2f} %\n",
                        to_string(one.op), one.tables, one.rows, one.median * 100, one.p90 * 100);
  }
  return text;
}

}  // namespace

int command_profile_fit(const Invocation& call) {
  const ProfileStore store(call.arguments().front(), ProfileStore::Mode::read_only);
  const Device device = device_of(call, store);
  const auto path = call.value("output");
  const std::unique_ptr<OutputFile> output = path ? std::make_unique<OutputFile>(*path) : nullptr;
  const Pack pack = fit_device_pack(store, device);
  const std::string text = to_text(pack);
  if (output) {
    output->write(text);
    output->commit();
  }
  if (path != "-") print(report_of(pack, text.size()));
  return kExitYes;
}

}  // namespace headroom
