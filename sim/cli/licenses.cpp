#include "sim/cli/licenses.h"

#include <fmt/format.h>

#include <array>
#include <string_view>
#include <vector>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "reports/html/assets.h"
#include "reports/text_layout.h"
#include "sim/cli/commands.h"

namespace headroom {
namespace {

struct Library {
  const char* name;
  std::string version;  ///< it was built with; empty: not known
  const char* licence;  ///< SPDX
  const char* what;
};

std::string xxhash_version() {
  return fmt::format("{}.{}.{}", XXH_VERSION_MAJOR, XXH_VERSION_MINOR, XXH_VERSION_RELEASE);
}

/// Headers whose code becomes part of this program.
std::vector<Library> compiled_in() {
  return {{"Boost", HEADROOM_BOOST_VERSION, "BSL-1.0", "command line, paths in networks"},
          {"JSON for Modern C++", HEADROOM_NLOHMANN_JSON_VERSION, "MIT", "nlohmann/json"},
          {"{fmt}", HEADROOM_FMT_VERSION, "MIT", "text"},
          {"xxHash", xxhash_version(), "BSD-2-Clause", "digests"}};
}

/// Shared libraries: their own packages bring their notices.
std::vector<Library> linked() {
  return {
      {"SQLite", HEADROOM_SQLITE_VERSION, "public domain", "profiles, databases of runs"},
      {"Zstandard", HEADROOM_ZSTD_VERSION, "BSD-3-Clause", "zstd: compressed traces and tables"},
      {"Snappy", HEADROOM_SNAPPY_VERSION, "BSD-3-Clause", "compressed tables"},
      {"curl", HEADROOM_CURL_VERSION, "curl", "speaks to servers that are measured"},
#ifdef HEADROOM_CUDA_VERSION
      {"CUDA, cuBLAS, cuDNN", HEADROOM_CUDA_VERSION, "NVIDIA EULA", "kernels measured on a GPU"},
#endif
      {"OpenBLAS", "", "BSD-3-Clause", "where there is one: kernels measured on a CPU"}};
}

constexpr const char* kMit =
    R"(Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
)";

constexpr const char* kBsd2 = R"(Redistribution and use in source and binary forms, with or without
modification, are permitted provided that the following conditions are met:

* Redistributions of source code must retain the above copyright notice, this
  list of conditions and the following disclaimer.

* Redistributions in binary form must reproduce the above copyright notice,
  this list of conditions and the following disclaimer in the documentation
  and/or other materials provided with the distribution.

THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS"
AND ANY EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE
IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE
DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR CONTRIBUTORS BE LIABLE
FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL
DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR
SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER
CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER IN CONTRACT, STRICT LIABILITY,
OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE
OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.
)";

struct Notice {
  const char* of;
  const char* copyright;
  const char* text;
};
/// Boost asks for none with object code.
constexpr std::array<Notice, 3> kNotices{
    {{"JSON for Modern C++",
      "Copyright (c) 2013-2022 Niels Lohmann\n"
      "Copyright (c) 2008-2009 Bjoern Hoehrmann\n"
      "Copyright (c) 2009 Florian Loitsch\n",
      kMit},
     {"{fmt}", "Copyright (c) 2012 - present, Victor Zverovich\n", kMit},
     {"xxHash", "Copyright (c) 2012-2020 Yann Collet\n", kBsd2}}};

void add_row(std::string& out, std::string_view name, std::string_view version,
             std::string_view licence, std::string_view what) {
  out += fmt::format("  {} {} {} {}\n", left_cell(name, 20), left_cell(version, 9),
                     left_cell(licence, 14), what);
  out.erase(out.find_last_not_of(" \n") + 1);
  out += "\n";
}

void add_rows(std::string& out, const char* title, const std::vector<Library>& libraries) {
  out += fmt::format("\n{}\n", title);
  for (const Library& one : libraries) {
    add_row(out, one.name, one.version, one.licence, one.what);
  }
}

/// The packages of the charts' script, as the build wrote them down.
void add_script(std::string& out, std::string_view notices) {
  out += "\nIn HTML pages\n";
  while (!notices.empty() && notices.front() != '\n') {
    const std::size_t end = notices.find('\n');
    const std::string_view line = notices.substr(0, end);
    const std::size_t first = line.find('\t'), second = line.find('\t', first + 1);
    add_row(out, line.substr(0, first), line.substr(first + 1, second - first - 1),
            line.substr(second + 1), "charts");
    notices.remove_prefix(end + 1);
  }
}

std::string heading(std::string_view of) {
  return fmt::format("\n{}\n{}\n\n", of, std::string(of.size(), '-'));
}

}  // namespace

std::string licenses_text() {
  std::string out = fmt::format("headroom {} contains and uses work of others.\n", kVersion);
  const std::string_view notices = page_notices();
  if (!notices.empty()) add_script(out, notices);
  add_rows(out, "Compiled in", compiled_in());
  add_rows(out, "Shared libraries", linked());
  for (const Notice& notice : kNotices) {
    out += heading(notice.of) + notice.copyright + "\n" + notice.text;
  }
  if (notices.empty()) return out;
  out += heading("Charts of HTML pages");
  out += notices.substr(notices.find("\n\n") + 2);
  return out;
}

}  // namespace headroom
