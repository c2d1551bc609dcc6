# Instructions per operation by callgrind: shared by `instructions.sh` and `instructions-check.sh`.
#
# Each row of `count.rs` is run with two lengths. The difference of the counts, divided by the difference of the
# lengths, is exact, and excludes the cost of setup.

# Builds `count.rs`, and prints the path of the program.
build_count() {
    cargo bench --bench count --no-run --message-format=json 2>/dev/null |
        grep -o '"executable":"[^"]*"' | tail -n 1 | cut -d '"' -f 4
}

# All rows but those with a million timers, which take many minutes each.
quick_rows() { # BINARY
    "$1" | awk 'NR > 1 && $1 !~ /_1m$/ { print $1 }'
}

# The two lengths of a row. A row works in batches, so each length is a multiple of its batch.
lengths() { # ROW
    case $1 in
    timers_1m | timers_virtual_1m) echo "1000000 2000000" ;;
    yield_100000 | timers_100k) echo "100000 200000" ;;
    create_drop | create_use_drop) echo "100 1100" ;;
    *) echo "20000 60000" ;;
    esac
}

count() { # BINARY ROW EXECUTOR N
    local binary=$1
    shift
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$binary" "$@" 2>&1 |
        sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

per_operation() { # BINARY ROW EXECUTOR
    local short long few many
    read -r short long <<<"$(lengths "$2")"
    "$1" "$2" "$3" "$short" 2>/dev/null || { echo -; return; } # Not on this executor.
    few=$(count "$1" "$2" "$3" "$short")
    many=$(count "$1" "$2" "$3" "$long")
    awk "BEGIN { printf \"%.1f\", ($many - $few) / ($long - $short) }"
}
