// A page opened by a kiosk link: the link's token is kept here and sent as a header with everything this page asks for. Runs before the
// other scripts, so that theirs and Dash's requests carry it too.
(function () {
  "use strict";
  const KEY = "vd-kiosk-link";
  const STAY = ["rotate", "pages", "frozen", "screen"]; // what a screen was told goes along to other pages
  const here = new URL(location.href);
  if (here.searchParams.get("kiosk") !== "1" && !here.searchParams.has("link")) return;

  let token = here.searchParams.get("link"), kept = false;
  try {
    if (token) sessionStorage.setItem(KEY, token);
    else token = sessionStorage.getItem(KEY);
    kept = sessionStorage.getItem(KEY) === token;
  } catch (_) { /* a frame whose storage is shut: memory and the address must do */ }

  let isLeaving = false;
  function ended() { // once: every request of the page learns of it, and a second navigation would abort the first
    if (isLeaving) return;
    isLeaving = true;
    location.replace("/kiosk?ended=1");
  }

  const plainFetch = window.fetch.bind(window);
  window.fetch = async function (input, init) {
    const request = new Request(input, init);
    if (new URL(request.url).origin !== location.origin) return plainFetch(request);
    if (token) request.headers.set("X-Kiosk-Link", token);
    const answer = await plainFetch(request);
    if (answer.status !== 401 || !token) return answer; // a person's session is renewed, or ended, by shell.js
    ended();
    return new Promise(function () {}); // nobody here can log in
  };

  // Other pages of the link stay kiosk pages; the token leaves the address where it is safe elsewhere.
  const push = history.pushState.bind(history);
  history.pushState = function (state, title, address) {
    const target = new URL(address, location.href), now = new URLSearchParams(location.search);
    target.searchParams.set("kiosk", "1");
    STAY.forEach(function (name) { if (now.has(name)) target.searchParams.set(name, now.get(name)); });
    if (!kept && token) target.searchParams.set("link", token);
    push(state, title, target.href);
  };
  if (kept && here.searchParams.has("link")) {
    here.searchParams.delete("link");
    here.searchParams.set("kiosk", "1"); // what brings it back after a reload
    history.replaceState(history.state, "", here.href);
  }

  document.documentElement.dataset.kiosk = "1";
  window.voltdeckKiosk = { protocols: token ? ["voltdeck", "kiosk." + token] : [] };
})();
