#include "profiles/calibrate_stream.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "sim/check.h"

namespace headroom {
namespace {

using Json = nlohmann::json;

/// At most 80 bytes, what is not printable ASCII as a point: for messages.
std::string shown(std::string_view text) {
  constexpr std::size_t kMost = 80;
  std::string result = "\"";
  for (const char c : text.substr(0, kMost)) result += (c >= ' ' && c <= '~') ? c : '.';
  return result + (text.size() > kMost ? "...\"" : "\"");
}

const Json* member(const Json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto it = object.find(name);
  return it == object.end() ? nullptr : &*it;
}

/// A count of tokens; 0 where there is none that makes sense.
std::int64_t count_of(const Json& object, const char* name) {
  const Json* value = member(object, name);
  if (value == nullptr || !value->is_number_integer()) return 0;
  // Beyond any context there is; also keeps unsigned values above 2^63 out.
  constexpr std::int64_t kMost = std::int64_t{1} << 40;
  if (value->is_number_unsigned() && value->get<std::uint64_t>() > std::uint64_t{kMost}) return 0;
  const auto count = value->get<std::int64_t>();
  return count > 0 && count <= kMost ? count : 0;
}

bool ended(const Json& choice) {
  const Json* reason = member(choice, "finish_reason");
  return reason != nullptr && reason->is_string();
}

/// The text of a choice, of completions or of chat; nullptr where it has none. Models that reason
/// stream what they think under names of their own, a token like any other.
const Json* text_of(const Json& choice) {
  const auto text_in = [](const Json& object, const char* name) -> const Json* {
    const Json* text = member(object, name);
    return text != nullptr && text->is_string() ? text : nullptr;
  };
  if (const Json* text = text_in(choice, "text")) return text;
  const Json* delta = member(choice, "delta");
  if (delta == nullptr) return nullptr;
  const Json* content = text_in(*delta, "content");
  if (content != nullptr && !content->get_ref<const std::string&>().empty()) return content;
  for (const char* name : {"reasoning_content", "reasoning"})
    if (const Json* text = text_in(*delta, name)) return text;
  return content;
}

}  // namespace

std::string request_body(const CompletionQuestion& question) {
  Json body;
  if (!question.model.empty()) body["model"] = question.model;
  if (question.chat)
    body["messages"] = Json::array({{{"role", "user"}, {"content", question.prompt}}});
  else
    body["prompt"] = question.prompt;
  body["max_tokens"] = question.tokens;
  body["stream"] = true;
  body["stream_options"] = {{"include_usage", true}};
  // The same work every time, and as much of it as asked for: vLLM, SGLang, TensorRT-LLM and
  // llama.cpp know the second.
  body["temperature"] = 0;
  body["ignore_eos"] = true;
  if (question.fields.empty()) return body.dump();
  const Json fields = Json::parse(question.fields, nullptr, false);
  if (!fields.is_object())
    throw InputError("--fields", "expected a JSON object, got " + shown(question.fields) +
                                     R"(; write it like {"ignore_eos": null})");
  for (const auto& [name, value] : fields.items()) {
    if (value.is_null()) {
      body.erase(name);
    } else {
      body[name] = value;
    }
  }
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string first_model(std::string_view text) {
  const Json list = Json::parse(text, nullptr, false);
  const Json* data = member(list, "data");
  if (data == nullptr || !data->is_array() || data->empty()) return {};
  const Json* id = member(data->front(), "id");
  return id != nullptr && id->is_string() ? id->get<std::string>() : std::string();
}

bool CompletionStream::fail(std::string what) {
  if (fault_.empty()) fault_ = std::move(what);
  return false;
}

bool CompletionStream::feed(std::string_view bytes, double now_s) {
  for (const char c : bytes) {
    if (!fault_.empty()) return false;
    // A line ends with CR, LF or both.
    const bool second = after_return_ && c == '\n';
    after_return_ = c == '\r';
    if (second) continue;
    if (c == '\r' || c == '\n') {
      take_line(now_s);
    } else if (line_.size() + data_.size() >= kLongestLine) {
      return fail("expected events of at most 1 MiB, got a longer one");
    } else {
      line_ += c;
    }
  }
  return fault_.empty();
}

bool CompletionStream::finish() {
  if (!fault_.empty()) return false;
  if (done_ || finished_) return true;
  return fail("expected the stream to end with [DONE] or a finish_reason, got its end after " +
              std::to_string(times_s_.size()) + " tokens");
}

void CompletionStream::take_line(double now_s) {
  const std::string line = std::exchange(line_, {});
  if (line.empty()) {
    if (has_data_) take_event(now_s);
    return;
  }
  constexpr std::string_view kData = "data";
  std::string_view rest(line);
  if (!rest.starts_with(kData)) return;  // comments and other fields
  rest.remove_prefix(kData.size());
  if (!rest.empty() && rest.front() != ':') return;
  if (!rest.empty()) rest.remove_prefix(1);
  if (rest.starts_with(' ')) rest.remove_prefix(1);
  if (has_data_) data_ += '\n';
  data_ += rest;
  has_data_ = true;
}

void CompletionStream::take_event(double now_s) {
  has_data_ = false;
  if (data_ == "[DONE]") {
    done_ = true;
  } else if (!done_) {
    take_json(now_s);
  }
  data_.clear();
}

void CompletionStream::take_json(double now_s) {
  const Json event = Json::parse(data_, nullptr, false);
  if (!event.is_object()) {
    fail("expected events of JSON objects, got " + shown(data_));
    return;
  }
  if (const Json* error = member(event, "error"); error != nullptr && !error->is_null()) {
    const Json* message = member(*error, "message");
    fail("expected tokens, got the server's error " +
         shown(message != nullptr && message->is_string()
                   ? message->get_ref<const std::string&>()
                   : error->dump(-1, ' ', true, Json::error_handler_t::replace)));
    return;
  }
  if (const Json* name = member(event, "model"); model_.empty() && name != nullptr)
    if (name->is_string()) model_ = name->get<std::string>();
  if (const Json* usage = member(event, "usage")) {
    prompt_tokens_ = std::max(prompt_tokens_, count_of(*usage, "prompt_tokens"));
    completion_tokens_ = std::max(completion_tokens_, count_of(*usage, "completion_tokens"));
  }
  const Json* choices = member(event, "choices");
  if (choices == nullptr || !choices->is_array() || choices->empty()) return;
  const Json& choice = choices->front();
  const Json* text = text_of(choice);
  // A token may have no text of its own (half a character); the end of an answer has none either.
  const bool token = text != nullptr && (!text->get_ref<const std::string&>().empty() ||
                                         (!ended(choice) && choice.contains("text")));
  finished_ = finished_ || ended(choice);
  if (!token) return;
  if (times_s_.size() >= kMostTokens) {
    fail("expected at most " + std::to_string(kMostTokens) + " tokens, got more");
    return;
  }
  times_s_.push_back(now_s);
}

}  // namespace headroom
