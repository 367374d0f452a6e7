#!/bin/sh
# SPDX-License-Identifier: MIT
# demo-test.sh BUILD: the demo, with recordings of its own where alsa-utils is not installed
set -eu
here=$(dirname "$0")
sounds=/usr/share/sounds/alsa
dir=
trap 'test -z "$dir" || rm -rf "$dir"' EXIT

if [ ! -f "$sounds/Front_Center.wav" ]; then
	dir=$(mktemp -d)
	sounds=$dir
	python3 - "$dir" <<'PYTHON'
import array, random, sys, wave
for name in ("Front_Center Front_Left Front_Right Noise Rear_Center Rear_Left Rear_Right "
             "Side_Left Side_Right").split():
    chance = random.Random(name)
    with wave.open(f"{sys.argv[1]}/{name}.wav", "wb") as w:
        w.setparams((1, 2, 48000, 0, "NONE", ""))
        w.writeframes(array.array("h", (chance.randrange(-20000, 20000)
                                        for _ in range(chance.randrange(62000, 72000)))).tobytes())
PYTHON
fi
"$here/demo.sh" "$1" "$sounds"
