#!/usr/bin/env bash
# Counts turnwise's instructions per operation again, and compares them with those in `instructions.txt`. Fails if a
# count has grown by more than 3 %. Another compiler generates other code, so with a toolchain other than the recorded
# one, differences are printed but are not a failure. Without valgrind nothing is counted.
#
#   benches/instructions-check.sh            # compare
#   benches/instructions-check.sh --limit 1  # compare, and fail if a count has grown by more than 1 %
#   benches/instructions-check.sh --write    # record
set -euo pipefail
cd "$(dirname "$0")/.."
source benches/callgrind.sh

record=benches/instructions.txt
limit=3
if [ "${1-}" = --limit ]; then limit=${2:?--limit needs a number}; fi

if ! command -v valgrind >/dev/null; then
    echo "valgrind is not installed, so nothing was counted"
    exit 0
fi

tokio_version() { cargo tree --quiet --edges dev --depth 1 --prefix none | awk '$1 == "tokio" { print $2 }'; }

# What the counts depend on besides the code of turnwise.
surroundings() {
    echo "# rustc: $(rustc -V)"
    echo "# target: $(rustc -vV | sed -n 's/^host: //p')"
    echo "# tokio: $(tokio_version)"
}

# The counts, one row per line, without the rows that wait for the real clock: how often they read it is chance.
counts() {
    local binary row
    binary=$(build_count)
    for row in $(quick_rows "$binary" | grep -v '^timers_[0-9]'); do
        echo "$row $(per_operation "$binary" "$row" turnwise)"
    done
}

if [ "${1-}" = --write ]; then
    found=$(counts)
    {
        echo "# Instructions per operation of turnwise, as benches/instructions-check.sh --write counted them."
        surroundings
        echo "$found"
    } >"$record"
    cat "$record"
    exit
fi

verdict=fail
same() { diff <(grep -E "^# ($1):" "$record") <(surroundings | grep -E "^# ($1):") >/dev/null; }
if ! same "rustc|target"; then
    echo "recorded with another toolchain, so a difference is not a failure"
    verdict=print
fi

counts | awk -v verdict="$verdict" -v record="$record" -v limit="$limit" '
    BEGIN {
        while ((getline line < record) > 0) {
            if (line !~ /^#/) { split(line, field, " "); before[field[1]] = field[2] }
        }
        printf "%-22s %10s %10s %8s\n", "row", "recorded", "now", "change"
    }
    !($1 in before) { printf "%-22s %10s %10.1f %8s\n", $1, "-", $2, "new"; next }
    {
        change = 100 * ($2 - before[$1]) / before[$1]
        mark = ""
        if (change > limit) { mark = "  grown"; grown++ }
        printf "%-22s %10.1f %10.1f %+7.1f%%%s\n", $1, before[$1], $2, change, mark
    }
    END {
        if (grown) print grown " rows have grown by more than " limit " %"
        exit (grown && verdict == "fail")
    }'
