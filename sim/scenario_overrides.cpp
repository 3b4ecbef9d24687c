// `--set path=value` and its kin on a parsed scenario.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "sim/check.h"
#include "sim/quantity_text.h"
#include "sim/scenario_reader.h"

namespace headroom {
namespace {

void mark(JsonNode& node, const ScenarioOverride& change) {
  node.source = change.source;
  node.origin = change.origin;
  for (JsonNode& child : node.children) mark(child, change);
}

JsonNode parse_value(const ScenarioOverride& change) {
  JsonNode value = JsonNode::of_text(change.value);
  if (change.form == OverrideForm::guess) {
    try {
      value = parse_json(change.value, change.origin);
    } catch (const InputError&) {
      // Not JSON: a bare word such as 200 ms or vllm-v1.
    }
  }
  mark(value, change);
  return value;
}

std::vector<std::string> split_path(const ScenarioOverride& change) {
  std::vector<std::string> parts(1);
  for (const char c : change.path) {
    if (c == '.') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  const bool hole =
      std::any_of(parts.begin(), parts.end(), [](const std::string& part) { return part.empty(); });
  if (hole || parts.size() > kMaxJsonDepth / 2) {
    throw InputError(change.origin,
                     fmt::format("expected a dotted path such as workload.rate, got {}; see "
                                 "`headroom schema` for the keys",
                                 headroom::quoted(change.path)));
  }
  return parts;
}

/// What a bare text under a key stands for, as the field tables have it.
const char* short_key(const std::string& name) {
  if (name == "model" || name == "device") return "name";
  return name == "cloud" ? "quality" : "policy";
}

class PathSetter {
 public:
  PathSetter(const ScenarioOverride& change, std::vector<std::string> parts)
      : change_(change), parts_(std::move(parts)), value_(parse_value(change)) {}

  void set(JsonNode& node, std::size_t depth) {
    if (depth == parts_.size()) {
      const std::string name = node.name;
      node = value_;
      node.name = name;
    } else if (node.kind == JsonNode::Kind::array) {
      set_in_list(node, depth);
    } else {
      set_in_object(node, depth);
    }
  }

 private:
  void set_in_object(JsonNode& node, std::size_t depth) {
    if (node.kind != JsonNode::Kind::object) {
      // A policy written as a bare name gains parameters.
      JsonNode wrapped = JsonNode::object();
      wrapped.name = node.name;
      wrapped.source = node.source;
      wrapped.origin = node.origin;
      if (node.kind == JsonNode::Kind::text) {
        JsonNode inner = node;
        wrapped.add(short_key(node.name), std::move(inner));
      }
      node = std::move(wrapped);
    }
    if (depth + 1 == parts_.size() && value_.kind == JsonNode::Kind::null) {
      node.erase(parts_[depth]);  // as if nobody had written it
      return;
    }
    JsonNode* child = node.find(parts_[depth]);
    if (child == nullptr) {
      if (node.children.size() >= kMaxJsonKeys) {
        throw InputError(change_.origin, "expected room for one more key, got none; remove some");
      }
      JsonNode fresh = JsonNode::object();
      mark(fresh, change_);
      child = &node.add(parts_[depth], std::move(fresh));
    }
    set(*child, depth + 1);
  }

  void set_in_list(JsonNode& node, std::size_t depth) {
    const std::string& part = parts_[depth];
    if (part == "*") {
      for (JsonNode& child : node.children) set(child, depth + 1);
      return;
    }
    std::size_t index = 0;
    const auto [stop, error] = std::from_chars(part.data(), part.data() + part.size(), index);
    if (error == std::errc() && stop == part.data() + part.size()) {
      if (index < node.children.size()) return set(node.children[index], depth + 1);
    } else {
      for (JsonNode& child : node.children) {
        const JsonNode* name = child.find("name");
        if (name != nullptr && name->text == part) return set(child, depth + 1);
      }
      if (node.children.size() == 1) return set(node.children.front(), depth);
    }
    throw InputError(
        change_.origin,
        fmt::format("expected the name or the index (below {}) of an entry of {}, got "
                    "{}; * means all",
                    node.children.size(), headroom::quoted(node.name), headroom::quoted(part)));
  }

  const ScenarioOverride& change_;
  std::vector<std::string> parts_;
  JsonNode value_;
};

}  // namespace

void apply_override(JsonNode& root, const ScenarioOverride& change) {
  if (root.kind != JsonNode::Kind::object) return;  // read_scenario says what is wrong with it
  PathSetter(change, split_path(change)).set(root, 0);
}

}  // namespace headroom
