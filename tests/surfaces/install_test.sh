#!/bin/sh
# Installs nibble into an empty folder, builds examples/hello against it outside the tree, with CMake and with pkg-config,
# and compares what the programs say with the command line.
# usage: install_test.sh SOURCE_DIRECTORY BUILD_DIRECTORY
set -eu
source="$1" build="$2"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cmake --install "$build" --prefix "$folder/prefix" >"$folder/log" || { cat "$folder/log"; exit 1; }
cp -r "$source/examples/hello" "$folder/hello"
cmake -S "$folder/hello" -B "$folder/build" -DCMAKE_PREFIX_PATH="$folder/prefix" >"$folder/log" 2>&1 ||
  { cat "$folder/log"; exit 1; }
cmake --build "$folder/build" >"$folder/log" 2>&1 || { cat "$folder/log"; exit 1; }

nibble="$folder/prefix/bin/nibble"
"$nibble" synth --shape llama-tiny --format Q8_0 -o "$folder/model.gguf" -q
expected=$("$nibble" run "$folder/model.gguf" -p Hello -n 40 --temp 0 -q; echo .)
fail() { echo "$1 said: $2"; echo "wanted: $expected"; exit 1; }
said=$("$folder/build/hello" "$folder/model.gguf" Hello; echo .)
[ "$said" = "${expected%.}
." ] || fail "the C++ example" "$said"
said=$("$folder/build/hello_c" "$folder/model.gguf" Hello; echo .)
[ "$said" = "${expected%.}
." ] || fail "the C example" "$said"
said=$("$folder/build/weights" "$folder/model.gguf" 2>"$folder/ahead" | wc -l)
[ "$said" = 8 ] || { echo "weights printed $said lines, wanted one for each of 8 layers"; exit 1; }
grep -q "decoded ahead" "$folder/ahead"
if "$folder/build/hello_c" "$folder/none.gguf" 2>"$folder/error"; then fail "the C example" "nothing wrong with a missing file"; fi
grep -q none.gguf "$folder/error"

PKG_CONFIG_PATH=$(dirname "$(find "$folder/prefix" -name nibble.pc)")
export PKG_CONFIG_PATH
# shellcheck disable=SC2046  # words
cc "$folder/hello/hello.c" -o "$folder/plain" $(pkg-config --cflags --libs nibble) \
  -Wl,-rpath,"$(dirname "$PKG_CONFIG_PATH")"
said=$("$folder/plain" "$folder/model.gguf" Hello; echo .)
[ "$said" = "${expected%.}
." ] || fail "the pkg-config example" "$said"

# Nothing of the inside may be visible, or programs could clash with it.
inside=$(nm -D --defined-only "$(find "$folder/prefix" -name 'libnibble.so' | head -1)" | grep -v ' nibble_' || true)
[ -z "$inside" ] || { echo "exported besides the C API:"; echo "$inside"; exit 1; }
