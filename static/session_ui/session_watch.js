// Watches the session of an open page: `{% session_watch %}`. Not by htmx, for it may be on any page
// of the site. Times are in milliseconds.
(() => {
  "use strict";

  const byId = (id) => document.getElementById(id);
  const on = (names, listener, options) =>
    names.split(" ").forEach((name) => document.addEventListener(name, listener, options));

  let watched, due, end, looking, isBusy;
  // A request of the list may bring a cookie with a new key, which the answer to a look would delete.
  on("session-ui:request", () => {
    isBusy = true;
    looking?.abort();
  });
  on("session-ui:response", () => (isBusy = false));

  const still = () => watched?.querySelector("dialog");
  const plan = (seconds) => {
    const now = Date.now();
    const { interval, warning } = watched.dataset;
    end = typeof seconds === "number" ? now + 1000 * seconds : Infinity;
    const asks = end - 1000 * (warning ?? 0);
    const next = Math.min(asks > now ? asks : end, Number(interval) ? now + 1000 * interval : Infinity);
    due = Math.max(next, now + 1000);
    return asks <= now;
  };
  const look = async (form) => {
    const failed = still()?.querySelector("[data-session-failed]");
    failed?.replaceChildren();
    due = Infinity;
    looking?.abort();
    looking = new AbortController();
    const headers = { "HX-Request": "true", "HX-Current-URL": location.href };
    const post = form && { method: "POST", body: new FormData(form) };
    try {
      const options = { headers, cache: "no-store", signal: looking.signal, ...post };
      const answer = await fetch(form ? form.action : watched.dataset.url, options);
      const address = answer.headers.get("HX-Redirect");
      if (address) return location.assign(address);
      if (answer.headers.has("HX-Refresh")) return location.reload();
      const isLate = plan((await answer.json()).seconds);
      if (isLate && still() && !still().open) askStill();
      else if (!isLate && still()?.open) still().close();
    } catch {
      // Offline, or the server has failed.
      due = Date.now() + 1000 * (Number(watched.dataset.interval) || 15);
      if (form) failed?.replaceChildren(failed.dataset.sessionFailed);
    }
  };
  let before; // what had the focus
  const askStill = () => {
    before = document.activeElement;
    still().showModal();
    tick();
  };
  const tick = () => {
    const found = byId("session-watch");
    if (found !== watched) {
      watched = found;
      const seconds = found?.dataset.seconds;
      // Whether it is late only the server knows: loading this page has used the session.
      if (found) plan(seconds ? Number(seconds) : null);
    }
    if (!watched || document.hidden || isBusy) return;
    if (still()?.open) {
      const rest = Math.max(0, Math.round((end - Date.now()) / 1000));
      const timer = still().querySelector("[data-session-timer]");
      timer.textContent = `${Math.floor(rest / 60)}:${String(rest % 60).padStart(2, "0")}`;
    }
    // By the clock, which goes on while a computer sleeps.
    if (Date.now() >= due) look();
  };
  const lookNow = () => {
    tick();
    // While it asks, an answer may be under way.
    if (watched && !document.hidden && !isBusy && !still()?.open) look();
  };
  on("DOMContentLoaded", tick);
  setInterval(tick, 1000);
  on("visibilitychange", lookNow);
  window.addEventListener("online", lookNow);
  // Brought back by the back button, from memory or from the browser's cache.
  window.addEventListener("pageshow", ({ persisted }) => {
    const [{ type } = {}] = performance.getEntriesByType("navigation");
    if (persisted || type === "back_forward") lookNow();
  });

  on("submit", (event) => {
    const { target: form, submitter } = event;
    if (!form.closest("#session-watch") || submitter?.name) return;
    event.preventDefault();
    look(form);
  });
  // Someone who presses Escape is there.
  on("cancel", (event) => {
    if (event.target !== still()) return;
    event.preventDefault();
    look(event.target.querySelector("form"));
  }, { capture: true });
  on("close", ({ target }) => {
    if (target === still() && !before.isConnected) byId(before.id)?.focus();
  }, { capture: true });
})();
