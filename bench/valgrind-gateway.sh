#!/bin/sh
# Stands for Envoy (DIOLKOS_ENVOY): runs the gateway's in callgrind, and all others as they are.
set -eu
case "$*" in
  */envoy/*gateway*.json*)
    exec taskset -c 0 valgrind --quiet --tool=callgrind --separate-threads=yes --instr-atstart=no \
      --callgrind-out-file="$BENCH_CALLGRIND_FOLDER/callgrind.out" "$BENCH_ENVOY" "$@"
    ;;
esac
exec "$BENCH_ENVOY" "$@"
