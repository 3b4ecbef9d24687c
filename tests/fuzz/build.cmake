# Configures and builds the libFuzzer programs of SOURCE in BUILD with the compiler CXX.
function(step)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${output}")
  endif()
endfunction()

cmake_host_system_information(RESULT processors QUERY NUMBER_OF_LOGICAL_CORES)
cmake_host_system_information(RESULT memory_mib QUERY AVAILABLE_PHYSICAL_MEMORY)
math(EXPR jobs "${memory_mib} / 1024")  # a large file takes about 1 GiB
if(jobs LESS 1)
  set(jobs 1)
elseif(jobs GREATER processors)
  set(jobs ${processors})
endif()
step(${CMAKE_COMMAND} -S ${SOURCE} -B ${BUILD} -G ${GENERATOR} -DCMAKE_CXX_COMPILER=${CXX}
  -DCMAKE_BUILD_TYPE=Release -DHEADROOM_FUZZ=ON -DHEADROOM_TESTS=OFF -DHEADROOM_WERROR=OFF)
step(${CMAKE_COMMAND} --build ${BUILD} --target fuzzers --parallel ${jobs})
