// The `charmer` command.
#include "charmer/tools/command_line.hpp"

int main(int argc, char** argv) {
  return charmer::tools::run(argc, argv);
}
