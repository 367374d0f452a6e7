#!/bin/sh
# SPDX-License-Identifier: MIT
# simulation-test.sh SIMULATION VERIFY SEEDS: the mixer against verify.py, one course a seed
set -eu
simulation=$1 verify=$2 seeds=$3
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

for seed in $(seq "$seeds"); do
	"$simulation" "$seed" "$dir"
	set --
	for i in 0 1 2 3 4 5; do
		set -- "$@" "p$i=$dir/p$i.wav"
	done
	python3 "$verify" "$dir/events.jsonl" "$dir/mix.wav" "$@" >"$dir/said" 2>&1 || {
		echo "seed $seed:"
		cat "$dir/said"
		exit 1
	}
done
cat "$dir/said"

# the comparison itself must be able to fail: one sample changed, one volume left out
printf '\001' | dd of="$dir/mix.wav" bs=1 seek=3001 conv=notrunc status=none
if python3 "$verify" "$dir/events.jsonl" "$dir/mix.wav" "$@" >"$dir/said" 2>&1; then
	echo "a changed sample was not seen"
	exit 1
fi
