#include "sim/scenario_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>

#include "sim/check.h"
#include "sim/scenario_fields.h"
#include "sim/scenario_rules.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace headroom {
namespace {

/// A trace named on the command line takes the place of the file's generator.
void replace_generator(JsonNode& root) {
  JsonNode* load = root.find("workload");
  const JsonNode* trace = load == nullptr ? nullptr : load->find("trace");
  if (trace == nullptr || trace->source == ValueSource::scenario) return;
  const ValueSource winner = trace->source;
  for (const char* key : {"preset", "arrivals", "rate", "arrival_cv", "requests", "prompt",
                          "output", "sessions", "shared_prefixes", "shared_prefix_tokens"}) {
    const JsonNode* node = load->find(key);
    if (node != nullptr && node->source < winner) load->erase(key);
  }
}

struct FileCloser {
  void operator()(std::FILE* file) const {
    if (file != stdin) std::fclose(file);
  }
};

}  // namespace

LoadedScenario read_scenario(const ScenarioText& input) {
  JsonNode root = parse_json(input.text, input.file);
  for (const ScenarioOverride& change : input.overrides) apply_override(root, change);
  replace_generator(root);
  JsonDocument document{input.file};
  LoadedScenario loaded;
  loaded.scenario.file = input.file;
  JsonCursor cursor = JsonCursor::reading(document, root);
  scenario_fields(cursor, loaded.scenario);
  cursor.finish();
  check_scenario_rules(JsonPlaces(document.file, root), loaded.scenario);
  loaded.scenario.digest = digest_of(document.values);
  loaded.values = std::move(document.values);
  loaded.document = write_json(root);
  return loaded;
}

std::string scenario_schema() {
  return schema_text("Headroom scenario", [](JsonCursor& at) {
    Scenario defaults;
    scenario_fields(at, defaults);
  });
}

std::string digest_of(const std::vector<ExplainedValue>& values) {
  std::string canonical;
  for (const ExplainedValue& value : values) {
    if (value.pointer == "/gates")
      continue;  // they judge answers, they are no part of the question
    canonical += value.pointer + "=" + value.value + "\n";
  }
  return fmt::format("{:016x}", XXH3_64bits(canonical.data(), canonical.size()));
}

std::string schema_text(const std::string& title, const std::function<void(JsonCursor&)>& fields) {
  JsonNode schema = JsonNode::object();
  schema.add("$schema", JsonNode::of_text("https://json-schema.org/draft/2020-12/schema"));
  schema.add("title", JsonNode::of_text(title));
  JsonDocument document;
  JsonNode described;
  JsonCursor cursor = JsonCursor::describing(document, described);
  fields(cursor);
  for (JsonNode& part : described.children) schema.children.push_back(std::move(part));
  return write_json(schema);
}

std::string read_text_file(const std::string& path) {
  const std::string shown = path == "-" ? "standard input" : path;
  const std::unique_ptr<std::FILE, FileCloser> file(path == "-" ? stdin
                                                                : std::fopen(path.c_str(), "rb"));
  if (!file) {
    throw InputError(shown, fmt::format("expected a readable file, got: {}; check the path",
                                        std::strerror(errno)));
  }
  std::string text;
  char buffer[1 << 14];
  for (;;) {
    const std::size_t got = std::fread(buffer, 1, sizeof buffer, file.get());
    text.append(buffer, got);
    if (text.size() > kMaxScenarioBytes) {
      throw InputError(shown, fmt::format("expected at most {} bytes, got more; is this a trace?",
                                          kMaxScenarioBytes));
    }
    if (got < sizeof buffer) break;
  }
  if (std::ferror(file.get()) != 0) {
    throw InputError(shown, fmt::format("expected a readable file, got: {}; name a scenario file",
                                        std::strerror(errno)));
  }
  return text;
}

}  // namespace headroom
