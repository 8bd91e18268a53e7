#!/usr/bin/env bash
# Builds testcluster, or testregistry, into a cache and prints the binary's path
# as the last line of standard output. Progress goes to standard error.
#
#   build.sh                 build testcluster if its inputs changed (10 to 20 minutes once, then seconds)
#   build.sh testregistry    build the registry half alone (seconds)
#   build.sh --find [NAME]   only print the path; exit status 1 if it is not built
#
# Cache: ${XDG_CACHE_HOME:-$HOME/.cache}/gennaker/testcluster/KEY, where KEY
# follows from all inputs. The two most recently used keys are kept.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

find_only=
if [[ ${1:-} == --find ]]; then
	find_only=yes
	shift
fi
name=${1:-testcluster}
case $name in
testcluster) package=. ;;
testregistry) package=./testregistry ;;
*)
	echo "build.sh: $name: want testcluster or testregistry" >&2
	exit 2
	;;
esac

hash() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi; }

inputs() {
	go env GOVERSION GOOS GOARCH
	find . -name '*.go' ! -name '*_test.go' -o -name go.mod -o -name go.sum -o -name build.sh |
		LC_ALL=C sort | while read -r file; do
		echo "$file"
		cat "$file"
	done
}

key=$(inputs | hash | cut -c1-20)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/gennaker/testcluster
binary=$cache/$key/$name

if [[ -x $binary ]]; then
	touch "$cache/$key" # in use: see the clean-up below
	echo "$binary"
	exit
fi
if [[ $find_only ]]; then
	echo "build.sh: $name is not built" >&2
	exit 1
fi

mkdir -p "$cache/$key"
# One link takes 2.8 GiB of memory: where it can be had, a lock keeps two
# builds apart. Without it they are safe, too, by the rename.
if command -v flock >/dev/null; then
	exec 9>"$cache/lock"
	flock 9
	if [[ -x $binary ]]; then
		echo "$binary"
		exit
	fi
fi

# Without version stamps /version says v0.0.0-master, and charts with a
# kubeVersion refuse the cluster.
version=$(awk '$1 == "k8s.io/kubernetes" { print $2 }' go.mod)
IFS=. read -r major minor _ <<<"${version#v}"
stamps=
for package_path in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
	stamps+=" -X $package_path.gitVersion=$version -X $package_path.gitMajor=$major"
	stamps+=" -X $package_path.gitMinor=$minor -X $package_path.gitTreeState=clean"
done

# go build -v names each package that it compiles: count those, pass on the rest.
progress() {
	awk -v name="$name" -v total="$1" '
		/^[^# \t]+$/ { if (++n % 50 == 0) print "build.sh: " name ": compiled " n " of at most " total " packages"; fflush(); next }
		{ print; fflush() }' >&2
}

export CGO_ENABLED=0
echo "build.sh: building $name ($version); testcluster takes 10 to 20 minutes the first time" >&2
packages=$(go list -deps "$package" | wc -l)
temporary=$binary.$$
trap 'rm -f "$temporary"' EXIT
nice go build -v -trimpath -buildvcs=false -ldflags "-s -w$stamps" -o "$temporary" "$package" 2>&1 | progress "$packages"
mv "$temporary" "$binary"
touch "$cache/$key"

# Old keys go; a binary that still runs keeps its file.
find "$cache" -mindepth 1 -maxdepth 1 -type d -exec ls -td {} + | tail -n +3 | xargs -r rm -rf --
echo "build.sh: $name took ${SECONDS} s" >&2
echo "$binary"
