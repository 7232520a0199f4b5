#!/usr/bin/env bash
# Builds and runs authgate. `./xcaddy.sh --help` says how.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

caddy_version=v2.11.9
module=github.com/authgate/authgate
binary=./authgate
# What Caddy's own releases leave out: database drivers of its certificate authority.
tags=nobadger,nomysql,nopgx

usage() {
	cat <<'EOF'
usage: ./xcaddy.sh [--sidecar] [command]

  (no command)   build ./authgate: Caddy with every authgate module
  run [args]     build if needed, then run it with Caddyfile.example;
                 further arguments go to `authgate run`
  demo [args]    build if needed, then run `authgate demo`: the product in one
                 minute, on this machine alone

  --sidecar      the data plane only: no embedded store, no management APIs

The build goes through xcaddy, pinned in tools/go.mod. Where xcaddy cannot be
had, or with AUTHGATE_NO_XCADDY=1, plain `go build` makes the same program.
EOF
}

sidecar=no
if [ "${1:-}" = --sidecar ]; then
	sidecar=yes
	tags=$tags,authgate_sidecar
	shift
fi

with_xcaddy() {
	[ -z "${AUTHGATE_NO_XCADDY:-}" ] || return 1
	local plugins=(--with "$module/caddymodule")
	[ $sidecar = yes ] || plugins+=(--with "$module/caddymodule/embedded")
	local work status=0
	work=$(mktemp -d)
	(cd tools && go build -o "$work/xcaddy" github.com/caddyserver/xcaddy/cmd/xcaddy) || { rm -rf "$work"; return 1; }
	# xcaddy replaces our module by this folder but does not require it, so Go would ask the module proxy
	# whether something else of that name exists, and some proxies answer that with an error. This stand-in
	# for `go` adds the requirement to the same edit.
	cat >"$work/go" <<-EOF
		#!/bin/sh
		if [ "\$1 \$2" = "mod edit" ]; then
			exec go "\$@" -require "$module@v0.0.0-00010101000000-000000000000"
		fi
		exec go "\$@"
	EOF
	chmod +x "$work/go"
	XCADDY_WHICH_GO=$work/go XCADDY_SETCAP=0 XCADDY_GO_BUILD_FLAGS="-trimpath -ldflags '-s -w' -tags $tags" \
		"$work/xcaddy" build "$caddy_version" --output "$binary" "${plugins[@]}" --replace "$module=$PWD" || status=$?
	rm -rf "$work"
	return $status
}

build() {
	command -v go >/dev/null || { echo "xcaddy.sh: Go is not installed, or not on the PATH" >&2; exit 1; }
	if with_xcaddy; then
		echo "built $binary with xcaddy"
		return
	fi
	echo "xcaddy.sh: building without xcaddy (it could not be had, or was not wanted): go build ./cmd/authgate" >&2
	go build -trimpath -ldflags '-s -w' -tags "$tags" -o "$binary" ./cmd/authgate
	echo "built $binary with go build"
}

# The binary of the other kind does not count.
right_kind() {
	# Not grep -q: it would leave early, and pipefail take the program's broken pipe for a no.
	if "$binary" list-modules 2>/dev/null | grep '^http\.handlers\.authgate_admin$' >/dev/null; then
		[ $sidecar = no ]
	else
		[ $sidecar = yes ]
	fi
}

build_if_needed() {
	if [ ! -x "$binary" ] || ! right_kind || [ -n "$(find . -path ./bench -prune -o -path ./e2e -prune -o \( -name '*.go' -o -name go.mod \) -newer "$binary" -print -quit)" ]; then
		build
	fi
}

case "${1:-build}" in
build)
	build
	;;
run)
	shift
	build_if_needed
	if [ -z "${AUTHGATE_ADMIN_KEY:-}" ]; then
		AUTHGATE_ADMIN_KEY=$(head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n')
		export AUTHGATE_ADMIN_KEY
		echo "AUTHGATE_ADMIN_KEY was not set; for this run it is $AUTHGATE_ADMIN_KEY"
	fi
	exec "$binary" run --config Caddyfile.example "$@"
	;;
demo)
	shift
	[ $sidecar = no ] || { echo "xcaddy.sh: the demo needs the embedded store and the management APIs; leave out --sidecar" >&2; exit 2; }
	build_if_needed
	exec "$binary" demo "$@"
	;;
-h | --help | help)
	usage
	;;
*)
	usage >&2
	exit 2
	;;
esac
