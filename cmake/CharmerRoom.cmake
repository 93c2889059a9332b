# charmer_room(NAME
#   SOURCES a.cpp …        what the room consists of
#   LINK  other targets    rooms and packages its headers need
#   PRIVATE_LINK targets   packages that only its sources need
#   PRECOMPILE headers)    the heavy headers of others
#
# One room of the house becomes one library charmer_NAME, alias charmer::NAME.
# Headers are included as <charmer/NAME/header.hpp> in the tree and after
# installation alike: the build folder holds an include tree of links.

set(CHARMER_INCLUDE_TREE "${PROJECT_BINARY_DIR}/include")

add_library(charmer_build_flags INTERFACE)
target_compile_features(charmer_build_flags INTERFACE cxx_std_20)
target_compile_options(charmer_build_flags INTERFACE -Wall -Wextra -Wpedantic
                                                     -Wno-missing-field-initializers)
if(CHARMER_WERROR)
  target_compile_options(charmer_build_flags INTERFACE -Werror)
endif()
if(CHARMER_SANITIZE)
  target_compile_options(
    charmer_build_flags INTERFACE -fsanitize=${CHARMER_SANITIZE}
                                  -fno-omit-frame-pointer)
  target_link_options(charmer_build_flags INTERFACE
                      -fsanitize=${CHARMER_SANITIZE})
  if(CHARMER_SANITIZE MATCHES "undefined")
    # What is found ends the test. CAF 0.17.6 itself binds a reference to null
    # where a spawned function has no arguments (init_fun_factory.hpp).
    target_compile_options(charmer_build_flags
                           INTERFACE -fno-sanitize-recover=all
                                     -fno-sanitize=null)
  endif()
endif()

function(charmer_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;LINK;PRIVATE_LINK;PRECOMPILE"
                        ${ARGN})
  file(MAKE_DIRECTORY "${CHARMER_INCLUDE_TREE}/charmer")
  file(CREATE_LINK "${CMAKE_CURRENT_SOURCE_DIR}"
       "${CHARMER_INCLUDE_TREE}/charmer/${name}" SYMBOLIC)
  add_library(charmer_${name} STATIC ${ROOM_SOURCES})
  add_library(charmer::${name} ALIAS charmer_${name})
  target_include_directories(
    charmer_${name} PUBLIC "$<BUILD_INTERFACE:${CHARMER_INCLUDE_TREE}>"
                           "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
  target_link_libraries(
    charmer_${name}
    PUBLIC ${ROOM_LINK}
    PRIVATE ${ROOM_PRIVATE_LINK} $<BUILD_INTERFACE:charmer_build_flags>)
  target_precompile_headers(charmer_${name} PRIVATE ${ROOM_PRECOMPILE})
endfunction()
