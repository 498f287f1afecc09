#include "server/sandbox/launcher_image.h"

#include <elf.h>

#include <string>

#include "gtest/gtest.h"

namespace hubd {
namespace {

TEST(LauncherImageTest, IsAProgram) {
  ASSERT_GT(LauncherImage().size(), sizeof(Elf64_Ehdr));
  EXPECT_EQ(std::string(LauncherImage().substr(0, SELFMAG)), ELFMAG);
}

}  // namespace
}  // namespace hubd
