#include "traces/trace_reader.h"

#include <algorithm>
#include <array>

#include "sim/check.h"
#include "traces/row_builder.h"

namespace headroom {
namespace {

constexpr std::array<TraceFormat, 12> kFormats{{
    {"headroom-csv", "arrival_s,prompt_tokens,output_tokens[,session,turn,class]"},
    {"headroom-jsonl", "the same as JSON lines, with prefix block hashes or token ids"},
    {"azure", "Azure LLM inference 2023 and 2024, NanoFlow's lengths (times XXX)"},
    {"burstgpt", "BurstGPT, 6 or 8 columns; calls without response tokens are passed over"},
    {"mooncake", "Mooncake JSON lines with prefix block ids of 512 tokens"},
    {"vidur", "arrived_at,num_prefill_tokens,num_decode_tokens"},
    {"lengths", "num_prefill_tokens,num_decode_tokens: lengths without arrivals"},
    {"arena-vtc", "Chatbot Arena as S-LoRA and VTC use it; adapters become classes"},
    {"llmservingsim", "LLMServingSim requests, as measured or as generated"},
    {"dynamo", "NVIDIA Dynamo request trace, version 1"},
    {"tracelab", "TraceLab rounds of coding agents"},
    {"coding-session", "recorded coding sessions with block ids, one JSON file or a tar of them"},
}};

[[nodiscard]] bool is_csv(std::string_view format) {
  return format == "headroom-csv" || format == "azure" || format == "burstgpt" ||
         format == "vidur" || format == "lengths" || format == "arena-vtc";
}

void check_name(const std::string& name, std::string_view format) {
  if (format == "auto") return;
  std::string names = "auto";
  for (const TraceFormat& known : kFormats) {
    if (known.name == format) return;
    names += ", " + std::string(known.name);
  }
  throw InputError(
      name, "expected a trace format (" + names + "), got " + shown(format) + "; correct the name");
}

std::unique_ptr<TraceReader> open_lines(LineReader lines, std::string_view format) {
  constexpr std::size_t kTarMagicAt = 257;  // POSIX.1-1988 ustar header
  const std::string_view peeked = lines.peek(kTarMagicAt + 5);
  if (peeked.size() == kTarMagicAt + 5 && peeked.substr(kTarMagicAt) == "ustar") {
    return open_bundle(std::move(lines), format);
  }
  const std::optional<std::string_view> line = lines.next();
  if (!line) {
    throw InputError(lines.name(), "expected a trace, got an empty file; choose another trace");
  }
  std::string head(*line);
  const std::size_t start = head.find_first_not_of(" \t");
  const bool json = start != std::string::npos && (head[start] == '{' || head[start] == '[');
  if (json && is_csv(format)) {
    throw InputError(lines.place(start),
                     "expected the columns of format " + std::string(format) +
                         ", got JSON; leave the format out to have it detected");
  }
  if (format == "auto" ? !json : is_csv(format)) {
    return open_csv(std::move(lines), std::move(head), format);
  }
  return open_jsonl(std::move(lines), std::move(head), format);
}

}  // namespace

std::span<const TraceFormat> trace_formats() { return kFormats; }

const TraceFormat& format_named(std::string_view name) {
  const auto* found = std::find_if(kFormats.begin(), kFormats.end(),
                                   [&](const TraceFormat& format) { return format.name == name; });
  SIM_CHECK(found != kFormats.end(), "every reader's format is in the list of formats");
  return *found;
}

std::unique_ptr<TraceReader> open_trace(const std::string& path, std::string_view format) {
  const std::string name = path == "-" ? "standard input" : path;
  check_name(name, format);
  return open_lines(LineReader(open_bytes(path), name), format);
}

std::unique_ptr<TraceReader> read_trace(std::string_view bytes, const std::string& name,
                                        std::string_view format) {
  check_name(name, format);
  return open_lines(LineReader(memory_bytes(bytes, name), name), format);
}

}  // namespace headroom
