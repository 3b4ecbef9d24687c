# The CUDA microbenchmarks of profiles/: nvcc compiles the kernels, the C++ compiler what drives them.
if(NOT HEADROOM_CUDA)
  return()
endif()

find_program(HEADROOM_NVCC nvcc HINTS ENV CUDA_HOME PATHS /usr/local/cuda PATH_SUFFIXES bin)
if(NOT HEADROOM_NVCC)
  message(FATAL_ERROR "HEADROOM_CUDA needs nvcc: install the CUDA toolkit, or leave HEADROOM_CUDA off")
endif()
set(CMAKE_CUDA_COMPILER ${HEADROOM_NVCC})
# What Debian 12's CMake knows of nvcc; kernels need no more.
set(CMAKE_CUDA_STANDARD 17)
# A100, H100, B200; other GPUs of these families run the same code.
set(HEADROOM_CUDA_ARCHITECTURES "80;90;100" CACHE STRING "GPUs that kernels are compiled for, or native")
set(CMAKE_CUDA_ARCHITECTURES ${HEADROOM_CUDA_ARCHITECTURES})
if(CCACHE_PROGRAM AND NOT CMAKE_CUDA_COMPILER_LAUNCHER)
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()
enable_language(CUDA)
find_package(CUDAToolkit REQUIRED)
find_path(CUDNN_INCLUDE cudnn_graph.h HINTS ${CUDAToolkit_INCLUDE_DIRS})
find_library(CUDNN_LIBRARY cudnn HINTS ${CUDAToolkit_LIBRARY_DIR})
find_library(CUDNN_GRAPH_LIBRARY cudnn_graph HINTS ${CUDAToolkit_LIBRARY_DIR})

# cuBLAS is linked, and cuDNN where it is; NCCL, NVML and the driver are looked for while the program runs. Only the files that need CUDA see it,
# so that the others' compiled objects are those of any other build.
function(headroom_add_cuda target)
  foreach(file blas collectives cudnn device machine partition)
    set_source_files_properties(${PROJECT_SOURCE_DIR}/profiles/cuda_${file}.cu PROPERTIES LANGUAGE CXX)
  endforeach()
  set_source_files_properties(${PROJECT_SOURCE_DIR}/profiles/measure_devices.cpp PROPERTIES
    COMPILE_DEFINITIONS HEADROOM_CUDA)
  if(CUDNN_INCLUDE AND CUDNN_LIBRARY AND CUDNN_GRAPH_LIBRARY)
    set_source_files_properties(${PROJECT_SOURCE_DIR}/profiles/cuda_cudnn.cu PROPERTIES
      COMPILE_DEFINITIONS HEADROOM_CUDNN COMPILE_OPTIONS "-isystem${CUDNN_INCLUDE}")
    target_link_libraries(${target} PUBLIC ${CUDNN_GRAPH_LIBRARY} ${CUDNN_LIBRARY})
  endif()
  target_compile_options(${target} PRIVATE
    "$<$<COMPILE_LANGUAGE:CUDA>:$<$<BOOL:${HEADROOM_WERROR}>:-Werror=all-warnings>>")
  target_link_libraries(${target} PUBLIC
    $<LINK_ONLY:CUDA::cudart_static> $<LINK_ONLY:CUDA::cublasLt> $<LINK_ONLY:CUDA::cublas>)
endfunction()
