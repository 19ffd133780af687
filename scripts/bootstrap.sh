#!/bin/sh
# Make .venv, with everything that uv.lock names, on a machine that has Python 3.11 or newer and nothing else of ours.
#
#     bootstrap.sh           make .venv
#     bootstrap.sh lock …    run uv with these arguments
#
# uv itself goes to .tools, through pip. A Python may be named in PYTHON; else the first suitable one is taken.
set -eu
cd "$(dirname "$0")/.."

UV_VERSION=0.13.8
TOOLS=.tools

fail() {
    echo "largesse: $*" >&2
    exit 1
}

# The real path of the first interpreter that is new enough; one that is only a broken shim does not count.
find_python() {
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        "$candidate" -c '
import sys
if sys.version_info < (3, 11):
    sys.exit(1)
print(sys.executable)' 2>/dev/null && return
    done
    fail "no Python 3.11 or newer found${PYTHON:+ as $PYTHON}: install one (apt-get install python3 python3-venv)," \
        "or name it: make PYTHON=/path/to/python3"
}

# Debian parts venv from Python, and pip too: whichever is there will do.
install_uv() {
    "$1" -c 'import ensurepip' 2>/dev/null || sh scripts/install_packages.sh python3-venv
    rm -rf "$TOOLS"
    if "$1" -c 'import ensurepip' 2>/dev/null; then
        "$1" -m venv "$TOOLS"
        "$TOOLS/bin/python" -m pip install --quiet --disable-pip-version-check "uv==$UV_VERSION"
    elif "$1" -m pip --version >/dev/null 2>&1; then
        "$1" -m pip install --quiet --disable-pip-version-check --root-user-action ignore \
            --target "$TOOLS" "uv==$UV_VERSION"
    else
        fail "$1 has neither venv nor pip: apt-get install python3-venv, then try again"
    fi
}

python=$(find_python)
if [ "$("$TOOLS/bin/uv" --version 2>/dev/null | cut -d ' ' -f 2)" != "$UV_VERSION" ]; then
    echo "largesse: installing uv $UV_VERSION for $python" >&2
    install_uv "$python"
fi
export UV_PYTHON="$python" UV_PYTHON_DOWNLOADS=never
if [ "${1:-sync}" != sync ]; then
    exec "$TOOLS/bin/uv" "$@"
fi
echo "largesse: making .venv as uv.lock says" >&2
"$TOOLS/bin/uv" sync --frozen --all-extras --quiet --compile-bytecode
# A server reads bytecode in half the time and with less memory than source, also where Python may not write it.
.venv/bin/python -m compileall -q src
touch .venv/.synced
