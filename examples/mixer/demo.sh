#!/bin/sh
# SPDX-License-Identifier: MIT
#
# demo.sh [BUILD [RECORDINGS]]: two players, a mixer, and the proof that the sound is right
#
# A private bus, mixd, two players with real recordings, a mixctl that changes
# volumes at given positions and another that records the events. The second
# half runs while ternd is stopped, and one player is killed. Then verify.py
# computes the mix from the recordings and the record, and compares.
set -eu

limit=${DEMO_LIMIT:-60} # seconds, for all of it
if [ -z "${DEMO_TIMED-}" ]; then
	export DEMO_TIMED=yes
	exec timeout -k 10 "$limit" "$0" "$@"
fi

here=$(dirname "$0")
build=${1:-build}
sounds=${2:-/usr/share/sounds/alsa} # of Debian's package alsa-utils
programs=$build/examples/mixer
half=240000 # positions: frames of the mix, 48000 a second
dead=384000

dir=$(mktemp -d "${TMPDIR:-/tmp}/tern-demo-XXXXXX")
ternd= mixd= recorder= control= players=

say()
{
	printf '\n== %s\n' "$*"
}

fail()
{
	echo "demo: $*" >&2
	exit 1
}

clean_up()
{
	status=$?
	trap - EXIT TERM INT
	for pid in $players $control $recorder $mixd $ternd; do
		kill -CONT "$pid" 2>/dev/null || :
		kill -TERM "$pid" 2>/dev/null || :
	done
	(
		sleep 3
		kill -KILL $players $control $recorder $mixd $ternd
	) >/dev/null 2>&1 &
	for pid in $players $control $recorder $mixd $ternd; do
		wait "$pid" 2>/dev/null || :
	done
	kill $! 2>/dev/null || :
	rm -rf "$dir"
	exit "$status"
}
trap clean_up EXIT
trap 'exit 1' TERM INT

# Try a command until it works, for ten seconds.
until_ok()
{
	for i in $(seq 200); do
		if "$@" >"$dir/until" 2>&1; then
			return
		fi
		sleep 0.05
	done
	cat "$dir/until" >&2
	fail "gave up waiting for: $*"
}

# One command to the mixctl that stays connected, and its answer.
ctl()
{
	echo "$*" >&3
	IFS= read -r answer <&4 || fail "mixctl is gone"
	printf '   mixctl %-36s %s\n' "$*" "$answer"
	case $answer in mixctl:*) fail "that was not meant to fail" ;; esac
}

# The named recordings, with a separator between them.
recordings()
{
	separator=$1
	shift
	list=
	for name; do
		test -f "$sounds/$name.wav" || fail "no recording $sounds/$name.wav (Debian: alsa-utils)"
		list=$list${list:+$separator}$sounds/$name.wav
	done
	printf %s "$list"
}

speaker="Front_Center Front_Left Front_Right Rear_Center Rear_Left Rear_Right Side_Left Side_Right"
crowd="Noise Side_Right Rear_Left Noise Front_Right Side_Left Front_Center Noise Rear_Center"

say "A private bus"
export TERN_BUS="unix:$dir/bus"
"$build/src/daemon/ternd" --address "$TERN_BUS" &
ternd=$!
echo "   ternd, pid $ternd, at $TERN_BUS"

say "The mixer, a recorder of its events, and a mixctl that takes commands"
until_ok test -S "$dir/bus"
"$programs/mixd" -o "$dir/mix.wav" --once --paused &
mixd=$!
until_ok "$programs/mixctl" list
"$programs/mixctl" watch -j -1 >"$dir/events.jsonl" &
recorder=$!
until_ok grep -q watching "$dir/events.jsonl"
mkfifo "$dir/in" "$dir/out"
"$programs/mixctl" - <"$dir/in" >"$dir/out" 2>&1 &
control=$!
exec 3>"$dir/in" 4<"$dir/out"
echo "   mixd, pid $mixd, paused at 0; recorder, pid $recorder; mixctl, pid $control"

say "Two players"
"$programs/mixplay" --name speaker $(recordings ' ' $speaker) >"$dir/speaker.out" &
players=$!
"$programs/mixplay" --name crowd $(recordings ' ' $crowd) >"$dir/crowd.out" 2>&1 &
crowd_pid=$!
players="$players $crowd_pid"
ctl wait players 2
"$programs/mixctl" list | sed 's/^/   /'

say "The first half"
ctl ping 2000
ctl set speaker 80%
ctl set --at 48000 crowd 0.3
ctl set --at 96000 speaker 175%
ctl shift --at 144000 crowd +0.5
ctl set --at 192000 all 2.0
ctl pause $half
ctl shift all -0.1
ctl wait $half

say "The second half: ternd is stopped (SIGSTOP), and nobody misses it"
kill -STOP "$ternd"
grep State "/proc/$ternd/status" | sed 's/^/   ternd: /'
ctl ping 2000
ping=$answer
ctl set speaker 0.9
ctl shift --at 288000 crowd -0.2
ctl set --at 336000 all 70%
ctl pause $dead
ctl set crowd 1.1
ctl wait $dead

say "One player is killed (SIGKILL), pid $crowd_pid"
kill -KILL "$crowd_pid"
wait "$crowd_pid" 2>/dev/null || echo "   its exit status: $?"
ctl shift speaker -25%
ctl set --at 432000 speaker 1.0
ctl resume
wait "$mixd" || fail "mixd failed"
mixd=
wait "$recorder" || fail "the record is not complete"
recorder=
echo "   $(cat "$dir/speaker.out"); the mixer left after its last player"
kill -CONT "$ternd"

say "What the recorder heard"
sed 's/^/   /' "$dir/events.jsonl"

say "The proof"
python3 "$here/verify.py" "$dir/events.jsonl" "$dir/mix.wav" \
	"speaker=$(recordings , $speaker)" "crowd=$(recordings , $crowd)" || fail "the mix is wrong"
echo "calls while ternd was stopped: $ping"
