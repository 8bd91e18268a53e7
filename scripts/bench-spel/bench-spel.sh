#!/bin/sh
# Compares package spel with a warm JVM running the real Spring Expression
# Language, expression by expression, in one run on one machine. The times are
# the processor's: of all threads here, of the evaluating one alone in Java.
#
#   GENNAKER_SPEL_ORACLE=dir scripts/bench-spel/bench-spel.sh
#
# Orca parses each string each time that it evaluates it
# (spinnaker/spinnaker kork-expressions ExpressionTransform.java), so the
# comparison with parsing is the one with what people run. Go keeps its trees.
#
# The directory holds SpelOracle.java (Spinnaker's restrictions over Spring).
# Without it, or without Java, the script says so and ends well.
set -eu
cd "$(dirname "$0")/../.."
jars=${GENNAKER_SPEL_JARS:-/usr/share/java}

skip() { echo "bench-spel: skipped: $1"; exit 0; }
[ -n "${GENNAKER_SPEL_ORACLE:-}" ] || skip "GENNAKER_SPEL_ORACLE does not name a folder with SpelOracle.java"
command -v javac >/dev/null 2>&1 || skip "no Java compiler is installed"
[ -e "$jars/spring3-expression.jar" ] || skip "Spring is not installed (Debian: libspring-expression-java libjackson2-databind-java)"

classpath=$jars/spring3-core.jar:$jars/spring3-expression.jar:$jars/commons-logging.jar
classpath=$classpath:$jars/jackson-core.jar:$jars/jackson-databind.jar:$jars/jackson-annotations.jar
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
javac -nowarn -encoding UTF-8 -d "$out" -cp "$classpath" "$GENNAKER_SPEL_ORACLE/SpelOracle.java" scripts/bench-spel/BenchSpel.java 2>/dev/null

data=agent/spel/testdata
go test -run '^$' -bench '^(BenchmarkEval|BenchmarkDocument|BenchmarkPlainDocument)$' -benchtime 1s -count 3 ./agent/spel >"$out/go"
set --
while IFS= read -r line; do set -- "$@" "$line"; done <"$data/bench.txt"
java -Xss4m --add-opens=java.base/java.util=ALL-UNNAMED -cp "$out:$classpath" BenchSpel \
  "$data/executions.json" "$data/deploy-stage.json" "$@" >"$out/java"

awk '
  FILENAME ~ /go$/ && /^Benchmark/ {
    for (i = 4; i <= NF; i++) if ($i == "cpu-ns/op") ns = $(i - 1)
    name = $1; sub(/-[0-9]+$/, "", name); sub(/^BenchmarkEval\//, "", name); sub(/^BenchmarkDocument/, "document", name); sub(/^BenchmarkPlainDocument/, "plain", name)
    if (!(name in go) || ns + 0 < go[name]) go[name] = ns + 0
    for (i = 4; i <= NF; i++) if ($i == "allocs/op") allocs[name] = $(i - 1)
  }
  FILENAME ~ /java$/ {
    if (!header++) {
      printf "%-14s %10s %7s  %-25s %-25s\n", "", "", "", "Spring parses each time,", "Spring keeps the tree:"
      printf "%-14s %10s %7s  %-25s %-25s\n", "", "", "", "as Spinnaker does", "for comparison"
      printf "%-14s %10s %7s  %16s %7s %16s %7s\n", "", "Go ns", "allocs", "ns", "times", "ns", "times"
    }
    printf "%-14s %10.0f %7d  %16.0f %7.1f %16.0f %7.1f\n", $1, go[$1], allocs[$1], $3, $3 / go[$1], $2, $2 / go[$1]
  }
  END { printf "%-14s %10.0f %7d  (a document of 200 keys without expressions)\n", "plain", go["plain"], allocs["plain"] }' "$out/go" "$out/java"
