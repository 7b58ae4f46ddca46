# One static library a layer, src/<layer>/*.cpp, linking only downward. A layer without sources yet is an
# interface library, so that the graph above stays whole.
function(nibble_layer name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "/(main|target|target_encode|target_bf16|c_api)\\.cpp$")  # program; once per ISA; libnibble.so
  if(sources)
    add_library(nibble_${name} STATIC ${sources})
    set(scope PUBLIC)
  else()
    add_library(nibble_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(nibble_${name} ${scope} ${CMAKE_SOURCE_DIR}/src)
  list(TRANSFORM ARG_DEPENDS PREPEND nibble_)
  target_link_libraries(nibble_${name} ${scope} ${ARG_DEPENDS} ${ARG_LINK})
endfunction()

# The one binary, build/nibble.
function(nibble_program)
  if(EXISTS ${CMAKE_SOURCE_DIR}/src/surfaces/main.cpp)
    add_executable(nibble ${CMAKE_SOURCE_DIR}/src/surfaces/main.cpp)
    target_link_libraries(nibble PRIVATE nibble_surfaces)
    set_target_properties(nibble PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
  endif()
endfunction()
