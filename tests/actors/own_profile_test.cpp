// A profile of the application's, chosen by a settings file.
#include "pool_fixture.hpp"

using namespace charmer_tests;

namespace {

// Remembers with which settings it was to start its workers, and has what a
// profile must have.
class attentive : public worker_profile {
public:
  caf::expected<caf::actor> start_worker(caf::actor_system& sys,
                                         worker_start what) override {
    auto host = what.host;
    auto who = sys.spawn([host](caf::event_based_actor* self) -> caf::behavior {
      self->set_exit_handler([=](caf::exit_msg& x) {
        host->retiring();
        self->quit(x.reason);
      });
      return {[](const std::string& x) { return x; }};
    });
    on_exit(who, [host](const caf::error&) {
      host->died(
          {make_error(pool_errc::worker_died, std::string{"gone"}), true});
    });
    {
      std::lock_guard guard{mutex_};
      settings_.push_back(*what.settings);
    }
    host->ready({.handle = who});
    return who;
  }

  std::uint32_t get_capacity(const pool_settings& x) const override {
    return x.threads_per_worker;
  }

  std::vector<pool_settings> seen() {
    std::lock_guard guard{mutex_};
    return settings_;
  }

private:
  std::mutex mutex_;
  std::vector<pool_settings> settings_;
};

} // namespace

TEST_CASE("a profile gets the settings of its pool, merged, and need say "
          "nothing of its workers") {
  auto profile = std::make_shared<attentive>();
  register_profile("attentive", profile);
  auto read = settings::from_json(R"({
    "worker_profile": "attentive", "adapter_module": "mine", "pool_size": 2,
    "pool_config": {"pool_size": 3, "threads_per_worker": 5,
                    "max_queue_size": 11}})");
  REQUIRE_MESSAGE(read, describe(read ? caf::error{} : read.error()));
  config cfg;
  caf::actor_system sys{cfg};
  auto app = start(sys, std::move(*read));
  REQUIRE_MESSAGE(app, describe(app ? caf::error{} : app.error()));
  REQUIRE(!app->await_all(limit));
  auto seen = profile->seen();
  REQUIRE(seen.size() == 2);
  for (auto& x : seen) {
    CHECK(x.name == "default");
    CHECK(x.adapter == "mine");
    CHECK(x.size == 2);
    CHECK(x.max_queue_size == 11);
  }
  auto metadata = app->metadata();
  REQUIRE(metadata);
  REQUIRE(metadata->size() == 2);
  for (auto& x : *metadata) {
    CHECK(x.profile == "attentive");
    CHECK(x.capacity == 5);
    CHECK(x.load == 0);
    CHECK(x.pid == 0);
  }
  caf::scoped_actor self{sys};
  auto pool = *app->pool();
  request(self, pool.actor(), limit, std::string{"hello"})
      .receive([](const std::string& x) { CHECK(x == "hello"); },
               [](caf::error& e) { FAIL(describe(e)); });
}
