#!/bin/sh
# usage: bench/draft.sh MODEL [CASE...]   what drafts gain or cost on answers that repeat their prompt and on answers that do not
# (edit quote story other). The ids are those of the tokenizer that comes with nibble; MODEL may have random weights.
set -eu
here="$(cd "$(dirname "$0")/.." && pwd)"
model="$(realpath "$1")"; shift
[ $# -gt 0 ] || set -- edit quote story other
folder="$(mktemp -d)"; trap 'rm -rf "$folder"' EXIT
story="$here/models/nibble-story-f16.gguf"
cd "$folder"
cp "$here/src/engine/stop_matcher.cpp" edit.prompt                       # a function's file, one name changed
head -c 1400 edit.prompt | sed 's/held_/kept_/g; s/patterns_/stops_/g' > edit.answer
cp "$here/docs/sampling.md" quote.prompt                                 # every fourth line, quoted with words between
awk 'length > 60 && n++ % 4 == 0 { print "It also says, and this matters: \"" $0 "\"" }' quote.prompt | head -c 1400 > quote.answer
printf 'Once upon a time' > story.prompt                                 # what the model that comes with nibble tells
"$here/build/nibble" run "$story" -f story.prompt --seed 1 -n 300 --ignore-eos --draft none -q > story.answer
cp "$here/docs/sampling.md" other.prompt                                 # another subject
tail -c 1000 "$here/LICENSE" > other.answer
for case in "$@"; do
  "$here/build/bench/draft_bench" "$model" "$story" "$case.prompt" "$case.answer"
done
