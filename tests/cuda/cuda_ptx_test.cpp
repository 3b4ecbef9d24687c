// What nvcc makes of our own kernels for A100, H100 and B200: registers, shared memory, spills, and
// how memory is read, from the assembler's report and the PTX.
#include <algorithm>
#include <filesystem>
#include <map>
#include <regex>
#include <vector>

#include "profiles/cuda_work.h"
#include "tests/catch.h"
#include "tests/cuda/shell.h"
#include "tests/laws/source_tree.h"
#include "tests/paths.h"

namespace {

namespace fs = std::filesystem;
using namespace headroom;
using namespace headroom::cuda_test;

/// What a kernel may use, and what its PTX holds.
struct Budget {
  std::string name;  ///< part of the mangled name
  int registers;     ///< of a thread
  int shared_bytes;  ///< of a block
  int wide_loads;    ///< of 16 bytes, at least
  int narrow_loads;  ///< of global memory, at most: tables of pages, scales
  int products;      ///< of the tensor cores, at least
};

// Registers: 65536 of a multiprocessor over two blocks of 128 threads are 255 a thread; over four
// of 256 threads 64. Shared memory: static arrays may have 48 KiB, two blocks' of them fit on an
// A100 (164 KiB). Loads and products of attention: a page's keys (2 x head/32 vectors a lane) and
// values (4 x head/64), a table's page for each; products of one page 2 x head/16 for the scores
// and head/8 for the sums, a tile. The compiler may unroll a loop over splits or experts.
const std::vector<Budget> kBudgets = {
    {"4Fill", 80, 0, 0, 0, 0},
    {"11CountPoison", 64, 0, 1, 0, 0},
    {"7RmsNorm", 64, 256, 5, 0, 0},
    {"7SiluMul", 64, 0, 2, 0, 0},
    {"4Rope", 64, 0, 6, 0, 0},
    {"8MoveRows", 64, 0, 1, 8, 0},
    {"11WeightedSum", 64, 0, 1, 16, 0},
    {"12QuantizeRows", 64, 256, 3, 0, 0},
    {"10JoinSplits", 128, 0, 2, 48, 0},
    {"AttentionILi64ELi1E", 255, 32768, 4 + 8, 2, 8 + 8},
    {"AttentionILi128ELi1E", 255, 40960, 8 + 16, 2, 16 + 16},
    {"AttentionILi64ELi2E", 255, 32768, 8 + 8, 2, 2 * 16},
    {"AttentionILi128ELi2E", 255, 40960, 16 + 16, 2, 2 * 32},
};

struct Compiled {
  std::map<std::string, std::string> reports{};  ///< by mangled name, of the assembler
  std::map<std::string, std::string> ptx{};      ///< by mangled name, the body
  double seconds = 0;
};

int number_before(const std::string& text, const std::string& unit) {
  const std::regex pattern("([0-9]+) (bytes )?" + unit);
  std::smatch match;
  return std::regex_search(text, match, pattern) ? std::stoi(match[1]) : 0;
}

std::size_t count_of(const std::string& text, const std::string& pattern) {
  const std::regex expression(pattern);
  return static_cast<std::size_t>(
      std::distance(std::sregex_iterator(text.begin(), text.end(), expression), {}));
}

/// The rest of `text` up to the next line that starts with `end`, cut off.
void cut_by_name(const std::string& text, const std::regex& begin,
                 std::map<std::string, std::string>& parts) {
  for (auto at = std::sregex_iterator(text.begin(), text.end(), begin);
       at != std::sregex_iterator(); ++at) {
    const auto next = std::next(at);
    const auto from = static_cast<std::size_t>(at->position());
    const std::size_t to =
        next == std::sregex_iterator() ? text.size() : static_cast<std::size_t>(next->position());
    parts[(*at)[1]] = text.substr(from, to - from);
  }
}

Compiled compile(const std::string& compiler, int architecture, const fs::path& folder) {
  Compiled compiled;
  for (const char* file : {"cuda_kernels", "cuda_attention"}) {
    const std::string arch = std::to_string(architecture);
    const Finished run =
        shell("cd " + std::string(HEADROOM_SOURCE_DIR) + " && " + compiler +
              " -std=c++17 -O3 -I. -cubin -Werror all-warnings -Xptxas -v -gencode arch=compute_" +
              arch + ",code=sm_" + arch + " --keep --keep-dir " + folder.string() + " -o " +
              (folder / (std::string(file) + ".cubin")).string() + " profiles/" + file + ".cu");
    INFO(run.text);
    REQUIRE(run.code == 0);
    compiled.seconds += run.seconds;
    cut_by_name(run.text, std::regex("Compiling entry function '([^']+)'"), compiled.reports);
    const std::string ptx = laws::read_text(folder / (std::string(file) + ".ptx"));
    cut_by_name(ptx, std::regex("\\.entry ([A-Za-z0-9_]+)\\("), compiled.ptx);
  }
  return compiled;
}

void check(const Budget& budget, const Compiled& compiled) {
  const auto report = std::find_if(
      compiled.reports.begin(), compiled.reports.end(),
      [&](const auto& each) { return each.first.find(budget.name) != std::string::npos; });
  REQUIRE(report != compiled.reports.end());
  REQUIRE(compiled.ptx.count(report->first) == 1);
  const std::string& ptx = compiled.ptx.at(report->first);
  INFO(report->second);
  CHECK(number_before(report->second, "spill stores") == 0);
  CHECK(number_before(report->second, "spill loads") == 0);
  CHECK(number_before(report->second, "stack frame") == 0);
  CHECK(number_before(report->second, "registers") > 0);
  CHECK(number_before(report->second, "registers") <= budget.registers);
  CHECK(number_before(report->second, "smem") <= budget.shared_bytes);
  const std::size_t wide = count_of(ptx, "ld\\.global(\\.nc)?\\.v4\\.(u|b|f)32");
  const std::size_t all = count_of(ptx, "ld\\.global");
  CHECK(wide >= static_cast<std::size_t>(budget.wide_loads));
  CHECK(all - wide <= static_cast<std::size_t>(budget.narrow_loads));
  CHECK(count_of(ptx, "mma\\.sync\\.aligned\\.m16n8k16") >=
        static_cast<std::size_t>(budget.products));
  // Results leave in 16 bytes too; counts and scales of a row do not.
  if (budget.name != "11CountPoison") CHECK(count_of(ptx, "st\\.global\\.v4") > 0);
  // A generic access would be slower, and nothing here needs one.
  CHECK(count_of(ptx, "\\bld\\.(u|b|f|v)") == 0);
}

}  // namespace

TEST_CASE("own kernels read 16 bytes at a time, spill nothing and keep to their budget") {
  const std::string compiler = nvcc();
  if (compiler.empty()) {
    WARN("skipped: no nvcc here (looked in CUDA_HOME, /usr/local/cuda and PATH)");
    return;
  }
  std::string folder = (fs::temp_directory_path() / "headroom-ptx-XXXXXX").string();
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  for (const int architecture : {80, 90, 100}) {
    const Compiled compiled = compile(compiler, architecture, folder);
    std::string registers;
    for (const Budget& budget : kBudgets) {
      INFO("sm_" << architecture << " " << budget.name);
      check(budget, compiled);
    }
    for (const auto& [name, report] : compiled.reports)
      if (name.find("Attention") != std::string::npos)
        registers += " " + std::to_string(number_before(report, "registers"));
    WARN("sm_" << architecture << ": compiled in " << compiled.seconds << " s, "
               << compiled.reports.size() << " kernels, attention's registers" << registers);
  }
  fs::remove_all(folder);
}
