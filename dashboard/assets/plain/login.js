// Posts the form as JSON; the server answers with HttpOnly cookies, then the page asked for is opened.
(function () {
  "use strict";
  const form = document.getElementById("login");
  const error = document.getElementById("login-error");
  const button = form.querySelector("button");

  function next() {
    const wanted = new URLSearchParams(location.search).get("next") || "/";
    try {
      const target = new URL(wanted, location.origin);
      return target.origin === location.origin && /^\/(?![\/\\])/.test(wanted) ? target.href : "/";
    } catch (_) {
      return "/";
    }
  }

  function fail(text) {
    error.textContent = text;
    error.hidden = false;
    button.disabled = false;
    form.elements.password.select();
  }

  document.getElementById("reveal").addEventListener("change", function () {
    form.elements.password.type = this.checked ? "text" : "password";
  });

  form.addEventListener("submit", async function (event) {
    event.preventDefault();
    button.disabled = true;
    error.hidden = true;
    const said = { username: form.elements.username.value.trim(), password: form.elements.password.value, session: true };
    try {
      const answer = await fetch("/api/v1/auth/login/json", {
        method: "POST", credentials: "same-origin", headers: { "Content-Type": "application/json", Accept: "application/json" }, body: JSON.stringify(said),
      });
      if (answer.ok) location.replace(next());
      else fail(answer.status === 429 ? form.dataset.many : answer.status < 500 ? form.dataset.wrong : form.dataset.down);
    } catch (_) {
      fail(form.dataset.down);
    }
  });
})();
