#include "models/power.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/catch.h"
#include "tests/paths.h"

using namespace headroom;

namespace {

struct Mean {
  double sum = 0;
  int rows = 0;
  void add(double value) {
    sum += value;
    ++rows;
  }
  [[nodiscard]] double value() const { return sum / rows; }
};

std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> cells;
  std::stringstream stream(line);
  for (std::string cell; std::getline(stream, cell, ',');) cells.push_back(cell);
  return cells;
}

}  // namespace

TEST_CASE("Power runs from idle to TDP") {
  const Device h100 = find_device("h100", "test");
  CHECK(power_at(h100, 0) == h100.idle);
  CHECK(power_at(h100, 1) == h100.tdp);
  // Idle 75 W, TDP 700 W: half load is 387.5 W, and 387.5 W is half load.
  CHECK(power_at(h100, 0.5).value() == Approx(387.5));
  CHECK(load_of_fraction(h100, 387.5 / 700) == Approx(0.5));
  CHECK(load_of_fraction(h100, 1.2) == 1.0);
  CHECK(load_of_fraction(h100, 0.01) == 0.0);
}

TEST_CASE("Energy adds up over phases") {
  const Device a100 = find_device("a100", "test");
  // tp 2: prefill at TDP 400 W, decode at 0.736 x 400 = 294.4 W, idle 60 W.
  const BusyTime busy{kSecond * 10, kSecond * 100, kSecond * 1000};
  CHECK(energy(a100, 2, busy).value() == Approx(4'000 + 29'440 + 60'000));
  CHECK(energy(a100, 2, BusyTime{}).value() == 0);
  CHECK(energy(a100, 2, {kSecond, Duration(0), Duration(0)}) >
        energy(a100, 2, {Duration(0), kSecond, Duration(0)}));
}

TEST_CASE("Fractions between measured splits are those of the next lower one") {
  CHECK(measured_fractions(1).decode == measured_fractions(2).decode);
  CHECK(measured_fractions(3).decode == measured_fractions(2).decode);
  CHECK(measured_fractions(16).decode == measured_fractions(8).decode);
}

TEST_CASE("Phase fractions are the means of Splitwise's measurements") {
  const std::string path =
      std::string(HEADROOM_SOURCE_DIR) + "/../shared/kernels/splitwise/perf_model.csv";
  std::ifstream stream(path);
  if (!stream) {
    WARN("skipped: no shared Splitwise measurements beside the source tree");
    return;
  }
  for (const std::int64_t tensor : {2, 4, 8}) {
    stream.clear();
    stream.seekg(0);
    Mean prefill, decode;
    std::string line;
    std::getline(stream, line);  // model,hardware,prompt,batch,output,peak,average,...,tp
    while (std::getline(stream, line)) {
      const std::vector<std::string> cells = split(line);
      if (cells[0] != "llama2-70b" || cells[1] != "a100-80gb") continue;
      if (std::stoll(cells[10]) != tensor || std::stod(cells[6]) == 0) continue;  // 0: not measured
      const std::int64_t prompt = std::stoll(cells[2]);
      const std::int64_t batch = std::stoll(cells[3]);
      if (prompt * batch >= 1024) prefill.add(std::min(1.0, std::stod(cells[5])));
      if (batch == 1 && prompt <= 512) decode.add(std::stod(cells[6]));
    }
    INFO("tp " << tensor);
    CHECK(prefill.rows == 40);
    CHECK(decode.rows == 25);
    CHECK(measured_fractions(tensor).prefill == Approx(prefill.value()).margin(0.001));
    CHECK(measured_fractions(tensor).decode == Approx(decode.value()).margin(0.001));
  }
}
