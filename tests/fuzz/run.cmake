# Runs one libFuzzer PROGRAM on SEEDS and what earlier runs found (WORK). A finding is left in WORK and named.
# The random seed is fixed unless HEADROOM_FUZZ_SEED is set: a landing does not fail by bad luck, a long search varies it.
set(seconds 2)
if(DEFINED ENV{HEADROOM_FUZZ_SECONDS})
  set(seconds $ENV{HEADROOM_FUZZ_SECONDS})
endif()
set(seed 1)
if(DEFINED ENV{HEADROOM_FUZZ_SEED})
  set(seed $ENV{HEADROOM_FUZZ_SEED})
endif()
file(MAKE_DIRECTORY ${WORK}/corpus)
set(corpora ${WORK}/corpus)
if(IS_DIRECTORY ${SEEDS})
  list(APPEND corpora ${SEEDS})
endif()
execute_process(
  COMMAND ${PROGRAM} -max_total_time=${seconds} -seed=${seed} -timeout=10 -rss_limit_mb=2048 -max_len=16384
    -print_final_stats=1 -artifact_prefix=${WORK}/ ${corpora}
  RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(NOT status EQUAL 0)
  string(LENGTH "${output}" length)
  if(length GREATER 8000)
    math(EXPR start "${length} - 8000")
    string(SUBSTRING "${output}" ${start} -1 output)
  endif()
  message(FATAL_ERROR "${output}")
endif()
string(REGEX MATCH "stat::number_of_executed_units: *[0-9]+" units "${output}")
message(STATUS "${units}")
