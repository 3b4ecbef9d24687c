# What HTML reports carry beside their content, put into the reports library: style sheet, loader, and the charts' script,
# which npm and esbuild make where they are installed (reports/assets/bundle.sh).
option(HEADROOM_REPORT_CHARTS "Build Apache ECharts into HTML reports (needs node, npm and a package registry)" ON)

set(assets ${PROJECT_SOURCE_DIR}/reports/assets)
set(made ${PROJECT_BINARY_DIR}/report_assets)
file(MAKE_DIRECTORY ${made})
if(HEADROOM_REPORT_CHARTS AND NOT HEADROOM_FUZZ)
  add_custom_command(OUTPUT ${made}/charts.b64 ${made}/notices.txt
    COMMAND bash ${assets}/bundle.sh ${assets} ${made}/work ${made}/charts.b64 ${made}/notices.txt
    DEPENDS ${assets}/bundle.sh ${assets}/package.json ${assets}/package-lock.json
            ${assets}/charts.js ${assets}/controls.js ${assets}/sorting.js
    COMMENT "Bundling the charts of HTML reports" VERBATIM)
else()
  file(WRITE ${made}/charts.b64 "")
  file(WRITE ${made}/notices.txt "")
endif()

# An assembler file: a megabyte of text as C++ takes seconds to compile.
enable_language(ASM)
set(assembler "  .section .note.GNU-stack,\"\",%progbits\n  .section .rodata\n")
foreach(asset "style;${assets}/page.css" "loader;${assets}/loader.js" "charts;${made}/charts.b64"
        "notices;${made}/notices.txt")
  list(GET asset 0 name)
  list(GET asset 1 file)
  string(APPEND assembler "  .global headroom_page_${name}_begin\n  .global headroom_page_${name}_end\n"
    "headroom_page_${name}_begin:\n  .incbin \"${file}\"\nheadroom_page_${name}_end:\n  .byte 0\n")
endforeach()
file(GENERATE OUTPUT ${made}/assets.s CONTENT "${assembler}")
set_source_files_properties(${made}/assets.s PROPERTIES GENERATED ON LANGUAGE ASM
  OBJECT_DEPENDS "${made}/charts.b64;${made}/notices.txt;${assets}/page.css;${assets}/loader.js")
target_sources(reports PRIVATE ${made}/assets.s)
