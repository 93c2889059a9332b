# charmer_readme_snippet(LANGUAGE FILE [NUMBER]): writes the README's code block
# of that language to FILE, the first one or that of the given number, so that
# what the README shows is what is tested.
function(charmer_readme_snippet language file)
  set(number 1)
  if(ARGC GREATER 2)
    set(number ${ARGV2})
  endif()
  file(READ "${PROJECT_SOURCE_DIR}/README.md" text)
  set_property(
    DIRECTORY
    APPEND
    PROPERTY CMAKE_CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/README.md")
  set(opening "```${language}\n")
  string(LENGTH "${opening}" length)
  foreach(i RANGE 1 ${number})
    string(FIND "${text}" "${opening}" begin)
    if(begin EQUAL -1)
      message(FATAL_ERROR "README.md has no block ${i} of ${language}")
    endif()
    math(EXPR begin "${begin} + ${length}")
    string(SUBSTRING "${text}" ${begin} -1 text)
  endforeach()
  string(FIND "${text}" "```" end)
  string(SUBSTRING "${text}" 0 ${end} text)
  file(CONFIGURE OUTPUT "${file}" CONTENT "${text}" @ONLY)
endfunction()
