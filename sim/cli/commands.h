// The commands, one file each; `command_table` names them. Each returns an exit code
// (sim/cli/exit_codes.h) and throws InputError for bad input.
#pragma once

#include "sim/cli/command_line.h"

namespace headroom {

[[nodiscard]] int command_run(const Invocation& call);
[[nodiscard]] int command_place(const Invocation& call);
[[nodiscard]] int command_validate(const Invocation& call);
[[nodiscard]] int command_edge_compare(const Invocation& call);
[[nodiscard]] int command_list(const Invocation& call);
[[nodiscard]] int command_trace_info(const Invocation& call);
[[nodiscard]] int command_trace_convert(const Invocation& call);
[[nodiscard]] int command_trace_generate(const Invocation& call);
[[nodiscard]] int command_compare(const Invocation& call);
[[nodiscard]] int command_history(const Invocation& call);
[[nodiscard]] int command_plan(const Invocation& call);
[[nodiscard]] int command_sweep(const Invocation& call);
[[nodiscard]] int command_sweep_resume(const Invocation& call);
[[nodiscard]] int command_sweep_status(const Invocation& call);
[[nodiscard]] int command_sweep_merge(const Invocation& call);
[[nodiscard]] int command_sweep_worker(const Invocation& call);
[[nodiscard]] int command_profile_import(const Invocation& call);
[[nodiscard]] int command_profile_calibrate(const Invocation& call);
[[nodiscard]] int command_profile_measure(const Invocation& call);
[[nodiscard]] int command_profile_fit(const Invocation& call);
[[nodiscard]] int command_profile_list(const Invocation& call);
[[nodiscard]] int command_profile_show(const Invocation& call);
[[nodiscard]] int command_profile_export(const Invocation& call);
[[nodiscard]] int command_profile_check(const Invocation& call);
[[nodiscard]] int command_profile_diff(const Invocation& call);
[[nodiscard]] int command_schema(const Invocation& call);
[[nodiscard]] int command_help(const Invocation& call);
[[nodiscard]] int command_version(const Invocation& call);
[[nodiscard]] int command_completion(const Invocation& call);
[[nodiscard]] int command_man(const Invocation& call);

/// Version of the program.
extern const char* const kVersion;

}  // namespace headroom
