#!/usr/bin/env bash
# Copies the browser assets we ship out of their npm packages (pinned), so that no page ever asks another host.
# Needs npm; run it only to change a version, then commit what it wrote.
set -euo pipefail
cd "$(dirname "$0")/.."
packages=$(mktemp -d)
trap 'rm -rf "$packages"' EXIT
(cd "$packages" && npm init -y >/dev/null && npm install --no-audit --no-fund --ignore-scripts --silent \
  bootstrap@5.3.8 bootstrap-icons@1.13.2 @fontsource-variable/inter@5.3.0 swagger-ui-dist@5.35.0 redoc@2.5.4 axe-core@4.14.1)
from=$packages/node_modules
ui=dashboard/assets/vendor
docs=api/assets
rm -rf "$ui" "$docs/swagger-ui" "$docs/redoc" tests/browser/vendor
mkdir -p "$ui/bootstrap" "$ui/bootstrap-icons/fonts" "$ui/inter/files" "$docs/swagger-ui" "$docs/redoc" tests/browser/vendor

copy() { # source, target: without the reference to a source map we do not ship
  sed -e '/^\/[/*][#@] sourceMappingURL=.*$/d' "$1" >"$2"
}
copy "$from/bootstrap/dist/css/bootstrap.min.css" "$ui/bootstrap/bootstrap.min.css"
cp "$from/bootstrap/LICENSE" "$ui/bootstrap/LICENSE"
copy "$from/bootstrap-icons/font/bootstrap-icons.min.css" "$ui/bootstrap-icons/bootstrap-icons.min.css"
cp "$from/bootstrap-icons/font/fonts/bootstrap-icons.woff2" "$ui/bootstrap-icons/fonts/"
cp "$from/bootstrap-icons/LICENSE" "$ui/bootstrap-icons/LICENSE"
for subset in latin latin-ext; do cp "$from/@fontsource-variable/inter/files/inter-$subset-wght-normal.woff2" "$ui/inter/files/"; done
cp "$from/@fontsource-variable/inter/LICENSE" "$ui/inter/LICENSE"
cat >"$ui/inter/inter.css" <<'CSS'
@font-face{font-family:Inter;font-style:normal;font-display:swap;font-weight:100 900;src:url(files/inter-latin-ext-wght-normal.woff2) format("woff2");unicode-range:U+0100-02BA,U+02BD-02C5,U+02C7-02CC,U+02CE-02D7,U+02DD-02FF,U+1E00-1E9F,U+1EF2-1EFF,U+20A0-20AB,U+20AD-20C0,U+2C60-2C7F,U+A720-A7FF}
@font-face{font-family:Inter;font-style:normal;font-display:swap;font-weight:100 900;src:url(files/inter-latin-wght-normal.woff2) format("woff2");unicode-range:U+0000-00FF,U+0131,U+0152-0153,U+02BB-02BC,U+02C6,U+02DA,U+02DC,U+0304,U+0308,U+0329,U+2000-206F,U+20AC,U+2122,U+2191,U+2193,U+2212,U+2215,U+FEFF,U+FFFD}
CSS
copy "$from/swagger-ui-dist/swagger-ui-bundle.js" "$docs/swagger-ui/swagger-ui-bundle.js"
copy "$from/swagger-ui-dist/swagger-ui.css" "$docs/swagger-ui/swagger-ui.css"
cp "$from/swagger-ui-dist/LICENSE" "$from/swagger-ui-dist/NOTICE" "$docs/swagger-ui/"
copy "$from/redoc/bundles/redoc.standalone.js" "$docs/redoc/redoc.standalone.js"
cp "$from/redoc/LICENSE" "$docs/redoc/LICENSE"
copy "$from/axe-core/axe.min.js" tests/browser/vendor/axe.min.js
cp "$from/axe-core/LICENSE" tests/browser/vendor/LICENSE
