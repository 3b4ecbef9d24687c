// Runs something in a child process and says whether it stopped on a broken law (SIM_CHECK aborts).
#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace headroom::testing {

template <class Action>
[[nodiscard]] bool aborts(Action action) {
  const pid_t child = fork();
  if (child == 0) {
    // Catch2 reports signals of its own accord; the child is to end by SIGABRT and in silence.
    std::signal(SIGABRT, SIG_DFL);
    const int null = open("/dev/null", O_WRONLY);
    dup2(null, STDERR_FILENO);
    dup2(null, STDOUT_FILENO);
    action();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

}  // namespace headroom::testing
