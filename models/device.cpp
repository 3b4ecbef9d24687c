#include "models/device.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <optional>
#include <utility>

#include "models/config_json.h"
#include "sim/check.h"
#include "sim/json_cursor.h"
#include "sim/quantity_text.h"
#include "sim/scenario_json.h"

namespace headroom {
namespace {

const std::array<std::string, 4> kInterconnects{"pcie", "nvlink-bridge", "nvswitch",
                                                "infinity-fabric"};

/// Names people use for one of several variants: the one most clusters have.
constexpr std::array<std::pair<const char*, const char*>, 14> kAliases{{
    {"a100", "a100-80g-sxm"},
    {"a100-40g", "a100-40g-sxm"},
    {"a100-40gb", "a100-40g-sxm"},
    {"a100-80g", "a100-80g-sxm"},
    {"a100-80gb", "a100-80g-sxm"},
    {"a100-sxm", "a100-80g-sxm"},
    {"a100-pcie", "a100-80g-pcie"},
    {"h100", "h100-sxm"},
    {"h100-80gb", "h100-sxm"},
    {"h200", "h200-sxm"},
    {"b200", "b200-sxm"},
    {"rtx4090", "rtx-4090"},
    {"4090", "rtx-4090"},
    {"rtx-pro-6000-server", "rtx-pro-6000"},
}};

std::string lower_name(std::string_view text) {
  std::string name(text.substr(0, 200));
  for (char& c : name) {
    c = c == '_' || c == ' ' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  for (const auto& [alias, full] : kAliases) {
    if (name == alias) return full;
  }
  return name;
}

const Device* catalogue_entry(std::string_view text) {
  const std::string name = lower_name(text);
  for (const Device& device : device_catalogue()) {
    if (device.name == name) return &device;
  }
  return nullptr;
}

InputError unknown_device(std::string_view text, const std::string& where) {
  std::vector<std::string> names;
  for (const Device& device : device_catalogue()) names.push_back(device.name);
  return InputError(where, "expected a known device or the path of a device file, got " +
                               headroom::quoted(text) + did_you_mean(lower_name(text), names) +
                               "; `headroom list devices` names them");
}

/// Reads a quantity written as text with a unit.
template <class Quantity, class Parse>
void read_quantity(JsonCursor& cursor, std::string_view name, Quantity& value, Parse parse) {
  cursor.raw(
      name, to_text(value), JsonNode::object(),
      [&](const std::string& text, const std::string& place) { value = parse(text, place); });
}

void read_rates(JsonCursor& cursor, Device& device) {
  read_quantity(cursor, "fp32", device.fp32, parse_flop_rate);
  read_quantity(cursor, "fp16", device.fp16, parse_flop_rate);
  read_quantity(cursor, "fp8", device.fp8, parse_flop_rate);
  read_quantity(cursor, "int8", device.int8, parse_flop_rate);
  read_quantity(cursor, "fp4", device.fp4, parse_flop_rate);
}

void read_fields(JsonCursor& cursor, Device& device) {
  cursor.text("name", device.name, "name in reports");
  cursor.text("vendor", device.vendor, "maker");
  cursor.text("title", device.title, "full product name");
  const Bytes before = device.nominal_memory;
  cursor.bytes("nominal_memory", device.nominal_memory, "memory as sold");
  if (device.nominal_memory != before) device.usable_memory = device.nominal_memory;
  cursor.bytes("usable_memory", device.usable_memory, "memory as the driver reports it");
  cursor.bandwidth("memory_bandwidth", device.memory_bandwidth, "memory bandwidth");
  read_rates(cursor, device);
  std::string interconnect = to_string(device.interconnect);
  const std::vector<std::string> kinds(kInterconnects.begin(), kInterconnects.end());
  cursor.choice("interconnect", interconnect, kinds, "what joins the devices of a node");
  const auto kind = std::find(kInterconnects.begin(), kInterconnects.end(), interconnect);
  device.interconnect = static_cast<InterconnectKind>(kind - kInterconnects.begin());
  cursor.bandwidth("link_bandwidth", device.link_bandwidth, "to the node's devices, per direction");
  cursor.bandwidth("pcie_bandwidth", device.pcie_bandwidth, "to the host, per direction");
  cursor.count("usual_node_size", device.usual_node_size, 1, 1'024, "devices of one node");
  read_quantity(cursor, "tdp", device.tdp, parse_power);
  read_quantity(cursor, "idle", device.idle, parse_power);
  std::optional<UsdPerHour> price = device.price.hour;
  cursor.price("price", price, "price of one device and hour");
  if (price) device.price.hour = *price;
  cursor.text("price_source", device.price.source, "where the price comes from");
  cursor.text("price_date", device.price.date, "year and month of the price");
  cursor.text("source", device.source, "where the figures come from");
}

void check_device(const Device& device, const std::string& file) {
  const auto require_positive = [&](double value, const char* key, const char* example) {
    if (value > 0) return;
    throw InputError(file + ": /" + key, std::string("expected more than 0, such as \"") + example +
                                             "\", got nothing; or start from a known device with "
                                             "\"base\"");
  };
  require_positive(device.nominal_memory.as_double(), "nominal_memory", "80 GiB");
  require_positive(device.memory_bandwidth.value(), "memory_bandwidth", "3.35 TB/s");
  require_positive(device.fp16.value(), "fp16", "989 TFLOP/s");
  require_positive(device.tdp.value(), "tdp", "700 W");
  if (device.usable_memory > device.nominal_memory) {
    throw InputError(file + ": /usable_memory", "expected at most nominal_memory " +
                                                    to_text(device.nominal_memory) + ", got " +
                                                    to_text(device.usable_memory));
  }
  if (device.idle > device.tdp) {
    throw InputError(file + ": /idle", "expected at most tdp " + to_text(device.tdp) + ", got " +
                                           to_text(device.idle));
  }
}

bool is_file(const std::string& text) {
  std::error_code error;
  return text.ends_with(".json") || std::filesystem::exists(text, error);
}

}  // namespace

const char* to_string(InterconnectKind kind) {
  return kInterconnects[static_cast<std::size_t>(kind)].c_str();
}

FlopsPerSecond Device::peak(DataType type) const {
  switch (type) {
    case DataType::fp32:
      return fp32;
    case DataType::fp8:
    case DataType::fp8_static:
    case DataType::fp8_block:
      return fp8.value() > 0 ? fp8 : fp16;
    case DataType::nvfp4:
      return fp4.value() > 0 ? fp4 : fp16;
    case DataType::int8:
      return int8.value() > 0 ? int8 : fp16;
    case DataType::fp16:
    case DataType::bf16:
    case DataType::int4:
    case DataType::mxfp4:
    case DataType::mxfp4_fp8:
    case DataType::int8_wo:
      return fp16;
  }
  return fp16;
}

Device find_device(const std::string& name_or_path, const std::string& where) {
  if (const Device* known = catalogue_entry(name_or_path)) return *known;
  if (is_file(name_or_path)) {
    return parse_device_json(read_small_file(name_or_path), name_or_path);
  }
  throw unknown_device(name_or_path, where);
}

Device parse_device_json(std::string_view text, const std::string& file) {
  const JsonNode root = parse_json(text, file);
  JsonDocument document;
  document.file = file;
  JsonCursor cursor = JsonCursor::reading(document, root);
  std::string base;
  cursor.text("base", base, "known device whose figures hold where none are given");
  Device device;
  device.name = file;
  if (!base.empty()) {
    const Device* known = catalogue_entry(base);
    if (known == nullptr) throw unknown_device(base, file + ": /base");
    device = *known;
  }
  read_fields(cursor, device);
  cursor.finish();
  check_device(device, file);
  return device;
}

}  // namespace headroom
