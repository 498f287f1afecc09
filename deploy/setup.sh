# Shell functions of deploy/quickstart and deploy/test; sourced, not run. Each
# does nothing where its work is done already.

say() { printf '\n\033[1m%s\033[0m\n' "$*" | if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then cat; else sed 's/\x1b\[[0-9;]*m//g'; fi; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# install_packages [test|bench]: the Debian packages of deploy/packages.txt.
install_packages() {
  local wanted missing
  wanted=$(awk -v group=" ${1:-} " '/^[^#]/ && (NF == 1 || index($0 " ", group)) {print $1}' deploy/packages.txt)
  missing=$(comm -23 <(sort <<<"$wanted") \
    <(dpkg-query -W -f '${Package} ${Status}\n' $wanted 2>/dev/null | awk '/ installed$/ {print $1}' | sort))
  [ -n "$missing" ] || return 0
  say "Installing Debian packages:" $missing
  local root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || die "these Debian packages are missing and sudo is not there to install them:
  $(echo $missing)
Have an administrator run: apt-get install $(echo $missing)"
    root=(sudo)
  fi
  "${root[@]}" apt-get update -qq
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
}

# make_venv DIR PYTHON REQUIREMENT...: a virtual environment with these packages,
# made anew when the requirements or the sources of pyclient/ change.
make_venv() {
  local dir=$1 python=$2 stamp
  shift 2
  stamp=$({ "$python" -V; printf '%s\n' "$@"; find pyclient -type f -not -path '*/__pycache__/*' -not -path '*.egg-info/*' -not -path 'pyclient/build/*' -exec sha256sum {} + | sort; } | sha256sum)
  [ "$(cat "$dir/.stamp" 2>/dev/null)" != "$stamp" ] || return 0
  rm -rf "$dir"
  mkdir -p "$(dirname "$dir")"
  "$python" -m venv "$dir" || die "$python cannot make a virtual environment; choose another with PYTHON=..."
  "$dir/bin/python" -m pip install -q --disable-pip-version-check "$@" ||
    die "pip could not install: $*"
  printf '%s' "$stamp" >"$dir/.stamp"
}

# build TARGET...: builds with Bazel; its output only if that fails.
build() {
  local log
  log=$(mktemp)
  if ! bazel build --noshow_progress --color=no --curses=no "$@" >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    die "the build failed"
  fi
  rm -f "$log"
}
