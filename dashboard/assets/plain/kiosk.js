// A screen that was reloaded without its link finds it again; one whose link has ended forgets it.
(function () {
  "use strict";
  const KEY = "vd-kiosk-link";
  try {
    const query = new URLSearchParams(location.search), token = sessionStorage.getItem(KEY);
    if (query.has("ended")) sessionStorage.removeItem(KEY);
    else if (token) {
      const target = new URL(query.get("next") || "/kiosk/" + encodeURIComponent(token), location.origin);
      if (target.origin !== location.origin) return;
      if (query.has("next")) target.searchParams.set("link", token);
      location.replace(target.href);
    }
  } catch (_) { /* a frame whose storage is shut: the link in its address is all there is */ }
})();
