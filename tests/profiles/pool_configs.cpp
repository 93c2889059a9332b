// Settings that are asked by the name of a pool; and the table of all settings
// that people read, which is made of the same one as the reader and the checks.
#include "charmer/profiles/pool_configs.hpp"
#include "charmer/profiles/errors.hpp"
#include "charmer/profiles/settings_reference.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

using namespace charmer;

namespace {

settings two_pools() {
  settings x;
  x.pools = {{.adapter = "a:A"},
             {.name = "compute", .profile = "thread", .adapter = "b:B"}};
  return x;
}

std::string text_of(const std::string& file) {
  std::ifstream in{file};
  return {std::istreambuf_iterator<char>{in}, {}};
}

} // namespace

TEST_CASE("a pool's settings are found by its name") {
  auto all = two_pools();
  CHECK(get_pool_configs(all).size() == 2);
  CHECK(get_pool_config(all)->adapter == "a:A");
  CHECK(get_pool_config(all, "compute")->adapter == "b:B");
  auto none = get_pool_config(all, "other");
  REQUIRE(!none);
  CHECK(none.error() == pool_errc::no_such_pool);
  CHECK(describe(none.error()).find("default, compute") != std::string::npos);
  CHECK(get_pool_config(settings{}).error() == pool_errc::no_such_pool);
}

TEST_CASE("where pooling is not enabled no pool is started") {
  auto all = two_pools();
  all.pooling_enabled = false;
  CHECK(get_pool_configs(all).empty());
  CHECK(get_pool_config(all));
}

TEST_CASE("which profile a pool has, by its name and as what it is") {
  auto all = two_pools();
  CHECK_FALSE(is_thread_profile(all));
  CHECK(is_thread_profile(all, "compute"));
  CHECK_FALSE(is_thread_profile(all, "other"));
  CHECK(*get_profile(all) == *find_profile("process"));
  CHECK(*get_profile(all, "compute") == *find_profile("thread"));
  CHECK(get_profile(all, "other").error() == pool_errc::no_such_pool);
  all.pools[0].profile = "nobody's";
  CHECK(get_profile(all).error() == pool_errc::invalid_settings);
}

// CHARMER_UPDATE=1 writes it anew.
TEST_CASE("the table of settings that people read is up to date") {
  std::string file = CHARMER_TEST_DATA "/../../profiles/SETTINGS.md";
  auto expected = settings_reference();
  if (std::getenv("CHARMER_UPDATE") != nullptr)
    std::ofstream{file} << expected;
  CHECK_MESSAGE(text_of(file) == expected,
                "profiles/SETTINGS.md is old: CHARMER_UPDATE=1 and this test");
}
