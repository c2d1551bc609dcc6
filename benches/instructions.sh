#!/usr/bin/env bash
# Counts instructions per operation with callgrind: every row of `count.rs` on turnwise, on tokio and in a
# bare loop.
#
#   benches/instructions.sh [ROW...]
set -euo pipefail
cd "$(dirname "$0")/.."
source benches/callgrind.sh

binary=$(build_count)
rows=("$@")
if [ ${#rows[@]} -eq 0 ]; then mapfile -t rows < <(quick_rows "$binary"); fi

echo "| row | turnwise | tokio | tokio / turnwise | bare |"
echo "|---|---:|---:|---:|---:|"
for row in "${rows[@]}"; do
    turnwise=$(per_operation "$binary" "$row" turnwise)
    tokio=$(per_operation "$binary" "$row" tokio)
    bare=$(per_operation "$binary" "$row" bare)
    ratio=-
    if [ "$tokio" != - ]; then ratio=$(awk "BEGIN { printf \"%.2f\", $tokio / $turnwise }"); fi
    echo "| $row | $turnwise | $tokio | $ratio | $bare |"
done
