// OpenBLAS, found while the program runs: nothing is linked, and a machine without it loses
// `profile measure --device cpu` alone.
//
// Law: one thread, whatever the library was built for. Cost: one dlopen.
// Not here: other BLAS libraries, whose versions nobody could name in a profile.
#pragma once

#include <string>

namespace headroom {

/// The C interface of BLAS as the library exports it (32-bit integers).
struct Blas {
  /// order, transA, transB, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc
  using Sgemm = void (*)(int, int, int, int, int, int, float, const float*, int, const float*, int,
                         float, float*, int);
  Sgemm sgemm = nullptr;
  std::string version{};  ///< "0.3.21"
  std::string core{};     ///< kernels chosen for this processor, "SkylakeX"
};

// Values of CBLAS_ORDER and CBLAS_TRANSPOSE (BLAS Technical Forum Standard, 2001, appendix B).
constexpr int kRowMajor = 101, kNoTrans = 111, kTrans = 112;

/// Throws InputError when there is no OpenBLAS, naming the package that has it.
[[nodiscard]] const Blas& open_blas();

}  // namespace headroom
