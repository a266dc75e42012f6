#!/usr/bin/env bash
# Bring a fresh Debian or Ubuntu to where `dockerdriver` runs: Debian packages, then a virtual environment in .venv from
# the lock files. Installs only what is missing and says what and why. Run again, it installs nothing.
#
# Usage: bootstrap.sh run     what `make up` needs
#        bootstrap.sh test    that, and what `make test` needs
#        bootstrap.sh lint    the virtual environment with the test tools; needs neither root nor packages
#        bootstrap.sh missing nothing: only say which Debian packages `dockerdriver up` lacks, one a line, and why
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly PURPOSE=${1:?say what for: run, test, lint or missing}
readonly POLICY=${POLICY_RC_D:-/usr/sbin/policy-rc.d}
readonly VENV=.venv
readonly PYTHONS=${PYTHONS:-python3 python3.11 python3.12 python3.13 /usr/bin/python3}

say() { printf '== %s\n' "$*"; }
die() { printf 'dockerdriver: %s\n' "$*" >&2; exit 1; }

# -- Debian packages ---------------------------------------------------------------------------------------------------

# One line for each package that this machine needs: its name, and why.
needed_packages() {
  needs_engine && echo 'docker.io  the Docker Engine: none answers on this machine and there is no dockerd'
  needs_venv && echo 'python3-venv  the virtual environment'
  several_servers && echo 'redis-server  events between the servers of the API'
  cat <<'LIST'
iptables  the rules between hosts, and the engine
iproute2  addresses of hosts, traffic of sessions
postgresql  the databases of the pool and of Prefect
nginx  the gateway
libnginx-mod-http-lua  the gateway's routes
lua-cjson  the gateway's routes
lua-luaossl  the gateway's signatures
openssh-client  the way to hosts
mmdebstrap  building the host and notebook images
zstd  sending images
restic  backups of sessions
busybox-static  testing hosts from inside a container
LIST
  [ "$PURPOSE" != test ] || cat <<'LIST'
chromium  the system test opens a session with it
docker-registry  references are pulled from a real one
curl  examples of the docs are run
jq  examples of the docs are run
prometheus  dashboard and alert rules are held against a real one
zsh  completion is tried in a real one
redis-server  two servers of the API share one
mariadb-server  the databases of the OpenStack that the tests start
rabbitmq-server  the messages of the OpenStack that the tests start
LIST
}

needs_engine() {
  [ -z "${DD_ENGINE_URL:-}${DOCKER_HOST:-}" ] && ! command -v dockerd >/dev/null && ! engine_answers
}

# As the setting says, in the environment or in dockerdriver.env.
several_servers() {
  local line="s/^ *(export +)?DD_API_SERVERS *= *[\"']? *([0-9]+).*/\2/Ip"
  local said=${DD_API_SERVERS:-$(sed -nE "$line" dockerdriver.env 2>/dev/null | tail -n 1)}
  [ "${said:-1}" -gt 1 ]
}

engine_answers() {
  python3 - <<'PYTHON' 2>/dev/null
import socket, sys
engine = socket.socket(socket.AF_UNIX); engine.settimeout(5); engine.connect("/var/run/docker.sock")
engine.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
sys.exit(b" 200 " not in engine.recv(64))
PYTHON
}

needs_venv() { [ "$PURPOSE" != missing ] && [ -z "$(python_with_venv)" ]; }

is_installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

missing_packages() {
  needed_packages | while read -r package why; do is_installed "$package" || echo "$package  $why"; done
}

install_packages() {
  local missing
  missing=$(missing_packages)
  [ -n "$missing" ] || return 0
  say "Installing Debian packages:"
  sed 's/^\([^ ]*\)  /   \1: /' <<<"$missing"
  apt_install $(cut -d' ' -f1 <<<"$missing")
}

apt_install() {
  export DEBIAN_FRONTEND=noninteractive
  hold_services
  apt_try update
  apt_try install -y --no-install-recommends -o Dpkg::Options::=--force-confold "$@"
  release_services
  keep_off_at_boot "$@"
}

apt_try() {
  local log attempt
  log=$(mktemp)
  for attempt in 1 2 3; do
    if apt-get -q -o DPkg::Lock::Timeout=300 "$@" >"$log" 2>&1; then rm -f "$log"; return 0; fi
    sleep $((attempt * 2))
  done
  tail -n 15 "$log" >&2
  rm -f "$log"
  die "apt-get $1 failed three times; its last words are above"
}

# Debian starts a service when its package is installed. nginx would take port 80 and PostgreSQL 5432: while we install,
# and only then, nothing is started. A policy of the machine's own is put aside and back, also after a kill.
hold_services() {
  [ ! -e "$POLICY" ] || grep -q 'put here by dockerdriver' "$POLICY" || mv "$POLICY" "$POLICY.kept-by-dockerdriver"
  printf '#!/bin/sh\n# put here by dockerdriver while it installs packages\nexit 101\n' >"$POLICY"
  chmod 755 "$POLICY"
  trap release_services EXIT
}

release_services() {
  ! grep -qs 'put here by dockerdriver' "$POLICY" || rm -f "$POLICY"
  [ ! -e "$POLICY.kept-by-dockerdriver" ] || mv "$POLICY.kept-by-dockerdriver" "$POLICY"
}

# On a machine with systemd the packages would start their services at the next boot. We start our own nginx and our own PostgreSQL.
keep_off_at_boot() {
  [ -d /run/systemd/system ] || return 0
  local package
  for package in "$@"; do
    case $package in
      nginx | postgresql | prometheus | rabbitmq-server | redis-server) systemctl disable --quiet "$package" ;;
      mariadb-server) systemctl disable --quiet mariadb ;;
    esac
  done
}

# -- Python packages ---------------------------------------------------------------------------------------------------

python_with_venv() {
  local python suits
  for suits in runs_for_all true; do
    for python in $PYTHONS; do
      if makes_venvs "$python" && $suits "$python"; then command -v "$python"; return; fi
    done
  done
}

makes_venvs() { "$1" -c 'import sys, ensurepip, venv, sqlite3, ssl; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

# Where hosts are machines the workers have an account of their own, which cannot run a Python of root's home.
runs_for_all() {
  [ "${DD_CLOUD:-local}" != local ] && [ "$(id -u)" = 0 ] || return 0
  setpriv --reuid=65534 --regid=65534 --clear-groups sh -c '"$0" -c ""' "$(command -v "$1")" 2>/dev/null
}

check_python() {
  local python
  for python in $PYTHONS; do
    ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || return 0
  done
  die "Python 3.11 or newer is needed and is not on PATH (python3 is $(python3 -V 2>/dev/null || echo missing))"
}

locks() {
  echo requirements.lock
  [ "$PURPOSE" = run ] || echo requirements-test.lock
}

# What the environment was made from and where: scripts in it carry its path, so a moved checkout makes it anew.
stamp_of() { { pwd; cat pyproject.toml "$@"; } | sha256sum | cut -d' ' -f1; }

is_up_to_date() { [ "$(cat "$VENV/$1.stamp" 2>/dev/null)" = "$(stamp_of "$1")" ] && "$VENV/bin/python" -c '' 2>/dev/null; }

install_python() {
  [ -n "$(lacking_locks)" ] || return 0
  make_venv
  install_locks $(lacking_locks)
}

lacking_locks() {
  local lock
  for lock in $(locks); do
    is_up_to_date "$lock" || echo "$lock"
  done
}

install_locks() {
  local lock
  for lock in "$@"; do
    say "Installing $(grep -c '^[^ ]*==' "$lock") Python packages of $lock into $VENV"
  done
  install_side_by_side "$@"
  case " $* " in *' requirements.lock '*) pip_install editable --no-build-isolation -e . ;; esac
  compile_python
  check_locks "$@"
  for lock in "$@"; do
    stamp_of "$lock" >"$VENV/$lock.stamp"
  done
}

# Each pip keeps one core busy, and no package is in two locks. Ctrl-C ends them, too, which bash would have it not do.
install_side_by_side() {
  local lock pip pips=() failed=0
  for lock in "$@"; do
    (trap - INT && pip_install "$lock" --no-compile --require-hashes -r "$lock") &
    pips+=($!)
  done
  for pip in "${pips[@]}"; do
    wait "$pip" || failed=1
  done
  [ "$failed" = 0 ] || exit 1
}

make_venv() {
  grep -qs "$PWD/$VENV" "$VENV/bin/activate" && "$VENV/bin/python" -c 'import pip' 2>/dev/null && return 0
  rm -rf "$VENV"
  "$(python_with_venv)" -m venv "$VENV"
}

# pip_install NAME ARGUMENT…: what pip says is kept under that name.
pip_install() {
  local log="$VENV/pip-$1.log"
  shift
  "$VENV/bin/python" -m pip install --disable-pip-version-check --no-deps "$@" >"$log" 2>&1 && return 0
  tail -n 15 "$log" >&2
  die "pip could not install $*; its last words are above, all of them in $log"
}

# pip compiles on one core. Packages bring templates and samples that do not compile, and no program imports those; nor
# does one import the tests of a package, or the Python of mypy, which comes as machine code.
compile_python() {
  "$VENV/bin/python" -m compileall -q -j 0 -x '/(tests|ansible_test|mypyc?)/' "$VENV/lib" >/dev/null 2>&1 || true
}

# Some packages want others on some versions of Python only: the locks must have them, too.
check_locks() {
  local log="$VENV/pip-check.log" verb=does
  [ $# = 1 ] || verb=do
  "$VENV/bin/python" -m pip check >"$log" 2>&1 && return 0
  die "$(sed 's/ / and /' <<<"$*") $verb not fit $("$VENV/bin/python" -V): $(tail -n 1 "$log")"
}

# -- One at a time -----------------------------------------------------------------------------------------------------

# Two would write one virtual environment. For its owner alone to open: who may read a file may keep it locked. Where
# another account's run made it, that one's environment is there, too, and not ours to change.
wait_for_this_clone() {
  local lock=.bootstrap.lock
  (umask 077 && : >>"$lock") 2>/dev/null || return 0
  exec 8<>"$lock"
  take_turn 8 "$lock" 'in this clone'
}

# apt and the policy belong to the machine. Not in /run/lock, where every account may lay a link for root.
wait_for_this_machine() {
  local lock=${LOCK:-/run/dockerdriver-bootstrap.lock}
  (umask 077 && : >>"$lock")
  exec 9<>"$lock"
  take_turn 9 "$lock" 'on this machine'
}

# Wait for the lock of an open file, and say for whom; it goes with this process.
take_turn() {
  flock --nonblock "$1" || { say "Waits for the bootstrap $3 that process $(cat "$2") is at"; flock "$1"; }
  printf '%s, for %s\n' "$$" "$PURPOSE" >"$2"
}

main() {
  if [ "$PURPOSE" = missing ]; then missing_packages; return; fi
  check_python
  wait_for_this_clone
  if [ "$PURPOSE" != lint ]; then
    [ "$(id -u)" = 0 ] || die "root is needed (hosts are containers with networks of their own): run it with sudo"
    command -v apt-get >/dev/null && command -v dpkg-query >/dev/null ||
      die "Debian or Ubuntu is needed: there is no apt-get on this machine"
    wait_for_this_machine
    release_services
    install_packages
  fi
  [ -n "$(python_with_venv)" ] || die "this Python cannot make virtual environments: install python3-venv"
  install_python
}

main
