// The month of the calendar: its days, weeks and name are links to their range. Built when the menu opens, from the site's own today.
(function () {
  "use strict";
  const DAY = 86400000;
  let shown = null; // the month looked at, as ms of its first day (UTC stands for the site's calendar)

  function client() { return document.getElementById("client"); }

  function say(key, n) {
    return (JSON.parse(client().dataset.words)[key] || "").replace("{n}", n);
  }

  function today() {
    const now = window.voltdeckNow ? window.voltdeckNow() : Date.now();
    return new Intl.DateTimeFormat("en-CA", { timeZone: client().dataset.zone, year: "numeric", month: "2-digit", day: "2-digit" }).format(now);
  }

  function iso(ms) { return new Date(ms).toISOString().slice(0, 10); }

  function first(ms) { const day = new Date(ms); return Date.UTC(day.getUTCFullYear(), day.getUTCMonth(), 1); }

  function beside(ms, by) { const day = new Date(ms); return Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + by, 1); }

  // ISO 8601: the week of its Thursday.
  function week(monday) {
    const thursday = new Date(monday + 3 * DAY);
    return 1 + Math.floor((thursday - Date.UTC(thursday.getUTCFullYear(), 0, 1)) / (7 * DAY));
  }

  function make(tag, text, values) {
    const element = document.createElement(tag);
    element.textContent = text;
    for (const [name, value] of Object.entries(values || {})) element.setAttribute(name, value);
    return element;
  }

  function link(text, from, to, label) {
    if (from > today()) return make("span", text, { "aria-hidden": "true" });
    const query = new URLSearchParams(location.search);
    query.set("from", from);
    query.set("to", to);
    const found = make("a", text, { href: location.pathname + "?" + query, "data-nav": "1", "aria-label": label });
    return found;
  }

  function turn(icon, key, by, box) {
    const button = make("button", "", { type: "button", "aria-label": say(key), title: say(key), "class": "vd-icon-button", "data-turn": by });
    button.appendChild(make("i", "", { "class": "bi bi-chevron-" + icon, "aria-hidden": "true" }));
    button.addEventListener("click", function (event) {
      event.stopPropagation(); // the menu stays open
      shown = beside(shown, by);
      draw(box);
      box.querySelector('[data-turn="' + by + '"]').focus();
    });
    return button;
  }

  function draw(box) {
    const lang = document.documentElement.lang || "en";
    const format = function (options) { return new Intl.DateTimeFormat(lang, Object.assign({ timeZone: "UTC" }, options)); };
    const end = beside(shown, 1) - DAY, monday = shown - ((new Date(shown).getUTCDay() + 6) % 7) * DAY;
    const name = format({ month: "long", year: "numeric" }).format(shown);
    const head = make("div", "", { "class": "vd-month-head" });
    const whole = link(name, iso(shown), iso(end), name + ": " + say("calendar.whole"));
    whole.title = say("calendar.whole");
    head.append(turn("left", "calendar.before", -1, box), whole, turn("right", "calendar.after", 1, box));
    const grid = make("div", "", { "class": "vd-month-grid" });
    grid.appendChild(make("span", ""));
    for (let i = 0; i < 7; i += 1) {
      grid.appendChild(make("span", format({ weekday: "narrow" }).format(monday + i * DAY), { "class": "vd-month-day", "aria-hidden": "true" }));
    }
    for (let row = monday; row <= end; row += 7 * DAY) {
      const title = say("calendar.week", week(row));
      const whole = link(week(row), iso(row), iso(row + 6 * DAY), title);
      whole.title = title;
      whole.className = "vd-month-week";
      grid.appendChild(whole);
      for (let day = row; day < row + 7 * DAY; day += DAY) {
        const text = iso(day);
        const one = link(new Date(day).getUTCDate(), text, text, format({ dateStyle: "full" }).format(day));
        if (day < shown || day > end) one.classList.add("vd-beside");
        if (text === today()) one.classList.add("vd-today");
        if (text >= box.dataset.from && text <= box.dataset.to) one.setAttribute("aria-current", "date");
        one.dataset.day = text;
        grid.appendChild(one);
      }
    }
    box.replaceChildren(head, grid);
  }

  document.addEventListener("toggle", function (event) {
    const menu = event.target;
    if (!menu.dataset || !menu.dataset.calendar || !menu.open) return;
    const box = menu.querySelector(".vd-month");
    shown = first(Date.parse((box.dataset.to || today()) + "T00:00Z"));
    draw(box);
  }, true);

  // Arrow keys walk over the days.
  document.addEventListener("keydown", function (event) {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 }[event.key];
    const here = event.target.closest && event.target.closest(".vd-month-grid [data-day]");
    if (!here || !step) return;
    event.preventDefault();
    const box = here.closest(".vd-month"), wanted = Date.parse(here.dataset.day + "T00:00Z") + step * DAY;
    if (iso(wanted) > today()) return;
    if (!box.querySelector('a[data-day="' + iso(wanted) + '"]')) {
      shown = first(wanted);
      draw(box);
    }
    box.querySelector('a[data-day="' + iso(wanted) + '"]').focus();
  });
})();
