// Lists of texts, the part of sim/json_cursor.h that stands alone.
#include <fmt/format.h>

#include <algorithm>

#include "sim/check.h"
#include "sim/json_cursor.h"

namespace headroom {

void JsonCursor::texts(std::string_view name, std::vector<std::string>& values,
                       std::string_view meaning) {
  constexpr std::size_t kMost = 100;
  JsonNode schema = JsonNode::object();
  schema.add("type", JsonNode::of_text("array"));
  JsonNode item_schema = JsonNode::object();
  item_schema.add("type", JsonNode::of_text("string"));
  schema.add("items", std::move(item_schema));
  const auto show = [&] {
    return describing() ? "" : fmt::format("[{}]", fmt::join(values, ", "));
  };
  scalar(name, meaning, std::move(schema), show, [&](const Member& at) {
    const auto is_text = [](const JsonNode& item) { return item.kind == JsonNode::Kind::text; };
    if (at.node->kind != JsonNode::Kind::array || at.node->children.size() > kMost ||
        !std::all_of(at.node->children.begin(), at.node->children.end(), is_text)) {
      throw InputError(at.place, fmt::format("expected a list of at most {} texts, got {}; {}",
                                             kMost, found(*at.node), meaning));
    }
    values.clear();
    for (const JsonNode& item : at.node->children) values.push_back(item.text);
  });
}

}  // namespace headroom
