#!/usr/bin/env bash
# Programs that some tests drive for real. Installed when that is possible; otherwise those tests skip and say why.
set -u
missing=()
for program in tmux openssl; do
  command -v "$program" >/dev/null 2>&1 || missing+=("$program")
done
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null && exit 0
fi
echo "not installed: ${missing[*]}; the tests that need them will be skipped" >&2
exit 0
