#!/usr/bin/env bash
# Shows a running server at work: waits for its health, posts two samples of a vehicle, reads its latest state and a summary.
#   scripts/demo.sh                                   the server at http://localhost:8000
#   BASE_URL=http://plant:8000 TOKEN=… scripts/demo.sh    another one, with a token or API key in protected mode
set -euo pipefail

BASE_URL=${BASE_URL:-http://localhost:8000}
VIN=VIN-DEMO-001
WAIT_S=${WAIT_S:-60}
authorization=()
if [ -n "${TOKEN:-}" ]; then authorization=(-H "Authorization: Bearer $TOKEN"); fi

call() { # method path [body]
  local body=()
  if [ $# -gt 2 ]; then body=(-H "Content-Type: application/json" --data "$3"); fi
  curl --silent --show-error --fail-with-body --max-time 30 -X "$1" "$BASE_URL$2" "${authorization[@]}" "${body[@]}"
  echo
}

echo "1) Waiting for $BASE_URL/api/health …"
for ((waited = 0; ; waited++)); do
  if curl --silent --fail --max-time 3 --output /dev/null "$BASE_URL/api/health"; then break; fi
  if ((waited >= WAIT_S)); then
    echo "demo: $BASE_URL did not become healthy within $WAIT_S s" >&2
    exit 1
  fi
  sleep 1
done
call GET /api/health

echo "2) Posting two samples of $VIN …"
call POST /api/telemetry '[
  {"vin":"VIN-DEMO-001","ts":"2026-01-24T12:05:00Z","soc":18.0,"soh":92.0,"pack_voltage":310.1,"pack_current":95.0,"max_temp":52.0,"min_temp":33.0,"odo_km":1201.2},
  {"vin":"VIN-DEMO-001","ts":"2026-01-24T12:10:00Z","soc":35.5,"soh":92.0,"pack_voltage":315.0,"pack_current":70.0,"max_temp":32.0,"min_temp":24.0,"odo_km":1201.8}
]'

echo "3) Its latest state:"
call GET "/api/vehicles/$VIN/latest"

echo "4) A summary of twelve minutes:"
call GET "/api/vehicles/$VIN/summary?from_ts=2026-01-24T11:59:00Z&to_ts=2026-01-24T12:10:00Z"
