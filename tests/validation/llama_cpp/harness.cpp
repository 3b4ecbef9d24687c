// A real llama.cpp on this machine's processor: writes the model, measures calls, serves traces.
//
//     llama_cpp_harness model OUT.gguf
//     llama_cpp_harness serve   --library DIR --model GGUF --trace CSV --order NAME --batch N
//                               --anchor-every US --log OUT
//     llama_cpp_harness measure --library DIR --model GGUF --passes N --seed N --out CSV
//     llama_cpp_harness store   --calls CSV --model CONFIG --store DB
//
// README.md says where the library comes from; experiment.py runs all of it.
#include <fmt/format.h>

#include <cstdio>
#include <fstream>
#include <map>
#include <string>

#include "profiles/measure_cpu.h"
#include "sim/check.h"
#include "sim/quantity_text.h"
#include "tests/validation/llama_cpp/gguf_model.h"
#include "tests/validation/llama_cpp/measure_calls.h"
#include "tests/validation/llama_cpp/store_calls.h"
#include "tests/validation/llama_cpp/virtual_engine.h"
#include "traces/trace_reader.h"

using namespace headroom;
using namespace headroom::llama_cpp;

namespace {

/// "--name value" pairs behind the command.
class Options {
 public:
  Options(int count, char** words) {
    for (int i = 2; i + 1 < count; i += 2) values_[words[i]] = words[i + 1];
  }
  [[nodiscard]] std::string text(const std::string& name) const {
    const auto found = values_.find(name);
    if (found == values_.end()) throw InputError(name, "expected this option, got none");
    return found->second;
  }
  [[nodiscard]] std::int32_t number(const std::string& name) const {
    return static_cast<std::int32_t>(std::stol(text(name)));
  }

 private:
  std::map<std::string, std::string> values_{};
};

std::vector<LoggedRequest> read_requests(const std::string& path) {
  const std::unique_ptr<TraceReader> reader = open_trace(path);
  std::vector<LoggedRequest> requests;
  while (const std::optional<TraceRow> row = reader->next()) {
    LoggedRequest request;
    request.arrival = row->offset.value_or(Duration(0)) / kMicrosecond;
    request.prompt = static_cast<std::int32_t>(row->prompt.value());
    request.output = static_cast<std::int32_t>(row->output.value());
    requests.push_back(request);
  }
  return requests;
}

LlamaEngine open_engine(const Options& options, const Composition& how) {
  EngineSizes sizes;
  sizes.sequences = how.slots + AnchorCalls::kSequences;
  sizes.sequence_tokens = how.slot_tokens;
  return LlamaEngine(options.text("--library"), options.text("--model"), sizes);
}

int serve(const Options& options) {
  Composition how;
  how.order = options.text("--order");
  how.batch = options.number("--batch");
  LlamaEngine engine = open_engine(options, how);
  VirtualEngine server(engine, how, options.number("--anchor-every"));
  CallLog log = server.serve(read_requests(options.text("--trace")));
  log.engine =
      fmt::format("llama.cpp 0.5.0 of node-llama-cpp 3.22.1, {} ({} parameters, q8_0), 1 thread",
                  served_model().name, served_model().parameters());
  std::ofstream out(options.text("--log"));
  write_log(log, out);
  out.close();
  if (!out) throw InputError(options.text("--log"), "expected a file to write to");
  return 0;
}

int measure(const Options& options) {
  const Composition how;
  LlamaEngine engine = open_engine(options, how);
  std::ofstream out(options.text("--out"));
  measure_calls(engine, how, {options.number("--passes"), options.number("--seed")}, out);
  out.close();
  if (!out) throw InputError(options.text("--out"), "expected a file to write to");
  return 0;
}

std::string processor() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown processor";
}

int store(const Options& options) {
  const std::string device = cpu_device_name(processor());
  ProfileStore store(options.text("--store"), ProfileStore::Mode::read_write);
  store_calls(options.text("--calls"), options.text("--model"), device, store);
  fmt::print("{}\n", device);
  return 0;
}

int run(int count, char** words) {
  const std::string command = count > 2 ? words[1] : "";
  const Options options(count, words);
  if (command == "model") {
    write_gguf(served_model(), 1, words[2]);
    return 0;
  }
  if (command == "serve") return serve(options);
  if (command == "measure") return measure(options);
  if (command == "store") return store(options);
  throw InputError("llama_cpp_harness",
                   "expected model, serve, measure or store, got " + quoted(command));
}

}  // namespace

int main(int count, char** words) {
  try {
    return run(count, words);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 2;
  }
}
