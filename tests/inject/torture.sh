#!/bin/sh
# SPDX-License-Identifier: MIT
#
# torture.sh BUILD [OPTION]...: each side with all its scenes, then which sites were not failed

set -u
sites=$(cd "$(dirname "$0")" && pwd)/sites.py
cd "$1" || exit 2
shift
TERND=$PWD/src/daemon/ternd
TORTURE_TERND=$PWD/tests/inject/ternd-inject
TORTURE_LIBRARY=$PWD/tests/inject/libtern-inject.so
export TERND TORTURE_TERND TORTURE_LIBRARY

status=0

for side in client ternd; do
	tests/inject/torture "$@" -o "torture-$side.sites" "$side" || status=1
done
"$sites" "$TORTURE_LIBRARY" torture-client.sites
"$sites" "$TORTURE_TERND" torture-ternd.sites
exit $status
