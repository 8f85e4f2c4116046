// The list of sessions: what htmx's attributes cannot say, for htmx 2 and 4. Without htmx the links
// and forms work by themselves, and this script only asks before it signs out.
(() => {
  "use strict";

  const byId = (id) => document.getElementById(id);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const on = (names, listener, options) =>
    names.split(" ").forEach((name) => document.addEventListener(name, listener, options));
  const onClick = (selector, listener) =>
    on("click", (event) => {
      const found = event.target.closest?.(selector);
      if (found) listener(found, event);
    });

  // htmx 2 puts what an event is about into detail, htmx 4 into detail.ctx. A listener hears whether
  // it is a poll, the form or a new name, and the status of the answer, 0 for none.
  const onHtmx = (names, listener) =>
    on(names, (event) => {
      const { ctx, xhr, requestConfig, elt } = event.detail;
      const source = ctx?.sourceElement ?? requestConfig?.elt ?? elt;
      const sources = { "session-poll": "poll", "session-form": "form", "session-rename": "name" };
      const what = sources[source?.id];
      if (what) listener(what, (ctx ? ctx.response?.status : xhr?.status) ?? 0, event);
    });

  // -- live updates -------------------------------------------------------------------------------
  let isLoaded, isPaused, isUrgent;
  const selects = ({ isCollapsed, anchorNode }) =>
    !isCollapsed && byId("session-list").contains(anchorNode);
  const field = () => document.querySelector("[id^=session-name-]");
  const isTyping = () => field() && field() === document.activeElement;
  const isQuiet = () =>
    !isUrgent && (isPaused || document.hidden || isTyping() || selects(getSelection()));
  const refresh = (urgent = false) => {
    isUrgent = urgent;
    document.body.dispatchEvent(new CustomEvent("session-ui:refresh"));
    isUrgent = false;
  };
  const start = () => {
    isLoaded = true;
    byId("session-pause")?.removeAttribute("hidden");
  };
  on("htmx:load htmx:after:process", start);
  on("DOMContentLoaded", () => window.htmx && start());
  onClick("#session-pause", (button) => {
    isPaused = !isPaused;
    button.setAttribute("aria-pressed", String(!isPaused));
    if (!isPaused) refresh();
  });
  on("visibilitychange", () => document.hidden || refresh());
  window.addEventListener("online", () => refresh());
  // A page that the back button brings out of the browser's memory may be another person's by now.
  window.addEventListener("pageshow", (event) => event.persisted && refresh(true));

  // -- sorting, paging, opening a row -------------------------------------------------------------
  // While a sign-out is under way, all else waits.
  let isBusy, isTurn;
  const waiting = [];
  const soon = (action) => (isBusy ? waiting.push(action) : action());
  const go = (url, turns) => {
    for (const name of ["session-page", "session-sort", "session-open"])
      byId(name).value = url.searchParams.get(name) ?? "";
    isTurn = turns; // to another page
    // The answer to a poll under way would undo this.
    byId("session-poll").setAttribute("hx-sync", "#session-list:replace");
    refresh(true);
    byId("session-poll").setAttribute("hx-sync", "#session-list:queue last");
  };

  onClick("[data-session-link], [id^=session-open-]", (link, event) => {
    if (!isLoaded || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    const url = new URL(link.getAttribute("href"), location);
    soon(() => go(url, link.matches("[rel]")));
    url.hash = "";
    if (link.closest("[data-in-address]")) history.pushState(null, "", url);
  });
  window.addEventListener("popstate", ({ state }) => {
    const isOurs = isLoaded && !state?.htmx && all("[data-in-address]").length;
    if (isOurs) soon(() => go(new URL(location), true));
  });

  // -- questions ----------------------------------------------------------------------------------
  let asked, onYes, pressed, place, isConfirmed, isKept;
  const question = () => document.querySelector("[data-session-dialog]");
  const password = () => question()?.querySelector("[type=password]");
  const yes = () => question().querySelector("[value=yes]");
  const ask = (button, then) => {
    const dialog = question();
    const row = button.closest("tr");
    const cells = row?.querySelectorAll(".sui-location, .sui-last_activity") ?? [];
    const about = [...cells].map((cell) => cell.textContent.trim()).join(" · ");
    const words = button.dataset.question;
    if (!dialog) return window.confirm(`${words}\n${about}`.trim()) && then();
    if (dialog.open) return;
    const put = (name, ...parts) => dialog.querySelector(`[${name}]`)?.replaceChildren(...parts);
    put("data-session-question", words);
    put("data-session-asked", row?.querySelector(".sui-icon")?.cloneNode(true) ?? "", about);
    [asked, onYes] = [button, then];
    dialog.showModal();
  };

  onClick("[data-session-dialog] button", (answer, { detail }) => {
    // The second click of a double one may meet a button of the question that the first has opened.
    if (detail > 1 || answer.getAttribute("aria-disabled") === "true") return;
    const isYes = answer.value === "yes";
    // With a password it stays open: the answer may be that it was wrong.
    if (!isYes || !password()) answer.closest("dialog").close();
    else if (password().reportValidity()) answer.setAttribute("aria-disabled", "true");
    else return;
    if (isYes) onYes();
  });
  on("keydown", ({ key, target }) => {
    if (key === "Enter" && target === password()) yes().click();
  });

  const reset = () => {
    yes()?.removeAttribute("aria-disabled");
    if (!password()) return;
    password().value = "";
    password().removeAttribute("aria-invalid");
    byId("session-password-error").textContent = "";
  };
  on("close", ({ target }) => {
    if (!target.matches("[data-session-dialog]")) return;
    // A button that an update has replaced cannot have the focus back.
    if (!asked.isConnected) byId(asked.id)?.focus();
    if (!target.open) reset();
  }, { capture: true });
  const buttons = () => all("#session-list button[form=session-form]");
  const send = (form, button) => {
    isKept = Boolean(password() && question().open);
    pressed = (button.id && byId(button.id)) || button;
    place = buttons().indexOf(pressed);
    // A copy: an update may have taken the button out of the page.
    const copy = button.cloneNode();
    copy.id = "";
    copy.hidden = true;
    form.append(copy);
    // What was typed into the question. A question that can ask for it sends it even if empty.
    const secret = question()?.querySelector("[name=password]")?.cloneNode();
    if (secret) {
      secret.id = "";
      secret.hidden = true;
      form.append(secret);
    }
    form.setAttribute("hx-confirm", ""); // htmx is not to ask again
    isConfirmed = true;
    form.requestSubmit(copy);
    isConfirmed = false;
    copy.remove();
    secret?.remove();
  };

  on("submit", (event) => {
    const { target: form, submitter: button } = event;
    if (form.id === "session-rename" && isBusy) {
      event.preventDefault();
      event.stopImmediatePropagation();
      waiting.push(() => form.requestSubmit());
      return;
    }
    if (isConfirmed || !button?.dataset.question || !form.closest(".sui")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (button.getAttribute("aria-disabled") === "true") return;
    // A question that was closed a moment ago may not have had its close event yet.
    if (question() && !question().open) reset();
    ask(button, () => {
      // Not the disabled attribute: it would take the focus away.
      button.setAttribute("aria-disabled", "true");
      // Later: a form ignores what is submitted during its submit event.
      setTimeout(() => soon(() => send(form, button)));
    });
  }, { capture: true });

  // htmx 2 forgets which button it was.
  onHtmx("htmx:configRequest", (what, status, { detail }) => {
    const button = detail.triggeringEvent?.submitter;
    if (what === "form" && button?.name) detail.parameters[button.name] = button.value;
  });

  // -- what a request does to the page ------------------------------------------------------------
  const tellWatch = (what) => document.dispatchEvent(new CustomEvent(`session-ui:${what}`));
  let newest = 0;
  const rows = () => all("#session-list [data-since]");
  const since = (row) => Number(row.dataset.since);
  onHtmx("htmx:beforeRequest htmx:before:request", (what, status, event) => {
    // A listener of the host has stopped it, and no other event will say so.
    if (event.defaultPrevented) return pressed?.removeAttribute("aria-disabled");
    newest = Math.max(newest, ...rows().map(since));
    if (what !== "poll") {
      isBusy = true;
      tellWatch("request");
    } else if (isQuiet()) event.preventDefault();
  });

  // A button that is replaced while it is pressed gets no click. The next poll brings the update.
  let isPressing;
  on("pointerdown pointerup pointercancel keydown keyup", ({ type, button, key, target }) => {
    const isPress = type.endsWith("down") && !button && [undefined, " "].includes(key);
    isPressing = isPress && byId("session-list")?.contains(target);
  });
  // An answer to something else takes no text away that is not saved yet.
  let typed;
  onHtmx("htmx:beforeSwap htmx:before:swap", (what, status, event) => {
    if (what === "poll" && isPressing) event.preventDefault();
    typed = what === "name" ? null : field();
  });

  onHtmx("htmx:afterSwap htmx:after:swap", (what) => {
    const [list, focused] = [byId("session-list"), document.activeElement];
    const again = typed && byId(typed.id);
    if (again && again !== typed && typed.value !== typed.defaultValue) {
      again.value = typed.value;
      again.setSelectionRange(typed.selectionStart, typed.selectionEnd);
    }
    if (what === "name") {
      if (focused === document.body) (field() ?? list).focus();
    } else if (what === "form" && !password()) {
      const left = buttons();
      const next = left[Math.min(place, left.length - 1)] ?? byId("session-empty") ?? list;
      if (isKept) question().close();
      if (isKept || focused === document.body) next.focus();
    } else if (isTurn) {
      isTurn = false;
      if (focused === document.body || list.contains(focused)) list.focus({ preventScroll: true });
      if (list.getBoundingClientRect().top < 0) list.scrollIntoView();
      say(byId("session-range")?.textContent ?? "", "sui-hidden");
    } else if (newest) {
      // A sign-in elsewhere: the stylesheet highlights its row.
      for (const row of rows()) row.classList.toggle("sui-row-new", since(row) > newest);
    }
  });

  // -- the status line ----------------------------------------------------------------------------
  let trouble, timer; // what has failed: "poll", "form", "name" or nothing
  const say = (text, classes = "sui-status") => {
    const line = byId("session-status");
    clearTimeout(timer);
    // The same text again would be announced again.
    if (line.textContent !== text) line.textContent = text;
    line.className = classes;
  };
  const fade = () => {
    if (byId("session-status").matches(":hover, :focus-within")) timer = setTimeout(fade, 2000);
    else say("");
  };

  onHtmx(
    "htmx:responseError htmx:sendError htmx:timeout htmx:response:error htmx:error",
    (what, status, { detail: { ctx, error, errorInfo } }) => {
      // htmx 2 says each error twice. An aborted poll has given way to something else.
      const isNone = errorInfo || error?.name === "AbortError" || (status && status < 400);
      // A failed poll says less than a failed sign-out.
      if (isNone || (trouble && trouble !== "poll" && what === "poll")) return;
      trouble = what;
      isTurn = false;
      let name = status >= 500 ? "failed" : status ? "refused" : "offline";
      if (status === 403 && what !== "poll") name = "stale";
      say(byId("session-form").closest(".sui").dataset[name], "sui-status sui-error");
      // htmx 4 would parse the error page, and a strict policy complain of the styles in it.
      if (ctx) ctx.text = "";
    },
  );

  onHtmx("htmx:afterRequest htmx:finally:request", (what, status) => {
    const isFine = status >= 200 && status < 400;
    if (isFine && what === "poll" && trouble === "poll") say((trouble = ""));
    if (what === "poll") return;
    if (isFine) {
      // The answer brings its own words.
      trouble = "";
      say(byId("session-status").textContent);
      timer = setTimeout(fade, 8000);
    }
    isBusy = false;
    tellWatch("response");
    pressed?.removeAttribute("aria-disabled");
    if (what === "form" && password()) {
      // Where the visitor has said no meanwhile, that counts.
      if (isKept && !question().open) reset();
      else if (isFine) {
        yes()?.removeAttribute("aria-disabled");
        ask(asked, onYes);
        password().focus();
      } else if (isKept) question().close();
    }
    // Brings the CSRF token that a sign-in in another tab has changed.
    if (status === 403) waiting.push(() => refresh(true));
    // Not at once: htmx releases the list after this event.
    setTimeout(() => waiting.splice(0).forEach(soon));
  });
})();
