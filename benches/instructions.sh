#!/usr/bin/env bash
# Counts instructions per operation with callgrind: every row of `count.rs` on turnwise, on tokio and by a
# bare loop. Each is run with two lengths; the difference of the counts, divided by the difference of the
# lengths, is exact and free of what setting up costs.
#
#   benches/instructions.sh [ROW...]
set -euo pipefail
cd "$(dirname "$0")/.."

binary=$(cargo bench --bench count --no-run --message-format=json 2>/dev/null |
    grep -o '"executable":"[^"]*"' | tail -n 1 | cut -d '"' -f 4)

# The lengths that a row is run with. A row works in batches, so each is a multiple of its batch.
lengths() {
    case $1 in
    timers_1m | timers_virtual_1m) echo "1000000 2000000" ;;
    yield_100000) echo "100000 1100000" ;;
    create_drop) echo "100 1100" ;;
    *) echo "20000 60000" ;;
    esac
}

count() { # ROW EXECUTOR N
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$binary" "$@" 2>&1 |
        sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

per_operation() { # ROW EXECUTOR
    local short long few many
    read -r short long <<<"$(lengths "$1")"
    "$binary" "$1" "$2" "$short" 2>/dev/null || { echo -; return; } # Not on this executor.
    few=$(count "$1" "$2" "$short")
    many=$(count "$1" "$2" "$long")
    awk "BEGIN { printf \"%.1f\", ($many - $few) / ($long - $short) }"
}

rows=("$@")
if [ ${#rows[@]} -eq 0 ]; then
    # Those with a million timers take many minutes each; name them to have them.
    mapfile -t rows < <("$binary" | awk 'NR > 1 && $1 !~ /_1m$/ { print $1 }')
fi

echo "| row | turnwise | tokio | tokio / turnwise | bare |"
echo "|---|---:|---:|---:|---:|"
for row in "${rows[@]}"; do
    turnwise=$(per_operation "$row" turnwise)
    tokio=$(per_operation "$row" tokio)
    bare=$(per_operation "$row" bare)
    ratio=-
    if [ "$tokio" != - ]; then ratio=$(awk "BEGIN { printf \"%.2f\", $tokio / $turnwise }"); fi
    echo "| $row | $turnwise | $tokio | $ratio | $bare |"
done
