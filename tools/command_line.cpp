#include "charmer/tools/command_line.hpp"

#include "charmer/profiles/units.hpp"
#include "charmer/tools/call_command.hpp"
#include "charmer/tools/check_command.hpp"
#include "charmer/tools/doctor_command.hpp"
#include "charmer/tools/events_command.hpp"
#include "charmer/tools/exit_status.hpp"
#include "charmer/tools/map_command.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>

namespace charmer::tools {

namespace {

constexpr auto about = R"(Pools of supervised Python workers, from a shell.

A pool is described in a file of settings (-c), or made of one adapter
(--adapter): a class derived from charmer.Adapter, a module or a function.)";

constexpr auto about_call = R"(Calls one command and prints its result.

A JSON result becomes one line on stdout; bytes and messages are written as they
are. Errors go to stderr, with the Python traceback. With --stream, each value
of a generator is printed as it comes; a slow reader of the output slows the
generator down, and one that goes away ends it.)";

constexpr auto examples_call = R"(examples:
  charmer call -c pools.json add '{"a": 5, "b": 3}'
  charmer call --adapter calculator:Calculator add '[5, 3]'
  charmer call --adapter streaming --stream lines '{"path": "/etc/services"}'
  echo '{"a": 5, "b": 3}' | charmer call -c pools.json --timeout 5s add -
)";

constexpr auto about_map = R"(Calls a command for each line of the input.

The input is JSON lines: each line is the arguments of one call (an object: by
name; an array: by position; anything else: the only one). The output has one
line for each, in the same order. Blank lines are skipped and give no output.
However long the input, memory stays bounded.

Lines that could not begin because no worker could be had are sent again. A
command that is marked as idempotent is tried again when its worker dies; of
others, the item fails with worker_died.)";

constexpr auto examples_map = R"(examples:
  charmer map -c pools.json word_count < in.jsonl > out.jsonl
  charmer map -c pools.json --on-error record parse < in.jsonl | grep '"error"'
  charmer map --adapter model:Model --size 8 predict --input in.jsonl \
    --output out.jsonl

SIGINT (Ctrl-C) and SIGTERM: what runs is finished (for 2 seconds), what is
finished is printed; a second one ends everything at once.
)";

constexpr auto about_check = R"(Checks pools without using them.

Validates the settings (all mistakes at once), finds the interpreters, starts
one worker of each pool, and lists its commands.)";

constexpr auto examples_check = R"(examples:
  charmer check -c pools.json
  charmer check --adapter calculator:Calculator
)";

constexpr auto about_doctor = R"(Says what stands in the way, and what to do.

For each pool: the interpreter, its version and its GIL, whether protobuf is
there, whether the adapter can be imported, and what the pool's profile asks of
the libraries that it has. Starts no worker and constructs no adapter.

Each line is ok, advice, or TROUBLE: something must be done before the pool can
work; "→" says what.)";

constexpr auto examples_doctor = R"(examples:
  charmer doctor -c pools.json
  charmer doctor -c pools.json --json
  charmer doctor --adapter model:Model --profile thread --python ./venv
)";

constexpr auto about_events = R"(Lists the events that are told.

Each with its name, its lowest severity, when it is told, what it measures and
what it says beside. Those of severity trace are told only to those who ask.)";

// As CLI11's own, but that a subcommand is listed by its first line, and that
// the description is a paragraph of its own.
class formatter : public CLI::Formatter {
public:
  formatter() { column_width(width); }

  std::string make_description(const CLI::App* app) const override {
    return app->get_description() + "\n\n";
  }

  std::string make_subcommand(const CLI::App* app) const override {
    auto text = app->get_description();
    std::stringstream out;
    CLI::detail::format_help(out, app->get_name(),
                             text.substr(0, text.find('\n')), width);
    return out.str();
  }

private:
  static constexpr std::size_t width = 26;
};

void add_duration(CLI::App& to, const std::string& name, timespan& x,
                  const std::string& text) {
  auto read = [&x](const std::string& said) {
    auto parsed = parse_duration(said);
    if (!parsed || *parsed <= timespan{0})
      throw CLI::ValidationError{
          "\"" + said
          + R"(" is no duration; write it as "250ms", "5s" or "2m")"};
    x = *parsed;
  };
  to.add_option_function<std::string>(name, read, text)->type_name("DURATION");
}

template <class Enum>
using words = std::vector<std::pair<std::string, Enum>>;

/// A function that takes one of the words.
template <class Enum>
std::function<void(const std::string&)> chooser(std::string name,
                                                words<Enum> known, Enum& x) {
  return [=, &x](const std::string& said) {
    std::string allowed;
    for (auto& [word, value] : known) {
      if (word == said) {
        x = value;
        return;
      }
      allowed += (allowed.empty() ? "" : ", ") + word;
    }
    throw CLI::ValidationError{name + ": \"" + said
                               + "\" is none of: " + allowed};
  };
}

template <class Enum>
void add_choice(CLI::App& to, const std::string& name, words<Enum> known,
                Enum& x, const std::string& text) {
  std::string type;
  for (auto& [word, value] : known)
    type += (type.empty() ? "" : "|") + word;
  to.add_option_function<std::string>(name, chooser(name, std::move(known), x),
                                      text)
      ->type_name(type);
}

// Flags that may be followed by "=json"; a word after a space is no value of
// them, but the command.
void add_report_options(CLI::App& to, reports& x) {
  words<report_format> known{{"text", report_format::text},
                             {"json", report_format::json}};
  const std::string events =
      "Print what happens in the supervision tree as lines\n"
      "on stderr; --events=json: as JSON";
  const std::string tree =
      "Print the supervision tree on stderr when the work\n"
      "is over, however it ended, before the pools stop;\n"
      "--tree=json: as JSON on one line";
  to.add_flag("--events{text}", events)
      ->each(chooser("--events", known, x.events));
  to.add_flag("--tree{text}", tree)->each(chooser("--tree", known, x.tree));
}

// -- which pools --------------------------------------------------------------

void add_file_options(CLI::App& app, pool_choice& x, bool one) {
  constexpr auto group = "Pools of a file";
  auto* file = app.add_option("-c,--config", x.file, "The settings of pools")
                   ->type_name("FILE")
                   ->group(group);
  if (one)
    app.add_option("--pool", x.pool,
                   "Which pool of the file, if there are several and\n"
                   "none is called \"default\"")
        ->type_name("NAME")
        ->group(group)
        ->needs(file);
}

void add_adapter_options(CLI::App& app, pool_choice& x) {
  constexpr auto group = "A pool without a file";
  auto* adapter =
      app.add_option("--adapter", x.adapter,
                     "What the workers run: \"module:name\" or \"module\",\n"
                     "found in the current folder, too")
          ->type_name("MODULE:NAME")
          ->group(group);
  auto add = [&](const char* name, auto& value, const char* type,
                 const char* text) {
    app.add_option(name, value, text)
        ->type_name(type)
        ->group(group)
        ->needs(adapter)
        ->allow_extra_args(false);
  };
  add("--size", x.size, "N", "The number of workers; 4 if not said");
  add("--python", x.python, "PATH",
      "The interpreter, or a virtual environment");
  add("--python-path", x.python_path, "DIR",
      "Put before sys.path; may be repeated");
  add("--profile", x.profile, "NAME",
      "The kind of workers; \"process\" if not said");
}

void add_pool_options(CLI::App& app, pool_choice& x, bool one) {
  add_file_options(app, x, one);
  add_adapter_options(app, x);
  app.parse_complete_callback([&x] {
    if (x.file.empty() == x.adapter.empty())
      throw CLI::ValidationError{"either -c FILE or --adapter MODULE:NAME says "
                                 "which pools are meant"};
  });
}

// -- subcommands --------------------------------------------------------------

CLI::App* add_call(CLI::App& to, call_arguments& x) {
  auto* app = to.add_subcommand("call", about_call);
  app->add_option("COMMAND", x.command, "A command of the adapter")
      ->type_name("")
      ->required();
  app->add_option("ARGS", x.arguments,
                  "JSON: an object holds arguments by name, an array\n"
                  "by position, anything else is the only one;\n"
                  "\"-\": read it from stdin; {} if not said")
      ->type_name("");
  add_pool_options(*app, x.pools, true);
  add_duration(*app, "--timeout", x.timeout,
               "How long it may take; else the pool's\n"
               "request_timeout, or stream_timeout");
  app->add_flag("--stream", x.stream,
                "Print each value of a generator as it comes");
  app->add_option("--session", x.session,
                  "What charmer.session() is called in the command")
      ->type_name("NAME");
  add_report_options(*app, x.told);
  app->footer(examples_call + ('\n' + describe_exit_statuses()));
  return app;
}

CLI::App* add_map(CLI::App& to, map_arguments& x) {
  auto* app = to.add_subcommand("map", about_map);
  app->add_option("COMMAND", x.command, "A command of the adapter")
      ->type_name("")
      ->required();
  add_pool_options(*app, x.pools, true);
  app->add_option("--input", x.input, "Read this instead of stdin")
      ->type_name("FILE");
  app->add_option("--output", x.output, "Write this instead of stdout")
      ->type_name("FILE");
  add_choice(*app, "--on-error",
             {{"stop", on_error::stop},
              {"skip", on_error::skip},
              {"record", on_error::record}},
             x.errors,
             "What becomes of an item that fails: it ends\n"
             "everything (stop, the default), it is left out, or\n"
             "{\"error\": {\"code\", \"text\", \"line\", ...}}\n"
             "takes its place");
  add_duration(*app, "--timeout", x.timeout,
               "How long one item may take; else the pool's\n"
               "request_timeout");
  add_duration(*app, "--patience", x.patience,
               "How long to go on while no worker can be had;\n"
               "60s if not said");
  add_choice(*app, "--progress",
             {{"auto", progress_mode::automatic},
              {"always", progress_mode::always},
              {"never", progress_mode::never}},
             x.progress,
             "Draw a progress bar on stderr; auto, the default:\n"
             "if that is a terminal");
  add_report_options(*app, x.told);
  app->add_flag("--summary", x.summary,
                "Say at the end what was done, also if stderr is\n"
                "no terminal");
  app->footer(examples_map + ('\n' + describe_exit_statuses()));
  return app;
}

CLI::App* add_check(CLI::App& to, check_arguments& x) {
  auto* app = to.add_subcommand("check", about_check);
  add_pool_options(*app, x.pools, false);
  app->footer(examples_check + ('\n' + describe_exit_statuses()));
  return app;
}

CLI::App* add_doctor(CLI::App& to, doctor_arguments& x) {
  auto* app = to.add_subcommand("doctor", about_doctor);
  add_pool_options(*app, x.pools, false);
  app->add_flag("--json", x.as_json, "Print one JSON object");
  add_duration(*app, "--limit", x.limit,
               "How long an import of an adapter may take; 60s if\n"
               "not said");
  app->footer(examples_doctor + ('\n' + describe_exit_statuses()));
  return app;
}

CLI::App* add_events(CLI::App& to, events_arguments& x) {
  auto* app = to.add_subcommand("events", about_events);
  app->add_flag("--json", x.as_json, "Print a JSON array");
  return app;
}

int parse_and_run(int argc, char** argv) {
  CLI::App app{about, "charmer"};
  app.set_version_flag("--version", "charmer " CHARMER_VERSION);
  app.require_subcommand(1);
  app.formatter(std::make_shared<formatter>());
  app.footer("charmer SUBCOMMAND --help says more.\n\n"
             + describe_exit_statuses());
  call_arguments call;
  map_arguments map;
  check_arguments check;
  auto* call_app = add_call(app, call);
  auto* map_app = add_map(app, map);
  auto* check_app = add_check(app, check);
  events_arguments events;
  auto* events_app = add_events(app, events);
  doctor_arguments doctor;
  add_doctor(app, doctor);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    auto status = app.exit(e);
    return status == 0 ? 0 : static_cast<int>(exit_status::usage);
  }
  if (call_app->parsed())
    return static_cast<int>(call_command(call));
  if (map_app->parsed())
    return static_cast<int>(map_command(map));
  if (check_app->parsed())
    return static_cast<int>(check_command(check));
  if (events_app->parsed())
    return static_cast<int>(events_command(events));
  return static_cast<int>(doctor_command(doctor));
}

} // namespace

namespace {

// A descriptor that the shell closed would be given to something else, and that
// would be read and written in its place. These can be neither.
void fill_standard_descriptors() {
  for (int fd = 0; fd <= 2; ++fd)
    if (::fcntl(fd, F_GETFD) == -1)
      ::open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

} // namespace

int run(int argc, char** argv) {
  fill_standard_descriptors();
  try {
    return parse_and_run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "charmer: internal error: %s\n", e.what());
    return static_cast<int>(exit_status::internal);
  }
}

} // namespace charmer::tools
