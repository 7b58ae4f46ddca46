# One static library a layer, src/<layer>/*.cpp, linking only downward. A layer without sources yet is an
# interface library, so that the graph above stays whole.
function(nibble_layer name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "/(main|target(_[a-z0-9]+)?|c_api|c_api_weights)\\.cpp$")  # program; once per ISA; libnibble.so
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

# The default of run, chat and the server: the trained F16 weights, quantized by the program just built, beside it.
function(nibble_default_model)
  set(trained ${CMAKE_SOURCE_DIR}/models/nibble-story-f16.gguf)
  if(CMAKE_CROSSCOMPILING OR NOT TARGET nibble OR NOT EXISTS ${trained})
    return()
  endif()
  set(made ${CMAKE_BINARY_DIR}/nibble-story-q8_0.gguf)
  add_custom_command(OUTPUT ${made} COMMAND nibble quantize ${trained} ${made} Q8_0 -q DEPENDS nibble ${trained} VERBATIM
    COMMENT "Quantizing the model that comes with nibble")
  add_custom_target(default_model ALL DEPENDS ${made})
  install(FILES ${made} DESTINATION ${CMAKE_INSTALL_DATADIR}/nibble)
endfunction()
