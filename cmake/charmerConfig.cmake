# find_package(charmer) gives charmer::charmer.
include(CMakeFindDependencyMacro)
list(PREPEND CMAKE_MODULE_PATH "${CMAKE_CURRENT_LIST_DIR}")
find_dependency(CAF 0.17.6 COMPONENTS core io)
find_dependency(Protobuf)
find_dependency(nlohmann_json)
list(POP_FRONT CMAKE_MODULE_PATH)

include("${CMAKE_CURRENT_LIST_DIR}/charmer_targets.cmake")
if(NOT TARGET charmer::charmer)
  add_library(charmer::charmer ALIAS charmer::actors)
endif()
