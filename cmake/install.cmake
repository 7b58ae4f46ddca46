# libnibble.so, which exports the C API and nothing else, and what `./dev install` puts where.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

add_library(nibble_library SHARED ${CMAKE_SOURCE_DIR}/src/surfaces/c_api.cpp
  ${CMAKE_SOURCE_DIR}/src/surfaces/c_api_weights.cpp)
set_target_properties(nibble_library PROPERTIES OUTPUT_NAME nibble EXPORT_NAME nibble
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR} CXX_VISIBILITY_PRESET hidden)
target_include_directories(nibble_library PUBLIC
  $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
# NIBBLE_C_API_ONLY: the C++ parts of the public headers have the names of the layers below.
target_compile_definitions(nibble_library PRIVATE NIBBLE_VERSION="${PROJECT_VERSION}" NIBBLE_C_API_ONLY)
target_link_libraries(nibble_library PRIVATE $<BUILD_INTERFACE:nibble_engine> $<BUILD_INTERFACE:nibble_transform>)
target_link_options(nibble_library PRIVATE -Wl,--version-script=${CMAKE_SOURCE_DIR}/cmake/exports.map)
set_target_properties(nibble_library PROPERTIES LINK_DEPENDS ${CMAKE_SOURCE_DIR}/cmake/exports.map)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/nibble)
install(TARGETS nibble RUNTIME)
install(TARGETS nibble_library EXPORT nibble_targets LIBRARY)
install(EXPORT nibble_targets NAMESPACE nibble:: DESTINATION ${package_folder})
install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/nibble DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
file(GLOB shipped_models CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/models/nibble-story-*.gguf)
install(FILES ${shipped_models} DESTINATION ${CMAKE_INSTALL_DATADIR}/nibble)

configure_package_config_file(${CMAKE_SOURCE_DIR}/cmake/nibble-config.cmake.in nibble-config.cmake
  INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(nibble-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/nibble-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/nibble-config-version.cmake
  DESTINATION ${package_folder})
# prefix is relative to the file, so that an installation may be moved.
configure_file(${CMAKE_SOURCE_DIR}/cmake/nibble.pc.in nibble.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/nibble.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
