#include "tests/validation/llama_cpp/gguf_model.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/catch.h"

using namespace headroom::llama_cpp;

namespace {

/// 64 wide, 2 layers, 4 heads of 16 of which 2 for keys, FFN 96, 32 tokens.
const ModelSizes kSmall{"small", 64, 2, 4, 2, 96, 32};

template <class T>
T number_at(const std::string& bytes, std::size_t at) {
  T value{};
  REQUIRE(at + sizeof(T) <= bytes.size());
  std::memcpy(&value, bytes.data() + at, sizeof(T));
  return value;
}

float real_of(std::uint16_t half) {
  const int exponent = (half >> 10) & 31;
  return static_cast<float>(1024 + (half & 1023)) * static_cast<float>(1U << exponent) /
         static_cast<float>(1U << 25U);
}

std::string bytes_of(const ModelSizes& sizes, std::uint64_t seed) {
  const std::string path = (std::filesystem::temp_directory_path() /
                            ("gguf_model_test_" + std::to_string(seed) + ".gguf"))
                               .string();
  write_gguf(sizes, seed, path);
  std::ifstream file(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), {}};
  std::filesystem::remove(path);
  return bytes;
}

}  // namespace

TEST_CASE("a model's parameters are counted tensor by tensor") {
  // Embedding and head 2 * 64 * 32; a layer 2 * 64 * 64 (q, output), 2 * 64 * 32 (k, v), 3 * 64 *
  // 96 and two norms of 64; the last norm.
  CHECK(kSmall.parameters() == 4096 + 2 * (8192 + 4096 + 18432 + 128) + 64);
  // The served model: 2 * 512 * 8192 + 8 * (2 * 512^2 + 2 * 512 * 256 + 3 * 512 * 1536 + 2 * 512) +
  // 512.
  CHECK(served_model().parameters() ==
        8'388'608 + 8 * (524'288 + 262'144 + 2'359'296 + 1'024) + 512);
}

TEST_CASE("a GGUF file holds its header and every tensor at the place that the header says") {
  const std::string bytes = bytes_of(kSmall, 1);
  const auto tensors = tensors_of(kSmall);
  CHECK(bytes.substr(0, 4) == "GGUF");
  CHECK(number_at<std::uint32_t>(bytes, 4) == 3);
  CHECK(number_at<std::uint64_t>(bytes, 8) == tensors.size());
  const std::string header = gguf_header(kSmall, tensors);
  CHECK(header.size() % 32 == 0);
  CHECK(bytes.substr(0, header.size()) == header);
  std::size_t at = header.size();
  for (const ModelTensor& tensor : tensors) {
    INFO(tensor.name);
    // Its offset stands behind its name, the number of dimensions, these and the type.
    const std::size_t entry = header.find(tensor.name) + tensor.name.size();
    const std::size_t dimensions = tensor.is_matrix() ? 2 : 1;
    CHECK(number_at<std::uint32_t>(header, entry) == dimensions);
    CHECK(number_at<std::uint64_t>(header, entry + 4) == static_cast<std::uint64_t>(tensor.row));
    CHECK(number_at<std::uint64_t>(header, entry + 8 + 8 * dimensions) == at - header.size());
    at += (static_cast<std::size_t>(tensor.bytes()) + 31) / 32 * 32;
  }
  CHECK(bytes.size() == at);
}

TEST_CASE("blocks of weights use their whole range and scatter as they should") {
  const std::string bytes = bytes_of(kSmall, 1);
  const std::size_t begin = gguf_header(kSmall, tensors_of(kSmall)).size();
  double squares = 0;
  constexpr std::size_t kBlocks = 64 * 32 / 32;  // of the embedding, the first tensor
  for (std::size_t block = 0; block < kBlocks; ++block) {
    const float scale = real_of(number_at<std::uint16_t>(bytes, begin + 34 * block));
    int largest = 0;
    for (std::size_t i = 0; i < 32; ++i) {
      const int weight =
          static_cast<int>(number_at<std::int8_t>(bytes, begin + 34 * block + 2 + i));
      largest = std::max(largest, std::abs(weight));
      squares += static_cast<double>(scale) * scale * weight * weight;
    }
    CHECK(largest == 127);
  }
  // 2,048 numbers of variance 0.0004: the mean of squares scatters by about 2.6 % (kurtosis 2.4).
  CHECK(squares / 2048 == Approx(0.0004).epsilon(0.1));
}

TEST_CASE("the same seed gives the same model, another seed another") {
  CHECK(bytes_of(kSmall, 2) == bytes_of(kSmall, 2));
  CHECK(bytes_of(kSmall, 2) != bytes_of(kSmall, 3));
}

TEST_CASE("half precision is rounded to nearest") {
  CHECK(half_of(1.0F) == 0x3c00);
  CHECK(half_of(0.5F) == 0x3800);
  CHECK(half_of(6.103515625e-5F) == 0x0400);     // 2^-14, the smallest normal number
  CHECK(half_of(1.0F + 3.0F / 4096) == 0x3c01);  // three quarters of the last place
  CHECK(half_of(1.0F + 1.0F / 4096) == 0x3c00);  // a quarter
  CHECK(half_of(1.99999F) == 0x4000);            // carries into the exponent
}
