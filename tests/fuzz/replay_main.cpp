// Feeds one fuzz target without libFuzzer: the seeds of its corpus, cut short and changed in
// places.
//
// Law: the inputs are a function of the corpus alone, so a failure repeats on any machine.
// Usage: fuzz_replay_NAME CORPUS_FOLDER (a missing folder is an empty corpus).
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Input = std::vector<std::uint8_t>;

std::uint64_t g_inputs = 0;

void feed(const Input& input) {
  // A copy without slack, so that a sanitizer sees the first byte read too far.
  const Input exact(input.begin(), input.end());
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
  ++g_inputs;
}

/// SplitMix64 (Steele, Lea and Flood, 2014).
std::uint64_t next_random(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15;
  std::uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

/// Bytes that mean something in JSON, CSV and numbers.
constexpr std::string_view kTelling = "\"{}[],:;-+.eE0919 \t\r\n\\/*#\0\xff\x80";

/// One to four places overwritten, doubled or removed.
Input changed(const Input& seed, std::uint64_t& random) {
  Input input = seed;
  const std::uint64_t changes = 1 + next_random(random) % 4;
  for (std::uint64_t i = 0; i < changes && !input.empty(); ++i) {
    const std::uint64_t at = next_random(random) % input.size();
    const auto place = input.begin() + static_cast<std::ptrdiff_t>(at);
    const std::uint64_t length =
        std::min<std::uint64_t>(1 + next_random(random) % 16, input.size() - at);
    const auto end = place + static_cast<std::ptrdiff_t>(length);
    switch (next_random(random) % 4) {
      case 0:
        *place = static_cast<std::uint8_t>(kTelling[next_random(random) % kTelling.size()]);
        break;
      case 1:
        *place = static_cast<std::uint8_t>(next_random(random));
        break;
      case 2:
        input.erase(place, end);
        break;
      default: {
        const Input piece(place, end);
        input.insert(place, piece.begin(), piece.end());
      }
    }
  }
  return input;
}

void replay(const Input& seed) {
  constexpr std::size_t kCuts = 256;
  constexpr int kChanges = 400;
  feed(seed);
  const std::size_t step = std::max<std::size_t>(1, seed.size() / kCuts);
  for (std::size_t size = 0; size < seed.size(); size += step) {
    feed(Input(seed.begin(), seed.begin() + static_cast<std::ptrdiff_t>(size)));
  }
  std::uint64_t random = seed.size();
  for (int i = 0; i < kChanges; ++i) feed(changed(seed, random));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]);
    return 2;
  }
  feed({});
  for (int byte = 0; byte < 256; ++byte) feed({static_cast<std::uint8_t>(byte)});

  std::vector<std::filesystem::path> files;
  if (std::filesystem::is_directory(argv[1])) {
    for (const auto& entry : std::filesystem::directory_iterator(argv[1]))
      files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    std::ifstream stream(file, std::ios::binary);
    replay(Input(std::istreambuf_iterator<char>(stream), {}));
  }
  std::printf("%zu seeds, %llu inputs\n", files.size(), static_cast<unsigned long long>(g_inputs));
  return 0;
}
