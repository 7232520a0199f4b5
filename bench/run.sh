#!/usr/bin/env bash
# Compares authgate with bare Caddy and with other gateways. `./run.sh --help` says how.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

out=$PWD/out
bin=$out/bin
rounds=5
duration=5
only=
workloads=
pin=split
gogc=${AUTHGATE_GOGC:-auto}
idle=5
connections=64
threads=
build=yes
install=yes
names=(caddy caddy-gogc authgate caddy-security oauth2-proxy oathkeeper haproxy)
# What Caddy's own releases leave out: database drivers of its certificate authority.
caddy_tags=nobadger,nomysql,nopgx

usage() {
	cat <<'EOF'
usage: bench/run.sh [options]

Answers one question: what does it cost to put authgate, rather than something
else, between a caller with a JWT and an upstream that wants an API key?

Every contestant runs on this machine, forwards to the same upstream, gets the
same requests from wrk over keep-alive connections, and has to attach one header
the upstream checks. All but the two bare Caddys also have to check the token.
They take turns, round after round; each ratio is computed within a round and
then the median is taken, so a slow minute hits both sides.

  --quick             1 round of 2 s over two small workloads, about two minutes:
                      does everything start? Its numbers are not for quoting
  --rounds N          interleaved rounds (5; fewer are not for quoting)
  --duration SECONDS  length of one contestant's turn (5)
  --only A,B          some of: caddy caddy-gogc authgate caddy-security
                      oauth2-proxy oathkeeper haproxy
  --workloads LIST    ALG:TOKENS:STATE, comma separated. ALG is RS256 or ES256;
                      TOKENS distinct tokens are used round robin; STATE is
                        warm  every token was presented once before
                        cold  every request carries a token this process has
                              never seen (each round restarts the contestant,
                              and ends early if the tokens run out)
                      default: RS256 and ES256, each with 1, 1000 and 100000
                      warm and 100000 cold
  --connections N     client connections (64)
  --threads N         wrk threads (one per core of its own)
  --pin split|none    split gives contestants one half of the cores and wrk and
                      the upstream the other, which is steadiest; none lets all
                      share all cores (split, if there are two cores)
  --gogc N|auto       garbage collector setting of the row caddy-gogc. auto gives
                      it the heap headroom authgate gives itself; a number is
                      forced on both. Also AUTHGATE_GOGC in the environment
  --idle SECONDS      wait before idle memory is read; 0 leaves it out (5)
  --bin NAME=PATH     use this program for NAME instead of building it
  --no-build          use what bench/out/bin holds
  --no-install        do not apt-get install wrk and haproxy
  --help              this text

Reads as: "CPU us/req" is the steady figure (user and system time of the
contestant's process over the requests it answered); requests per second
and latencies are those of 64 clients that never pause, so latency there is
mostly queueing. A row is invalid, with its reason, as soon as one answer was
not the upstream's, and missing, with its reason, if it cannot be built.

The whole run takes about 40 minutes on two cores, and wants them alone. It
writes bench/out/results.json and prints Markdown; tokens and keys stay in
bench/out for the next run. All traffic is on loopback. See bench/README.md.

  bench/run.sh --quick
  bench/run.sh --only caddy,authgate --workloads RS256:1000:warm --rounds 9
  bench/run.sh > results.md
EOF
}

die() { echo "run.sh: $*" >&2; exit 2; }
say() { echo "run.sh: $*" >&2; }
number() { [[ $2 =~ ^[0-9]+$ && $2 -ge $3 && $2 -le $4 ]] || die "$1 takes a number from $3 to $4, not '$2'"; }

declare -A given=()
while [ $# -gt 0 ]; do
	option=$1
	case $option in
	--help | -h) usage; exit 0 ;;
	--quick) rounds=1 duration=2 idle=2 workloads=${workloads:-RS256:1000:warm,RS256:20000:cold}; shift; continue ;;
	--no-build) build=no; shift; continue ;;
	--no-install) install=no; shift; continue ;;
	--rounds | --duration | --only | --workloads | --connections | --threads | --pin | --gogc | --idle | --bin)
		[ $# -ge 2 ] || die "$option takes a value; --help explains it" ;;
	*) die "unknown option $option; try --help" ;;
	esac
	case $option in
	--rounds) number "$1" "$2" 1 100; rounds=$2 ;;
	--duration) number "$1" "$2" 1 600; duration=$2 ;;
	--only) only=$2 ;;
	--workloads) workloads=$2 ;;
	--connections) number "$1" "$2" 1 10000; connections=$2 ;;
	--threads) number "$1" "$2" 1 64; threads=$2 ;;
	--pin) [[ $2 = split || $2 = none ]] || die "--pin takes split or none"; pin=$2 ;;
	--gogc) [[ $2 = auto || $2 =~ ^[0-9]+$ ]] || die "--gogc takes auto or a number"; gogc=$2 ;;
	--idle) number "$1" "$2" 0 600; idle=$2 ;;
	--bin)
		[[ $2 = ?*=?* ]] || die "--bin takes NAME=PATH"
		[ -x "${2#*=}" ] || die "--bin: ${2#*=} is no program"
		given[${2%%=*}]=$(realpath "${2#*=}") ;;
	esac
	shift 2
done
if [ -z "$workloads" ]; then
	for alg in RS256 ES256; do
		workloads+=${workloads:+,}$alg:1:warm,$alg:1000:warm,$alg:100000:warm,$alg:100000:cold
	done
fi
for name in ${only//,/ } "${!given[@]}"; do
	[[ " ${names[*]} authgate-sidecar etcd " = *" $name "* ]] || die "no contestant $name; there are ${names[*]}"
done

# wanted NAME: takes part in this run.
wanted() { [ -z "$only" ] || [[ ,$only, = *,$1,* ]]; }

# debian PROGRAM: there afterwards, or a reason in out/bin.
debian() {
	rm -f "$bin/$1.why"
	command -v "$1" >/dev/null && return
	if [ $install = yes ] && command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
		say "installing $1"
		DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$1" >"$bin/$1.log" 2>&1 && return
		why "$1" "apt-get install failed: $(tail -n 1 "$bin/$1.log")"
		return
	fi
	why "$1" "not installed; apt-get install $1"
}

# why NAME REASON: recorded where the row looks for it. Addresses say nothing to a reader of the table.
why() {
	sed -E -e 's#https?://[^ ]*: ##g' -e 's#[^ ]+: ([^ ]+@v)#\1#' <<<"$2" | head -n 1 >"$bin/$1.why"
	say "$1 will be missing: $(<"$bin/$1.why")"
}

# compile NAME FOLDER PACKAGE [FLAGS...]: bin/NAME, or a reason.
compile() {
	local name=$1 folder=$2 package=$3 log=$bin/$1.log
	shift 3
	rm -f "$bin/$name.why"
	if [ -n "${given[$name]:-}" ]; then
		ln -sfn "${given[$name]}" "$bin/$name"
		return
	fi
	[ $build = yes ] || return 0
	rm -f "$bin/$name"
	say "building $name"
	if ! (
		cd "$folder"
		nice -n 10 go build -trimpath -buildvcs=auto "$@" -o "$bin/$name" "$package"
	) >"$log" 2>&1; then
		why "$name" "does not build: $(grep -v -e '^go: downloading' -e '^go: finding' -e '^go: .*imports$' "$log" | sed -n 's/^[[:space:]]*//; 1p')"
	fi
}

mkdir -p "$bin"
command -v go >/dev/null || die "Go is needed to build the contestants"
debian wrk
command -v wrk >/dev/null || die "wrk is needed: apt-get install wrk"
wanted haproxy && debian haproxy

(nice -n 10 go build -o "$bin/rig" ./cmd/rig)
compile caddy peers/caddy . -tags "$caddy_tags"
# Also where authgate is not wanted: caddy-gogc copies its garbage collector setting.
if wanted authgate || { wanted caddy-gogc && [ "$gogc" = auto ]; }; then
	compile authgate .. ./cmd/authgate -tags "$caddy_tags"
fi
if wanted authgate && [ "$idle" != 0 ]; then
	compile authgate-sidecar .. ./cmd/authgate -tags "authgate_sidecar,$caddy_tags"
	compile etcd peers/etcd go.etcd.io/etcd/server/v3
fi
if wanted caddy-security; then compile caddy-security peers/caddy-security . -tags "$caddy_tags"; fi
if wanted oauth2-proxy; then compile oauth2-proxy peers/oauth2-proxy github.com/oauth2-proxy/oauth2-proxy/v7; fi
if wanted oathkeeper; then compile oathkeeper peers/oathkeeper github.com/ory/oathkeeper; fi

# span FIRST LAST: a taskset list.
span() { if [ "$1" = "$2" ]; then echo "$1"; else echo "$1-$2"; fi; }

cores=$(nproc)
contestant_cpus='' load_cpus=''
on_load=()
if [ $pin = split ] && [ "$cores" -ge 2 ] && command -v taskset >/dev/null; then
	half=$((cores / 2))
	contestant_cpus=$(span 0 $((half - 1))) load_cpus=$(span $half $((cores - 1)))
	on_load=(taskset -c "$load_cpus")
	threads=${threads:-$((cores - half))}
fi
args=(-out "$out" -rounds "$rounds" -duration "${duration}s" -connections "$connections" -threads "${threads:-1}"
	-only "$only" -workloads "$workloads" -contestant-cpus "$contestant_cpus" -load-cpus "$load_cpus"
	-gogc "$gogc" -idle "${idle}s")

# Whatever ends this script ends the rig, and the rig ends what it started.
rig=
finish() {
	if [ -n "$rig" ]; then
		kill -TERM "$rig" 2>/dev/null || true
		wait "$rig" 2>/dev/null || true
	fi
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
start() {
	local die_with_me=()
	if command -v setpriv >/dev/null; then die_with_me=(setpriv --pdeathsig TERM); fi
	"${die_with_me[@]}" "$@" &
	rig=$!
	wait "$rig"
	rig=
}

say "signing tokens (kept in bench/out for the next run)"
start "$bin/rig" "${args[@]}" -tokens-only # on all cores
start "${on_load[@]}" "$bin/rig" "${args[@]}"
say "results are in bench/out/results.json"
