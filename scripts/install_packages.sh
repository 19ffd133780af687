#!/bin/sh
# Install Debian packages that are missing, if that is ours to do: as root on a system with apt-get.
#
#     install_packages.sh PACKAGE…
#
# Succeeds in any case: what stays missing is told by whoever needs it, with the command that installs it.
set -eu

missing=
for package in "$@"; do
    dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
        missing="$missing $package"
done
[ -n "$missing" ] || exit 0
[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || exit 0

echo "largesse: installing$missing" >&2
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086  # a list of names
{ apt-get update --quiet --quiet && apt-get install --quiet --quiet --yes --no-install-recommends $missing; } >/dev/null ||
    echo "largesse: could not install$missing" >&2
