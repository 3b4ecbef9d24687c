#include "profiles/calibrate_stream.h"

#include <rapidcheck.h>

#include <string>

#include "tests/catch.h"

using headroom::CompletionStream;

namespace {

std::string event(const std::string& json) { return "data: " + json + "\n\n"; }

std::string token(const std::string& text) {
  return event(R"({"model":"m","choices":[{"index":0,"text":")" + text +
               R"(","finish_reason":null}]})");
}

const std::string kEnd =
    event(R"({"choices":[{"text":"","finish_reason":"length"}]})") +
    event(R"({"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}})") +
    "data: [DONE]\n\n";

}  // namespace

TEST_CASE("tokens, counts and the model's name are read from a completions stream") {
  CompletionStream stream;
  CHECK(stream.feed(token("a"), 1.0));
  CHECK(stream.feed(token("b") + token("c"), 2.0));
  CHECK(stream.feed(kEnd, 3.0));
  CHECK(stream.finish());
  CHECK(stream.times_s() == std::vector<double>{1.0, 2.0, 2.0});
  CHECK(stream.prompt_tokens() == 7);
  CHECK(stream.completion_tokens() == 3);
  CHECK(stream.model() == "m");
}

TEST_CASE("line ends of all three kinds, comments and other fields are read as the format says") {
  for (const std::string end : {"\n", "\r\n", "\r"}) {
    CompletionStream stream;
    const std::string text = ": hello" + end + "event: x" + end + "data:{\"choices\":" + end +
                             "data: [{\"text\":\"a\"}]}" + end + "id: 4" + end + end +
                             "data: [DONE]" + end + end;
    CHECK(stream.feed(text, 1));
    CHECK(stream.finish());
    CHECK(stream.times_s().size() == 1);
  }
}

TEST_CASE("chat deltas count where they hold text, the role alone does not") {
  CompletionStream stream;
  CHECK(stream.feed(event(R"({"choices":[{"delta":{"role":"assistant","content":""}}]})") +
                        event(R"({"choices":[{"delta":{"content":"a"}}]})") +
                        event(R"({"choices":[{"delta":{},"finish_reason":"stop"}]})"),
                    1));
  CHECK(stream.finish());
  CHECK(stream.times_s().size() == 1);
}

TEST_CASE("a token without text of its own counts, the end of the answer does not") {
  CompletionStream stream;
  CHECK(stream.feed(token("") + token("a") + kEnd, 1));
  CHECK(stream.times_s().size() == 2);
}

TEST_CASE("what cannot be used is one line that says what was expected") {
  const auto fault = [](const std::string& bytes) {
    CompletionStream stream;
    const bool fed = stream.feed(bytes, 1);
    CHECK_FALSE(stream.finish());
    CHECK((fed || !stream.fault().empty()));
    CHECK(stream.fault().find('\n') == std::string::npos);
    return stream.fault();
  };
  CHECK(fault(token("a")) ==
        "expected the stream to end with [DONE] or a finish_reason, got its end after 1 tokens");
  CHECK(fault("").find("after 0 tokens") != std::string::npos);
  CHECK(fault(event("nonsense")) == "expected events of JSON objects, got \"nonsense\"");
  CHECK(fault(event(R"({"error":{"message":"out\nof memory"}})")) ==
        "expected tokens, got the server's error \"out.of memory\"");
  CHECK(fault(event(R"({"error":7})")) == "expected tokens, got the server's error \"7\"");
  CHECK(fault("data: " + std::string(headroom::kLongestLine, 'x')) ==
        "expected events of at most 1 MiB, got a longer one");
}

TEST_CASE("an answer's tokens do not depend on how its bytes are cut") {
  CHECK(rc::check([] {
    const auto count = *rc::gen::inRange<std::size_t>(0, 20);
    std::string bytes;
    for (std::size_t i = 0; i < count; ++i) bytes += token("t");
    bytes += kEnd;
    CompletionStream stream;
    for (std::size_t at = 0; at < bytes.size();) {
      const auto size = *rc::gen::inRange<std::size_t>(1, 200);
      RC_ASSERT(stream.feed(std::string_view(bytes).substr(at, size), 1));
      at += size;
    }
    RC_ASSERT(stream.finish());
    RC_ASSERT(stream.times_s().size() == count);
  }));
}

TEST_CASE("any bytes give a record or one line") {
  CHECK(rc::check([] {
    // Pieces of the format in any order, and bytes of any kind between them.
    const std::vector<std::string> pieces{
        "data:", "data: ",  "\n", "\r",        "{",       "}",          "[",      "]",
        "\"",    "choices", ":",  "[DONE]",    "usage",   "\"text\"",   ",",      "-1",
        "1e999", "null",    "1",  "\"error\"", "\xff",    "\"model\":", "\\u12",  "data",
        "\n\n",  "{}",      "[]", "delta",     "content", "[[[[[[[",    "{\"a\":"};
    std::string bytes;
    for (const auto pick :
         *rc::gen::container<std::vector<std::uint8_t>>(rc::gen::arbitrary<std::uint8_t>()))
      bytes +=
          pick < 2 * pieces.size() ? pieces[pick / 2] : std::string(1, static_cast<char>(pick));
    CompletionStream stream;
    const bool fed = stream.feed(bytes, 1);
    const bool whole = stream.finish();
    RC_ASSERT(fed || !whole);
    RC_ASSERT(whole == stream.fault().empty());
    RC_ASSERT(stream.fault().find('\n') == std::string::npos);
    RC_ASSERT(stream.times_s().size() <= bytes.size());
  }));
}
