#include "profiles/measure_blas.h"

#include <dlfcn.h>

#include <cstring>

#include "sim/check.h"

namespace headroom {
namespace {

template <class Function>
Function symbol(void* library, const char* name) {
  void* address = ::dlsym(library, name);
  Function function = nullptr;
  static_assert(sizeof function == sizeof address);
  std::memcpy(&function, &address, sizeof function);
  return function;
}

/// "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ...": its second word.
std::string version_in(const std::string& config) {
  const std::size_t begin = config.find(' ');
  if (begin == std::string::npos) return config;
  return config.substr(begin + 1, config.find(' ', begin + 1) - begin - 1);
}

Blas load() {
  // The serial build first: Debian keeps it in a folder of its own beside the threaded ones.
  void* library = nullptr;
  for (const char* name : {"libopenblas.so.0", "libopenblas.so"}) {
    library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (library != nullptr) break;
  }
  const char* const remedy =
      "expected OpenBLAS, whose kernels are measured, got none on this machine; install it "
      "(Debian and Ubuntu: apt-get install libopenblas0-serial)";
  if (library == nullptr) throw InputError("--device cpu", remedy);
  Blas blas;
  blas.sgemm = symbol<Blas::Sgemm>(library, "cblas_sgemm");
  const auto config = symbol<char* (*)()>(library, "openblas_get_config");
  const auto core = symbol<char* (*)()>(library, "openblas_get_corename");
  const auto threads = symbol<void (*)(int)>(library, "openblas_set_num_threads");
  if (blas.sgemm == nullptr || config == nullptr || core == nullptr || threads == nullptr)
    throw InputError("--device cpu", remedy);
  threads(1);
  blas.version = version_in(config());
  blas.core = core();
  return blas;
}

}  // namespace

const Blas& open_blas() {
  static const Blas kBlas = load();
  return kBlas;
}

}  // namespace headroom
