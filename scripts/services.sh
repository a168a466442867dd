#!/usr/bin/env bash
# Finds, starts or installs what the tests need beside Python packages. A missing part fails CI; on a laptop the tests that
# need it skip by name.
set -euo pipefail

missing() { # what, how to get it
  echo "services: $1 is missing; $2" >&2
  if [ "${CI:-}" = true ]; then exit 1; fi
}

have_chromium() { command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null; }

if ! have_chromium && command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  echo "services: installing Chromium and CJK fonts for the browser tests …"
  apt-get update -qq >/dev/null || true
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-noto-cjk >/dev/null || true
fi
if have_chromium; then echo "services: Chromium found"; else missing Chromium "install it (Debian: apt-get install chromium)"; fi
