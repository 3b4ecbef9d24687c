# Compiles FILE with CASE=0, which must succeed, then each piece that FILE announces in a line
#   // case N: what must not compile | pattern of the compiler's reason
# which must fail for that reason: a piece broken by a typing error proves nothing.
function(compile number status reason)
  execute_process(
    COMMAND ${CXX} -std=c++20 -fsyntax-only -Wall -Werror=unused-result -I${ROOT} -DCASE=${number} ${FILE}
    RESULT_VARIABLE result ERROR_VARIABLE errors OUTPUT_QUIET)
  set(${status} ${result} PARENT_SCOPE)
  set(${reason} "${errors}" PARENT_SCOPE)
endfunction()

set(ENV{LC_ALL} C)
compile(0 status reason)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${FILE}: the code that must compile does not:\n${reason}")
endif()

file(STRINGS ${FILE} cases REGEX "^// case [0-9]+: ")
list(LENGTH cases count)
if(count EQUAL 0)
  message(FATAL_ERROR "${FILE}: no line '// case N: what | pattern'")
endif()
foreach(line IN LISTS cases)
  if(NOT line MATCHES "^// case ([0-9]+): (.+) [|] (.+)$")
    message(FATAL_ERROR "${FILE}: expected '// case N: what | pattern', got '${line}'")
  endif()
  set(number ${CMAKE_MATCH_1})
  set(what "${CMAKE_MATCH_2}")
  set(pattern "${CMAKE_MATCH_3}")
  compile(${number} status reason)
  if(status EQUAL 0)
    message(FATAL_ERROR "${FILE}: case ${number} compiles, and must not: ${what}")
  elseif(NOT reason MATCHES "error: [^\n]*(${pattern})")
    message(FATAL_ERROR "${FILE}: case ${number} (${what}) fails for another reason than '${pattern}':\n${reason}")
  endif()
endforeach()
message(STATUS "${count} pieces are refused")
