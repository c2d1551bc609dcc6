#!/bin/sh
# Runs the Python programs of the course, and compares what they print with what was recorded.
#   tests/slides/record.sh                      compares
#   tests/slides/record.sh --record             records anew
#   PYTHON=python3.13 tests/slides/record.sh    with another Python; 3.8 or later
# A program also fails if it writes to stderr or does not exit with 0.
cd "$(dirname "$0")" || exit 2
python=${PYTHON:-python3}
export PYTHONDONTWRITEBYTECODE=1 PYTHONIOENCODING=utf-8
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
passed=0 failed=0
for recorded in course_*.out pyos*.out; do
    program=${recorded%.out}.py
    "$python" "$program" > "$work/out" 2> "$work/err"
    code=$?
    if [ "$1" = --record ] && [ $code -eq 0 ] && [ ! -s "$work/err" ]; then cp "$work/out" "$recorded"; fi
    if [ $code -eq 0 ] && [ ! -s "$work/err" ] && diff -u "$recorded" "$work/out" > "$work/diff"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "$program fails (exit code $code)"
        cat "$work/diff" "$work/err" 2> /dev/null
    fi
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
