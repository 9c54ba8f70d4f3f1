# What the scripts share. Sourced by them; it moves to the repository's root.

cd "$(dirname "${BASH_SOURCE[0]}")/.."
SECONDS=0
tmp=$(mktemp -d)
child=   # the process that run waits for
pulse=   # what shows that patiently still waits
labs=()  # labs to remove at the end

say() { printf '\n==> [%d s] %s\n' "$SECONDS" "$*" >&2; }

# die MESSAGE HINT: cannot go on, like the faultlab command.
die() {
  printf 'faultlab: error: %s\nfaultlab: hint: %s\n' "$1" "$2" >&2
  exit 2
}

have() { command -v "$1" > /dev/null; }

# run COMMAND...: runs it so that a signal to this script ends it at once.
run() {
  local code=0
  "$@" < /dev/null &
  child=$!
  wait "$child" || code=$?
  child=
  return "$code"
}

# patiently COMMAND...: for one that says nothing by itself for a long time. A line
# every ten seconds shows that it goes on. Nothing but bash runs meanwhile: a sleep
# would outlive its parent.
patiently() {
  local code=0
  while ! read -rt 10 <> <(:); do echo "    still at it, $SECONDS s since the beginning" >&2; done &
  pulse=$!
  "$@" || code=$?
  kill "$pulse"
  wait "$pulse" 2> /dev/null || true
  pulse=
  return "$code"
}

# at_end leaves nothing behind, whatever ended the script.
at_end() {
  local code=$?
  trap '' INT TERM HUP
  trap - EXIT
  [ -z "$pulse" ] || kill "$pulse" 2> /dev/null || true
  if [ -n "$child" ]; then
    kill -TERM "$child" 2> /dev/null || true
    wait "$child" || true
  fi
  local id
  for id in "${labs[@]}"; do
    "$tmp/faultlab" stop "$id" > "$tmp/stop" 2>&1 || grep -q 'there is no lab' "$tmp/stop" || cat "$tmp/stop" >&2
  done
  rm -rf "$tmp"
  exit "$code"
}
trap at_end EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# debian_root: may packages be installed here?
debian_root() { have apt-get && [ "$(id -u)" = 0 ]; }

# install PACKAGE... says so, and installs what is missing.
install() {
  local p missing=()
  for p in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2> /dev/null)" = installed ] || missing+=("$p")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "installing ${missing[*]} (apt-get install)"
  patiently apt_install "${missing[@]}" || {
    tail -n 15 "$tmp/apt" >&2
    die "${missing[*]} could not be installed" "apt-get install ${missing[*]}"
  }
}

apt_install() {
  run apt-get update -q > "$tmp/apt" 2>&1 &&
    run env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >> "$tmp/apt" 2>&1
}

# need_go makes sure of Go and builds the faultlab command. go run would not do:
# it turns every exit code but 0 into 1.
need_go() {
  have go || [ ! -x /usr/local/go/bin/go ] || PATH=$PATH:/usr/local/go/bin
  have go || die "Go is not installed" "install Go $(sed -n 's/^go //p' go.mod) or newer, see https://go.dev/doc/install"
  say "building the command: go build ./cmd/faultlab"
  # Built like the images' binaries, so that nothing is compiled twice.
  patiently run env CGO_ENABLED=0 go build -trimpath -buildvcs=false -o "$tmp/faultlab" ./cmd/faultlab
}

# need_engine makes sure that a Docker Engine answers. Where there is none, and
# this is Debian or alike and we are root, it installs and starts one.
need_engine() {
  local started=
  answers && return
  if [ -n "${DOCKER_HOST:-}" ] || ! debian_root; then
    cat "$tmp/engine" >&2
    exit 2
  fi
  # One that is installed and stopped may be docker-ce, which docker.io would replace.
  if ! have dockerd; then
    say "no Docker Engine is installed here; it comes from Debian's docker.io"
    install docker.io ca-certificates
  fi
  if ! answers && [ -d /run/systemd/system ]; then
    say "starting the Docker Engine (systemctl start docker)"
    systemctl start docker || true
  elif ! answers && ! grep -qsx dockerd /proc/[0-9]*/comm; then
    say "starting the Docker Engine (dockerd in the background; it goes on after this script; log: /var/log/dockerd.log)"
    setsid dockerd >> /var/log/dockerd.log 2>&1 < /dev/null &
    started=$!
  fi
  local n
  for n in $(seq 60); do
    answers && return
    [ -z "$started" ] || kill -0 "$started" 2> /dev/null || break
    sleep 1
  done
  [ ! -f /var/log/dockerd.log ] || tail -n 5 /var/log/dockerd.log >&2
  die "the Docker Engine was started and does not answer" "see /var/log/dockerd.log or journalctl -u docker"
}

answers() { "$tmp/faultlab" ps > /dev/null 2> "$tmp/engine"; }

pull() { run timeout 180 docker pull -q "$1" > /dev/null 2>&1; }

# need_docker makes sure of the command, for what faultlab itself does not tell.
need_docker() { have docker || die "the docker command is missing" "apt-get install docker.io"; }

# need_base makes sure of one of the two ways to the base image.
need_base() {
  [ "${FAULTLAB_BASE:-}" != registry ] || return 0
  have mmdebstrap && return
  if have docker; then
    docker image inspect debian:trixie-slim > /dev/null 2>&1 && return
    say "asking a registry for debian:trixie-slim (docker pull)"
    patiently pull debian:trixie-slim && return
  fi
  # Elsewhere faultlab itself says what is missing, if it is.
  debian_root || return 0
  say "mmdebstrap makes the base image without a registry"
  install mmdebstrap
}
