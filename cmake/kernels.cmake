# The only place where ISA names and flags stand: "name header flags...". Worst first; the last one that a CPU can run is used.
# "avx512vnni256" is AVX-VNNI's arithmetic in its AVX-512VL encoding, so that it can be tested where AVX-VNNI is missing.
set(isas "scalar scalar.h -O2")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set(avx2 "-mavx2 -mfma -mf16c -mbmi2")
  set(avx512 "${avx2} -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni -mprefer-vector-width=512")
  list(APPEND isas
    "avx2 avx2.h ${avx2}"
    "avxvnni avx2.h ${avx2} -mavxvnni"
    "avx512vnni256 avx2.h ${avx2} -mavx512f -mavx512vl -mavx512vnni"
    "avx512 avx512.h ${avx512}"
    "amx avx512.h ${avx512} -mamx-tile -mamx-int8 -mgfni")
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  list(APPEND isas
    "neon_dot neon.h -march=armv8.2-a+dotprod+fp16"
    "neon_i8mm neon.h -march=armv8.2-a+dotprod+fp16+i8mm")
endif()

set(NIBBLE_ISAS "" CACHE STRING "only these instruction sets, and scalar; empty: all that the compiler knows")
if(NIBBLE_ISAS)
  set(wanted scalar ${NIBBLE_ISAS})
  foreach(row IN LISTS isas)
    string(REGEX MATCH "^[^ ]+" name "${row}")
    if(NOT name IN_LIST wanted)
      list(REMOVE_ITEM isas "${row}")
    endif()
  endforeach()
endif()

# What every object of kernels is compiled with. They index with ints of known range, a table may leave a helper unused on some ISA, and
# g++ 12 warns falsely about uninitialized values in its own intrinsics. Instrumented by sanitizers and fully optimized, an object takes
# it over ten minutes; and what is undefined is so in the scalar kernels too, which are the same algorithms.
function(nibble_kernel_options target name optimize)
  set(options ${optimize} -fno-math-errno -fno-trapping-math -Wno-psabi -Wno-conversion -Wno-unused-function -Wno-maybe-uninitialized
    -Wno-uninitialized ${ARGN})
  if(CMAKE_CXX_FLAGS MATCHES "-fsanitize")
    list(APPEND options -O1 -fno-var-tracking-assignments)
    if(NOT name STREQUAL "scalar")
      list(APPEND options -fno-sanitize=undefined)
    endif()
  endif()
  target_compile_options(${target} PRIVATE ${options})
endfunction()

nibble_layer(kernels DEPENDS base formats)
set(isa_list "")
foreach(row IN LISTS isas)
  separate_arguments(row UNIX_COMMAND "${row}")
  list(POP_FRONT row name header)
  # Three objects: whoever changes one of them does not wait for the others.
  foreach(part "kernels target -O3" "encode target_encode -O2" "decode target_decode -O3")
    separate_arguments(part)
    list(POP_FRONT part object source optimize)
    add_library(nibble_${object}_${name} OBJECT ${CMAKE_SOURCE_DIR}/src/kernels/${source}.cpp)
    target_include_directories(nibble_${object}_${name} PRIVATE ${CMAKE_SOURCE_DIR}/src)
    nibble_kernel_options(nibble_${object}_${name} ${name} ${optimize} ${row})
    target_compile_definitions(nibble_${object}_${name} PRIVATE NIBBLE_ISA_HEADER="kernels/isa/${header}"
      NIBBLE_ISA_NAME="${name}" NIBBLE_ISA_TABLE=kernel_table_${name} NIBBLE_ISA_ENCODE=encode_blocks_${name}
      NIBBLE_ISA_DECODE=decode_kernels_${name})
    target_sources(nibble_kernels PRIVATE $<TARGET_OBJECTS:nibble_${object}_${name}>)
  endforeach()
  string(APPEND isa_list "NIBBLE_ISA(${name})\n")
endforeach()
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")  # the option --fast-bf16: objects of their own, as they keep other bit rules
  foreach(row IN ITEMS "avx512 ${avx512} -mavx512bf16" "amx ${avx512} -mavx512bf16 -mamx-tile -mamx-int8 -mamx-bf16")
    separate_arguments(row UNIX_COMMAND "${row}")
    list(POP_FRONT row name)
    add_library(nibble_bf16_${name} OBJECT ${CMAKE_SOURCE_DIR}/src/kernels/target_bf16.cpp)
    target_include_directories(nibble_bf16_${name} PRIVATE ${CMAKE_SOURCE_DIR}/src)
    nibble_kernel_options(nibble_bf16_${name} ${name} -O3 ${row})
    target_compile_definitions(nibble_bf16_${name} PRIVATE NIBBLE_BF16_NAME="${name}_bf16" NIBBLE_BF16_UNIT=fast_bf16_${name})
    target_sources(nibble_kernels PRIVATE $<TARGET_OBJECTS:nibble_bf16_${name}>)
  endforeach()
endif()
file(GENERATE OUTPUT ${CMAKE_BINARY_DIR}/generated/kernels/isa_list.inc CONTENT "${isa_list}")
target_include_directories(nibble_kernels PRIVATE ${CMAKE_BINARY_DIR}/generated)
