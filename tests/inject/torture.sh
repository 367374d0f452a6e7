#!/bin/sh
# SPDX-License-Identifier: MIT
#
# torture.sh [--unjudged] BUILD [OPTION]...: each side with all its scenes; what is left, on an older kernel, whose ways
# around are tried so; then which sites were not failed, if that is to be judged

set -u
[ "$1" = --unjudged ] && judges=false && shift || judges=true
sites=$(cd "$(dirname "$0")" && pwd)/sites.py
cd "$1" || exit 2
shift
TERND=$PWD/src/daemon/ternd
TORTURE_TERND=$PWD/tests/inject/ternd-inject
TORTURE_LIBRARY=$PWD/tests/inject/libtern-inject.so
export TERND TORTURE_TERND TORTURE_LIBRARY

status=0

for side in client ternd; do
	tests/inject/torture -p "$@" -o "torture-$side.sites" "$side" || status=1
	tests/system/old-kernel tests/inject/torture "$@" -i "torture-$side.sites" -o "torture-$side.sites" "$side" || status=1
done
$judges || exit $status
"$sites" client "$TORTURE_LIBRARY" torture-client.sites || status=1
"$sites" ternd "$TORTURE_TERND" torture-ternd.sites || status=1
exit $status
