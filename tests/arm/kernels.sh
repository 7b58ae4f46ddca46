#!/bin/sh
# Builds the kernels for ARM (dot product and i8mm) and holds them, under qemu, to the same bits as everywhere.
# usage: kernels.sh SOURCE_DIR BINARY_DIR; exits 77 (skipped) when a tool is missing.
set -eu
for tool in aarch64-linux-gnu-g++ qemu-aarch64 cmake ninja; do
  command -v "$tool" >/dev/null || { echo "skipped: $tool is missing; apt-get install g++-aarch64-linux-gnu qemu-user"; exit 77; }
done
[ -d /usr/src/googletest ] || { echo "skipped: /usr/src/googletest is missing; apt-get install googletest"; exit 77; }
cmake -S "$1" -B "$2" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
  -DCMAKE_C_COMPILER=aarch64-linux-gnu-gcc -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ -DNIBBLE_BENCH=OFF >/dev/null
cmake --build "$2" --target nibble_kernels_tests
# All that compares ISAs but the longest sweep, which takes minutes under emulation.
exec qemu-aarch64 -L /usr/aarch64-linux-gnu "$2/tests/nibble_kernels_tests" --gtest_filter='-*OnEveryIsaAndColumnCount*' --gtest_brief=1
