// The settings page: copying a secret, and one's own new password (the server answers with new cookies, so it is asked directly).
(function () {
  "use strict";

  function mark(button) {
    const before = button.textContent;
    button.textContent = button.dataset.copied;
    setTimeout(function () { button.textContent = before; }, 2000);
  }

  document.addEventListener("click", function (event) {
    const button = event.target.closest && event.target.closest("button[data-copy]");
    if (!button) return;
    const field = button.parentElement.querySelector("input");
    const text = button.dataset.copy.startsWith("/") ? location.origin + button.dataset.copy : button.dataset.copy;
    if (navigator.clipboard && window.isSecureContext) {
      navigator.clipboard.writeText(text).then(function () { mark(button); }, function () { field.select(); });
      return;
    }
    field.focus(); // without HTTPS browsers have no clipboard for scripts: the old way
    field.select();
    if (document.execCommand("copy")) mark(button);
  });

  // The path of a kiosk link becomes the whole address.
  new MutationObserver(function () {
    document.querySelectorAll("input.vd-secret").forEach(function (field) {
      if (field.value.startsWith("/")) {
        const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set;
        set.call(field, location.origin + field.value);
      }
    });
  }).observe(document.documentElement, { childList: true, subtree: true });

  function clear(field) { // React keeps values of its own and wants to be told
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, "");
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  document.addEventListener("submit", async function (event) {
    const form = event.target.closest("form[data-password]");
    if (!form) return;
    event.preventDefault();
    const said = form.querySelector(".vd-form-said"), button = form.querySelector("button");
    const csrf = document.cookie.match(/(?:^|; )csrf_access_token=([^;]*)/);
    const body = { old_password: form.elements.old_password.value, new_password: form.elements.new_password.value };
    button.disabled = true;
    try {
      const answer = await fetch("/api/v1/auth/password", {
        method: "PUT", credentials: "same-origin", body: JSON.stringify(body),
        headers: Object.assign({ "Content-Type": "application/json", Accept: "application/json" }, csrf ? { "X-CSRF-TOKEN": decodeURIComponent(csrf[1]) } : {}),
      });
      const answered = await answer.json();
      said.textContent = answer.ok ? form.dataset.done : answered.error.message;
      if (answer.ok) form.querySelectorAll("input[type=password]").forEach(clear);
    } catch (_) {
      said.textContent = form.dataset.down;
    }
    button.disabled = false;
  });
})();
