#!/usr/bin/env bash
# Counts the instructions of a value with callgrind: every row of `generator.rs`.
#
#   benches/generator-instructions.sh
set -euo pipefail
cd "$(dirname "$0")/.."
source benches/callgrind.sh

binary=$(cargo bench --bench generator --no-run --message-format=json 2>/dev/null |
    grep -o '"executable":"[^"]*"' | tail -n 1 | cut -d '"' -f 4)

per_value() { # ROW COLUMN
    local few many
    few=$(count "$binary" "$1" "$2" 20000)
    many=$(count "$binary" "$1" "$2" 60000)
    awk "BEGIN { printf \"%.1f\", ($many - $few) / 40000 }"
}

echo "| row | by hand | turnwise |"
echo "|---|---:|---:|"
echo "| generator_next | $(per_value generator_next boxed_iterator) | $(per_value generator_next turnwise) |"
echo "| coroutine_send | $(per_value coroutine_send boxed_closure) | $(per_value coroutine_send turnwise) |"
