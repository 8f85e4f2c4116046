// The list of signed-in devices: what htmx's attributes cannot say. Works with htmx 2 and 4, and
// does nothing where neither is loaded.
(() => {
  "use strict";

  const REFRESH = "session-ui:refresh";

  const byId = (id) => document.getElementById(id);
  const on = (names, listener, options) =>
    names.forEach((name) => document.addEventListener(name, listener, options));

  // htmx 2 puts what an event is about into detail, htmx 4 into detail.ctx.
  const sourceOf = ({ detail }) =>
    detail.ctx?.sourceElement ?? detail.requestConfig?.elt ?? detail.elt ?? null;
  const statusOf = ({ detail }) => (detail.ctx ? detail.ctx.response?.status : detail.xhr?.status) ?? 0;
  const isOurs = (source) => Boolean(source?.closest?.(".sui"));
  const isPoll = (source) => source?.id === "session-list";

  // -- live updates -------------------------------------------------------------------------------

  let isPaused = false;
  let isUrgent = false;

  // A swap under an open dialog would lose what the dialog is about.
  const isQuiet = () =>
    document.hidden || document.querySelector("dialog[open]") || (isPaused && !isUrgent);

  const refresh = (urgent = false) => {
    isUrgent = urgent;
    document.body.dispatchEvent(new CustomEvent(REFRESH));
    isUrgent = false;
  };

  const showPauseButton = () => byId("session-pause")?.removeAttribute("hidden");

  on(["htmx:load", "htmx:after:process"], showPauseButton);
  on(["DOMContentLoaded"], () => window.htmx && showPauseButton());

  on(["click"], ({ target }) => {
    const button = target.closest?.("#session-pause");
    if (!button) return;
    isPaused = !isPaused;
    button.setAttribute("aria-pressed", String(isPaused));
    if (!isPaused) refresh();
  });

  on(["visibilitychange"], () => document.hidden || refresh());
  window.addEventListener("online", () => refresh());
  // A page that the back button brings out of the browser's memory may be somebody else's by now.
  window.addEventListener("pageshow", (event) => event.persisted && refresh(true));

  // A sign-in elsewhere: a row that is younger than all that were here. The stylesheet lights it up.
  let newest = 0;

  const rows = () => [...document.querySelectorAll("#session-list [data-since]")];
  const since = (row) => Number(row.dataset.since);
  const newestRow = (known) => Math.max(known, ...rows().map(since));

  on(["htmx:afterSwap", "htmx:after:swap"], (event) => {
    if (!isPoll(sourceOf(event)) || !newest) return;
    for (const row of rows()) row.classList.toggle("sui-row-new", since(row) > newest);
  });

  // -- questions ----------------------------------------------------------------------------------

  const theDialog = () => document.querySelector("dialog[data-session-dialog]");

  let onAnswer;

  const answer = (dialog) => {
    const then = onAnswer;
    onAnswer = null;
    then?.(dialog.returnValue === "yes");
  };

  const ask = (dialog, question, then) => {
    // The browser tells of a closed dialog a frame later, and this may come in between.
    if (!dialog.open) answer(dialog);
    // The last of some quick clicks: for its sake, htmx 4 has given up those before.
    onAnswer = then;
    if (dialog.open) return;
    dialog.querySelector("[data-session-question]").textContent = question;
    dialog.setAttribute("aria-label", question);
    dialog.returnValue = "no";
    dialog.showModal();
  };

  on(["close"], ({ target }) => target === theDialog() && !target.open && answer(target), {
    capture: true,
  });

  on(["click"], ({ target }) => {
    const button = target.closest?.("[data-session-dialog] button");
    if (button) button.closest("dialog").close(button.value);
  });

  // Without the dialog, or without this script, htmx asks by window.confirm().
  on(["htmx:confirm"], (event) => {
    const { ctx, issueRequest, dropRequest, question } = event.detail;
    const dialog = theDialog();
    if (!isOurs(sourceOf(event)) || !dialog || !(question || ctx?.confirm)) return;
    event.preventDefault();
    ask(dialog, question || ctx.confirm, (isYes) => {
      if (isYes) issueRequest(true);
      else dropRequest?.();
    });
  });

  // htmx 2 lets a poll go on that was under way when the dialog opened.
  on(["htmx:beforeSwap"], (event) => {
    if (isPoll(sourceOf(event)) && theDialog()?.open) event.preventDefault();
  });

  // A form that htmx has nothing to do with.
  on(["submit"], (event) => {
    const form = event.target;
    const question = form.dataset.sessionConfirm;
    if (!question || form.hasAttribute("data-confirmed")) return;
    const dialog = theDialog();
    if (!dialog) return window.confirm(question) || event.preventDefault();
    event.preventDefault();
    ask(dialog, question, (isYes) => {
      if (!isYes) return;
      form.setAttribute("data-confirmed", "");
      form.requestSubmit(event.submitter);
      form.removeAttribute("data-confirmed");
    });
  });

  // -- what a request does to the page ------------------------------------------------------------

  let latest;

  const setBusy = (form, isBusy) => {
    form.toggleAttribute("data-busy", isBusy);
    // Not the disabled attribute: it would take the focus away.
    form.querySelector("[type=submit]")?.setAttribute("aria-disabled", String(isBusy));
  };

  on(["htmx:beforeRequest", "htmx:before:request"], (event) => {
    const source = sourceOf(event);
    if (!isOurs(source)) return;
    latest = event.detail.ctx;
    newest = newestRow(newest);
    if (isPoll(source) && isQuiet()) event.preventDefault();
    else if (source.matches("form")) setBusy(source, true);
  });

  on(["htmx:afterRequest", "htmx:finally:request"], (event) => {
    const source = sourceOf(event);
    if (!isOurs(source) || !source.matches("form")) return;
    setBusy(source, false);
    // Brings the CSRF token that a sign-in in another tab has changed. Not at once: until this
    // event is over, htmx drops a poll for the form's sake.
    if (statusOf(event) === 403) setTimeout(refresh, 0, true);
  });

  // The second of two quick clicks.
  on(
    ["submit"],
    (event) => {
      if (!isOurs(event.target) || !event.target.hasAttribute("data-busy")) return;
      event.preventDefault();
      event.stopImmediatePropagation();
    },
    { capture: true },
  );

  // -- errors, in the status line -----------------------------------------------------------------

  let error = "";

  const say = (source, name) => {
    const line = byId("session-status");
    const text = source.closest(".sui").dataset[name];
    // The same text again would be announced again, at every poll.
    if (!line || line.textContent === text) return;
    line.textContent = error = text;
    line.classList.add("sui-error");
  };

  const unsay = () => {
    const line = byId("session-status");
    if (!line) return;
    line.classList.remove("sui-error");
    if (error && line.textContent === error) line.textContent = "";
    error = "";
  };

  const explain = (source, status) => {
    if (status >= 500) say(source, "failed");
    else if (status === 403 && !isPoll(source)) say(source, "stale");
    else say(source, status >= 400 ? "refused" : "offline");
  };

  on(["htmx:responseError", "htmx:sendError", "htmx:timeout", "htmx:response:error"], (event) => {
    const source = sourceOf(event);
    if (!isOurs(source)) return;
    explain(source, statusOf(event));
    // htmx 4 would parse the error page that it does not swap in, and a strict policy complain of
    // the styles in it.
    if (event.detail.ctx) event.detail.ctx.text = "";
  });

  // htmx 4's event for a request without an answer. htmx 2 has one of that name too, and no ctx.
  on(["htmx:error"], (event) => {
    const source = event.detail.ctx && sourceOf(event);
    const isReplaced = event.detail.error?.name === "AbortError" && event.detail.ctx !== latest;
    if (isOurs(source) && !isReplaced && !statusOf(event)) explain(source, 0);
  });

  on(["htmx:afterRequest", "htmx:after:request"], (event) => {
    const source = sourceOf(event);
    const status = statusOf(event);
    const isStale = error && isPoll(source) && error === source.closest(".sui").dataset.stale;
    if (isOurs(source) && status >= 200 && status < 400 && !isStale) unsay();
  });
})();
