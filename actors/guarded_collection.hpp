// A collection of the application's that may fail without anything being lost.
//
// Beside the collection a plain record is kept of what is in it. When the
// collection throws, or gives out what is not in it, or nothing although there
// is something, a built-in one takes its place for good, filled from the
// record; what happened is reported once.
//
// Threading: none of its own. Cost: constant beside that of the collection; the
// change of office costs what is in it.
//
//   guarded_collection<workers, fifo_workers> idle{"idle workers", "mine",
//     registered_workers(), [] { return std::make_unique<lifo_workers>(); }};
#pragma once

#include "charmer/actors/collections.hpp"

#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

namespace charmer {

/// @tparam Collection the interface, callers or workers
/// @tparam Record a built-in collection
template <class Collection, class Record>
class guarded_collection {
public:
  using factory = collection_factory<Collection>;
  using taken = decltype(std::declval<Collection&>().pop());
  using list = decltype(std::declval<Collection&>().to_list());

  /// @param what it holds, for the report: "idle workers"
  /// @param name of a registered collection; empty: the built-in one
  guarded_collection(std::string what, std::string name,
                     const collection_registry<Collection>& known,
                     factory built_in)
      : what_(std::move(what)), name_(std::move(name)),
        built_in_(std::move(built_in)), collection_(built_in_()) {
    if (!name_.empty())
      guard([&] { collection_ = made_by(known.find(name_)); });
  }

  /// Begins anew with these.
  void init(const list& xs) {
    record_.init(xs);
    guard([&] { collection_->init(xs); });
  }

  /// Makes the same change to the collection and to the record.
  template <class Change>
  void change(Change f) {
    f(record_);
    guard([&] { f(*collection_); });
  }

  /// Takes out what is next. Nothing if it is empty.
  taken pop() {
    if (empty())
      return {};
    taken result;
    guard([&] { result = checked(collection_->pop()); });
    if (!result)
      result = collection_->pop(); // the built-in one by now
    drop(*result);
    return result;
  }

  /// As the collection orders it.
  list to_list() {
    list result;
    guard([&] {
      result = collection_->to_list();
      if (result.size() != count())
        throw std::logic_error("it lists " + std::to_string(result.size())
                               + " of " + std::to_string(count()));
    });
    return result.size() == count() ? result : record_.to_list();
  }

  const Record& record() const { return record_; }

  bool empty() const { return record_.empty(); }

  std::size_t count() const { return record_.count(); }

  /// The name of the collection in office; empty: built in.
  const std::string& name() const { return name_; }

  /// What happened, once.
  std::optional<std::string> take_report() {
    return std::exchange(report_, std::nullopt);
  }

private:
  static std::unique_ptr<Collection> made_by(const factory& make) {
    if (!make)
      throw std::invalid_argument("none of that name is registered");
    auto result = make();
    if (!result)
      throw std::logic_error("its factory made none");
    result->init({});
    return result;
  }

  taken checked(taken x) const {
    if (!x)
      throw std::logic_error("it gave out none of " + std::to_string(count()));
    if (!record_.contains(*x))
      throw std::logic_error("it gave out what is not in it");
    return x;
  }

  void drop(const waiting_caller& x) { record_.remove_by_reference(x.request); }

  void drop(worker_reference x) { record_.remove(x); }

  template <class F>
  void guard(F f) {
    try {
      f();
    } catch (const std::exception& e) {
      fall_back(e.what());
    } catch (...) {
      fall_back("it threw what is no std::exception");
    }
  }

  void fall_back(const std::string& why) {
    report_ = "the collection \"" + name_ + "\" of " + what_ + " failed (" + why
              + "): the built-in one has taken its place";
    name_.clear();
    collection_ = built_in_();
    collection_->init(record_.to_list());
  }

  std::string what_;
  std::string name_;
  factory built_in_;
  Record record_;
  std::unique_ptr<Collection> collection_;
  std::optional<std::string> report_;
};

} // namespace charmer
