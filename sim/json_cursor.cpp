#include "sim/json_cursor.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "sim/check.h"
#include "sim/quantity_text.h"

namespace headroom {
namespace {

/// Largest integer that every reader of our JSON holds exactly.
constexpr std::int64_t kLargestExact = std::int64_t{1} << 53;

std::string bounds_text(double least, double most) {
  if (least <= std::numeric_limits<double>::lowest() &&
      most >= std::numeric_limits<double>::max()) {
    return "";
  }
  if (most >= std::numeric_limits<double>::max()) return fmt::format(" of at least {}", least);
  return fmt::format(" from {} to {}", least, most);
}

JsonNode number_schema(const char* type, double least, double most) {
  JsonNode schema = JsonNode::object();
  schema.add("type", JsonNode::of_text(type));
  if (least > std::numeric_limits<double>::lowest()) {
    schema.add("minimum", JsonNode::of_number(fmt::format("{}", least)));
  }
  if (most < std::numeric_limits<double>::max()) {
    schema.add("maximum", JsonNode::of_number(fmt::format("{}", most)));
  }
  return schema;
}

/// A number as a double; nothing where it is no finite number.
std::optional<double> to_double(const JsonNode& node) {
  if (node.kind != JsonNode::Kind::number) return std::nullopt;
  double value = 0;
  const char* end = node.text.data() + node.text.size();
  const auto [stop, error] = std::from_chars(node.text.data(), end, value);
  if (error != std::errc() || stop != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

}  // namespace

JsonCursor JsonCursor::reading(JsonDocument& document, const JsonNode& root) {
  if (root.kind != JsonNode::Kind::object) {
    throw InputError(document.file + ": /", "expected an object {...}, got " + found(root) +
                                                "; start from a bundled scenario");
  }
  return {document, &root, nullptr, ""};
}

JsonCursor JsonCursor::describing(JsonDocument& document, JsonNode& schema) {
  schema.kind = JsonNode::Kind::object;
  schema.add("type", JsonNode::of_text("object"));
  schema.add("additionalProperties", JsonNode::of_flag("false"));
  schema.add("properties", JsonNode::object());
  return {document, nullptr, &schema, ""};
}

std::string JsonCursor::pointer_of(std::string_view name) const {
  return name == short_key_ ? pointer_ : pointer_ + "/" + std::string(name);
}

bool JsonCursor::has(std::string_view name) const {
  return node_ != nullptr && node_->find(name) != nullptr;
}

std::string JsonCursor::place() const {
  return document_.file + ": " + (pointer_.empty() ? "/" : pointer_);
}

std::string JsonCursor::place(std::string_view name) const {
  const JsonNode* node = node_ == nullptr ? nullptr : node_->find(name);
  const std::string& origin =
      node == nullptr || node->origin.empty() ? document_.file : node->origin;
  return origin + ": " + pointer_of(name);
}

JsonCursor::Member JsonCursor::member(std::string_view name, std::string_view meaning) {
  names_.emplace_back(name);
  Member out;
  out.node = node_ == nullptr ? nullptr : node_->find(name);
  out.pointer = pointer_ + "/" + std::string(name);  // canonical: a short form equals the long one
  out.place = place(name);
  const bool required = std::exchange(required_, false);
  if (required && out.node == nullptr && !describing()) {
    throw InputError(place(),
                     fmt::format("expected the key \"{}\" ({}), got none; add it", name, meaning));
  }
  if (required && describing()) {
    JsonNode* list = schema_->find("required");
    if (list == nullptr) list = &schema_->add("required", JsonNode::array());
    list->children.push_back(JsonNode::of_text(std::string(name)));
  }
  return out;
}

JsonNode& JsonCursor::describe(std::string_view name, std::string_view meaning, JsonNode schema) {
  schema.add("description", JsonNode::of_text(std::string(meaning)));
  JsonNode* properties = schema_->find("properties");
  if (JsonNode* known = properties->find(name); known != nullptr) return *known;
  return properties->add(std::string(name), std::move(schema));
}

void JsonCursor::note(const Member& member, std::string value) {
  ExplainedValue explained{member.pointer, std::move(value), ValueSource::built_in, {}};
  if (member.node != nullptr) {
    explained.source = member.node->source;
    explained.origin = member.node->origin;
  }
  document_.values.push_back(std::move(explained));
}

void JsonCursor::scalar(std::string_view name, std::string_view meaning, JsonNode schema,
                        const Show& show, const Parse& parse) {
  const Member at = member(name, meaning);
  if (describing()) {
    const std::string shown = show();
    if (!shown.empty()) {
      const JsonNode* type = schema.find("type");
      const bool numeric = type != nullptr && (type->text == "integer" || type->text == "number");
      schema.add("default", numeric ? JsonNode::of_number(shown)
                            : type != nullptr && type->text == "boolean"
                                ? JsonNode::of_flag(shown)
                                : JsonNode::of_text(shown));
    }
    describe(name, meaning, std::move(schema));
    return;
  }
  if (at.node != nullptr) parse(at);
  note(at, show());
}

void JsonCursor::text(std::string_view name, std::string& value, std::string_view meaning) {
  JsonNode schema = JsonNode::object();
  schema.add("type", JsonNode::of_text("string"));
  scalar(
      name, meaning, std::move(schema), [&] { return value; },
      [&](const Member& at) {
        if (at.node->kind != JsonNode::Kind::text) {
          throw InputError(at.place, fmt::format("expected a text ({}), got {}; put it in quotes",
                                                 meaning, found(*at.node)));
        }
        constexpr std::size_t kLongest = 4096;
        const bool control = std::any_of(at.node->text.begin(), at.node->text.end(), [](char c) {
          return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
        });
        if (at.node->text.size() > kLongest || control) {
          throw InputError(at.place,
                           fmt::format("expected a text of at most {} characters without control "
                                       "characters, got {}; shorten it",
                                       kLongest, found(*at.node)));
        }
        value = at.node->text;
      });
}

void JsonCursor::choice(std::string_view name, std::string& value,
                        const std::vector<std::string>& choices, std::string_view meaning) {
  JsonNode schema = JsonNode::object();
  JsonNode& options = schema.add("enum", JsonNode::array());
  for (const std::string& choice : choices) options.children.push_back(JsonNode::of_text(choice));
  scalar(
      name, meaning, std::move(schema), [&] { return value; },
      [&](const Member& at) {
        if (at.node->kind == JsonNode::Kind::text &&
            std::find(choices.begin(), choices.end(), at.node->text) != choices.end()) {
          value = at.node->text;
          return;
        }
        const std::string nearest =
            at.node->kind == JsonNode::Kind::text ? nearest_name(at.node->text, choices) : "";
        throw InputError(
            at.place,
            fmt::format(
                "expected one of {}, got {}; {}", fmt::join(choices, ", "), found(*at.node),
                nearest.empty() ? "choose one of them" : "did you mean \"" + nearest + "\"?"));
      });
}

void JsonCursor::flag(std::string_view name, bool& value, std::string_view meaning) {
  JsonNode schema = JsonNode::object();
  schema.add("type", JsonNode::of_text("boolean"));
  scalar(
      name, meaning, std::move(schema), [&] { return value ? "true" : "false"; },
      [&](const Member& at) {
        if (at.node->kind != JsonNode::Kind::boolean) {
          throw InputError(at.place, "expected true or false, got " + found(*at.node) +
                                         "; write one of the two without quotes");
        }
        value = at.node->text == "true";
      });
}

void JsonCursor::optional_count(std::string_view name, std::optional<std::int64_t>& value,
                                std::int64_t least, std::int64_t most, std::string_view meaning) {
  scalar(
      name, meaning,
      number_schema("integer", static_cast<double>(least), static_cast<double>(most)),
      [&] { return value ? fmt::format("{}", *value) : std::string(); },
      [&](const Member& at) {
        const std::optional<double> real = to_double(*at.node);
        if (!real || *real != std::floor(*real) || *real < static_cast<double>(least) ||
            *real > static_cast<double>(most)) {
          throw InputError(at.place, fmt::format("expected an integer from {} to {}, got {}; {}",
                                                 least, most, found(*at.node),
                                                 at.node->kind == JsonNode::Kind::text
                                                     ? "write it without quotes and unit"
                                                     : std::string(meaning)));
        }
        // Up to 2^53 the double is exact; beyond it the digits are.
        std::int64_t exact = static_cast<std::int64_t>(*real);
        if (std::abs(*real) > static_cast<double>(kLargestExact)) {
          const std::string& digits = at.node->text;
          std::int64_t parsed = 0;
          const auto [stop, error] =
              std::from_chars(digits.data(), digits.data() + digits.size(), parsed);
          if (error == std::errc() && stop == digits.data() + digits.size()) exact = parsed;
        }
        value = exact;
      });
}

void JsonCursor::count(std::string_view name, std::int64_t& value, std::int64_t least,
                       std::int64_t most, std::string_view meaning) {
  std::optional<std::int64_t> raw = value;
  optional_count(name, raw, least, most, meaning);
  value = *raw;
}

void JsonCursor::count(std::string_view name, std::uint64_t& value, std::int64_t least,
                       std::int64_t most, std::string_view meaning) {
  std::optional<std::int64_t> raw = static_cast<std::int64_t>(value);
  optional_count(name, raw, least, most, meaning);
  value = static_cast<std::uint64_t>(*raw);
}

void JsonCursor::number(std::string_view name, double& value, double least, double most,
                        std::string_view meaning) {
  scalar(
      name, meaning, number_schema("number", least, most), [&] { return fmt::format("{}", value); },
      [&](const Member& at) {
        const std::optional<double> real = to_double(*at.node);
        if (!real || *real < least || *real > most) {
          throw InputError(at.place, fmt::format("expected a number{}, got {}; {}",
                                                 bounds_text(least, most), found(*at.node),
                                                 at.node->kind == JsonNode::Kind::text
                                                     ? "write it without quotes"
                                                     : std::string(meaning)));
        }
        value = *real;
      });
}

void JsonCursor::numbers(std::string_view name, std::vector<double>& values,
                         std::string_view meaning) {
  constexpr std::size_t kMost = 100'000;
  JsonNode schema = JsonNode::object();
  schema.add("type", JsonNode::of_text("array"));
  schema.add("items", number_schema("number", 0, std::numeric_limits<double>::max()));
  const auto show = [&] {
    return describing() ? "" : fmt::format("[{}]", fmt::join(values, ", "));
  };
  scalar(name, meaning, std::move(schema), show, [&](const Member& at) {
    if (at.node->kind != JsonNode::Kind::array || at.node->children.empty() ||
        at.node->children.size() > kMost) {
      throw InputError(at.place, fmt::format("expected a list of 1 to {} numbers, got {}; {}",
                                             kMost, found(*at.node), meaning));
    }
    values.clear();
    for (std::size_t i = 0; i < at.node->children.size(); ++i) {
      const JsonNode& item = at.node->children[i];
      const std::optional<double> real = to_double(item);
      if (!real || *real < 0) {
        throw InputError(
            fmt::format("{}/{}", at.place, i),
            fmt::format("expected a number of at least 0, got {}; {}", found(item), meaning));
      }
      values.push_back(*real);
    }
  });
}

void JsonCursor::quantity(
    std::string_view name, std::string_view meaning, const std::string& example, const Show& show,
    const std::function<void(const std::string&, const std::string&)>& parse) {
  JsonNode schema = JsonNode::object();
  schema.add("type", JsonNode::of_text("string"));
  schema.add("pattern", JsonNode::of_text("^\\s*[0-9.]+([eE][+-]?[0-9]+)?\\s*[A-Za-z/$]+.*$"));
  JsonNode& examples = schema.add("examples", JsonNode::array());
  examples.children.push_back(JsonNode::of_text(example));
  scalar(name, meaning, std::move(schema), show, [&](const Member& at) {
    if (at.node->kind != JsonNode::Kind::text) {
      throw InputError(
          at.place,
          fmt::format("expected a quantity with its unit such as \"{}\", got {}; {}", example,
                      found(*at.node),
                      at.node->kind == JsonNode::Kind::number ? "write the unit, in quotes"
                                                              : "write number and unit in quotes"));
    }
    parse(at.node->text, at.place);
  });
}

void JsonCursor::duration(std::string_view name, std::optional<Duration>& value, Duration least,
                          std::string_view meaning) {
  quantity(
      name, meaning, "200 ms", [&] { return value ? to_text(*value) : ""; },
      [&](const std::string& text, const std::string& where) {
        const Duration parsed = parse_duration(text, where);
        if (parsed < least) {
          throw InputError(where, fmt::format("expected a duration of at least {}, got {}; {}",
                                              to_text(least), headroom::quoted(text), meaning));
        }
        value = parsed;
      });
}

void JsonCursor::seconds(std::string_view name, double& value, std::string_view meaning) {
  quantity(
      name, meaning, "2 s", [&] { return to_text(duration_from_seconds(value)); },
      [&](const std::string& text, const std::string& where) {
        value = parse_duration(text, where).as_double() / 1e9;
      });
}

void JsonCursor::bytes(std::string_view name, Bytes& value, std::string_view meaning) {
  quantity(
      name, meaning, "4 GiB", [&] { return to_text(value); },
      [&](const std::string& text, const std::string& where) { value = parse_bytes(text, where); });
}

void JsonCursor::bytes(std::string_view name, std::optional<Bytes>& value,
                       std::string_view meaning) {
  quantity(
      name, meaning, "4 GiB", [&] { return value ? to_text(*value) : ""; },
      [&](const std::string& text, const std::string& where) { value = parse_bytes(text, where); });
}

void JsonCursor::bandwidth(std::string_view name, BytesPerSecond& value, std::string_view meaning) {
  quantity(
      name, meaning, "50 GB/s", [&] { return to_text(value); },
      [&](const std::string& text, const std::string& where) {
        value = parse_bandwidth(text, where);
      });
}

void JsonCursor::rate(std::string_view name, PerSecond& value, std::string_view meaning) {
  quantity(
      name, meaning, "8 /s", [&] { return to_text(value); },
      [&](const std::string& text, const std::string& where) { value = parse_rate(text, where); });
}

void JsonCursor::price(std::string_view name, std::optional<UsdPerHour>& value,
                       std::string_view meaning) {
  quantity(
      name, meaning, "2.5 USD/h", [&] { return value ? to_text(*value) : ""; },
      [&](const std::string& text, const std::string& where) { value = parse_price(text, where); });
}

void JsonCursor::raw(
    std::string_view name, const std::string& default_text, JsonNode schema,
    const std::function<void(const std::string& text, const std::string& place)>& take) {
  std::string shown = default_text;
  const JsonNode* description = schema.find("description");
  const std::string meaning = description == nullptr ? "" : description->text;
  schema.erase("description");
  scalar(
      name, meaning, std::move(schema), [&] { return shown; },
      [&](const Member& at) {
        const JsonNode::Kind kind = at.node->kind;
        if (kind != JsonNode::Kind::text && kind != JsonNode::Kind::number &&
            kind != JsonNode::Kind::boolean) {
          throw InputError(at.place,
                           fmt::format("expected a single value ({}), got {}; write a number, "
                                       "a text or true or false",
                                       meaning, found(*at.node)));
        }
        take(at.node->text, at.place);
        shown = at.node->text;
      });
}

void JsonCursor::object(std::string_view name, std::string_view short_key, std::string_view meaning,
                        const Fields& fields) {
  const Member at = member(name, meaning);
  if (describing()) {
    JsonNode& slot = describe(name, meaning, JsonNode::object());
    JsonNode inner;
    JsonCursor nested = describing(document_, inner);
    fields(nested);
    if (short_key.empty()) {
      for (JsonNode& part : inner.children) slot.children.push_back(std::move(part));
    } else {
      JsonNode& forms = slot.add("anyOf", JsonNode::array());
      if (const JsonNode* brief = inner.find("properties")->find(short_key); brief != nullptr) {
        forms.children.push_back(*brief);
      }
      forms.children.push_back(std::move(inner));
    }
    return;
  }
  JsonCursor nested(document_, at.node, nullptr, pointer_of(name));
  if (at.node != nullptr && at.node->kind != JsonNode::Kind::object) {
    const bool scalar_value =
        at.node->kind != JsonNode::Kind::array && at.node->kind != JsonNode::Kind::null;
    if (short_key.empty() || !scalar_value) {
      throw InputError(at.place, fmt::format("expected an object ({}), got {}; write {{...}}",
                                             meaning, found(*at.node)));
    }
    JsonNode wrapped = JsonNode::object();
    wrapped.add(std::string(short_key), *at.node);
    document_.wrapped.push_back(std::move(wrapped));
    nested.node_ = &document_.wrapped.back();
    nested.short_key_ = std::string(short_key);
  }
  fields(nested);
  nested.finish();
}

bool JsonCursor::optional_object(std::string_view name, std::string_view short_key,
                                 std::string_view meaning, const Fields& fields) {
  if (describing() || has(name)) {
    object(name, short_key, meaning, fields);
    return !describing();
  }
  note(member(name, meaning), "");
  return false;
}

void JsonCursor::list(std::string_view name, std::size_t least, std::size_t most,
                      std::string_view meaning,
                      const std::function<void(JsonCursor&, std::size_t)>& item) {
  const Member at = member(name, meaning);
  if (describing()) {
    JsonNode schema = JsonNode::object();
    schema.add("type", JsonNode::of_text("array"));
    schema.add("minItems", JsonNode::of_number(fmt::format("{}", least)));
    schema.add("maxItems", JsonNode::of_number(fmt::format("{}", most)));
    JsonNode inner;
    JsonCursor nested = describing(document_, inner);
    item(nested, 0);
    schema.add("items", std::move(inner));
    describe(name, meaning, std::move(schema));
    return;
  }
  if (at.node == nullptr) return;
  if (at.node->kind != JsonNode::Kind::array || at.node->children.size() < least ||
      at.node->children.size() > most) {
    throw InputError(
        at.place, fmt::format("expected a list of {} to {} objects ({}), got {}; write [{{...}}]",
                              least, most, meaning,
                              at.node->kind == JsonNode::Kind::array
                                  ? fmt::format("{} of them", at.node->children.size())
                                  : found(*at.node)));
  }
  for (std::size_t i = 0; i < at.node->children.size(); ++i) {
    const JsonNode& child = at.node->children[i];
    const std::string pointer = fmt::format("{}/{}", at.pointer, i);
    if (child.kind != JsonNode::Kind::object) {
      throw InputError(
          document_.file + ": " + pointer,
          fmt::format("expected an object ({}), got {}; write {{...}}", meaning, found(child)));
    }
    JsonCursor nested(document_, &child, nullptr, pointer);
    item(nested, i);
    nested.finish();
  }
}

void JsonCursor::finish() {
  if (node_ == nullptr) return;
  for (const JsonNode& child : node_->children) {
    if (std::find(names_.begin(), names_.end(), child.name) != names_.end()) continue;
    const std::string nearest = nearest_name(child.name, names_);
    const std::string place =
        (child.origin.empty() ? document_.file : child.origin) + ": " + pointer_ + "/";
    // A key may hold anything; headroom::quoted() keeps the line one line.
    const std::string shown = headroom::quoted(child.name);
    throw InputError(
        place + shown.substr(1, shown.size() - 2),
        fmt::format("expected a known key, got {}; {}", shown,
                    nearest.empty() ? fmt::format("known here: {}", fmt::join(names_, ", "))
                                    : "did you mean \"" + nearest + "\"?"));
  }
}

}  // namespace headroom
