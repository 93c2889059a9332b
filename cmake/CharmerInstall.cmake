# cmake --install: the libraries with their public headers, the command, the
# Python package, and what find_package(charmer) reads.
include(CMakePackageConfigHelpers)

set(rooms supervision wire profiles actors)
foreach(room IN LISTS rooms)
  file(GLOB headers CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/${room}/*.hpp")
  foreach(header IN LISTS headers)
    file(STRINGS "${header}" first_line LIMIT_COUNT 1)
    if(first_line MATCHES "private" OR header MATCHES "/charmer\\.hpp$")
      list(REMOVE_ITEM headers "${header}")
    endif()
  endforeach()
  install(FILES ${headers}
          DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/charmer/${room}")
  set_target_properties(charmer_${room} PROPERTIES EXPORT_NAME ${room})
  list(APPEND libraries charmer_${room})
endforeach()
install(FILES "${PROJECT_SOURCE_DIR}/actors/charmer.hpp"
        DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/charmer")
install(TARGETS ${libraries} EXPORT charmer_targets
        ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")

set(config "${CMAKE_INSTALL_LIBDIR}/cmake/charmer")
install(EXPORT charmer_targets NAMESPACE charmer:: DESTINATION "${config}")
write_basic_package_version_file(
  "${PROJECT_BINARY_DIR}/charmerConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_SOURCE_DIR}/cmake/charmerConfig.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/FindCAF.cmake"
              "${PROJECT_BINARY_DIR}/charmerConfigVersion.cmake"
        DESTINATION "${config}")

# Where the command looks for it, seen from its own folder.
set(package "${CMAKE_INSTALL_DATADIR}/charmer/python")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/python/" DESTINATION "${package}"
        FILES_MATCHING
        PATTERN "*.py"
        PATTERN "*.json"
        PATTERN "py.typed"
        PATTERN "__pycache__" EXCLUDE)
install(FILES "${PROJECT_BINARY_DIR}/python/charmer/wire/frames_pb2.py"
        DESTINATION "${package}/charmer/wire")
