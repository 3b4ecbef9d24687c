// The program: everything it does is in the library, so that tests can call it.
#include <string>
#include <vector>

#include "sim/cli/command_line.h"
#include "sim/cli/terminal.h"

int main(int count, char** words) {
  headroom::ignore_write_signals();
  return headroom::run_program(std::vector<std::string>(words + 1, words + count));
}
