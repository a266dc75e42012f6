// A banner in the page of a session: when it ends, what an operator says, and a button where its user may let it go on.
//
// Any application shows it that has <script src="dd-notice/banner.js"> in its page, below the session's own root. It asks
// the gateway, never the session, and asking does not count as use. What it shows is text, never markup.
(() => {
  "use strict";
  if (window.dockerdriverBanner) return;
  window.dockerdriverBanner = true;

  const root = document.currentScript.src.replace(/\/banner\.js([?#].*)?$/, "");
  const SOONEST = 5000; // milliseconds between two looks
  const SELDOM = 60;

  const STYLE = `
    :host { all: initial; position: fixed; z-index: 2147483647; inset: auto 0 1rem 0; display: grid; justify-items: center;
            pointer-events: none; color-scheme: light dark; }
    :host([hidden]) { display: none; }
    .card { --ground: #ffffff; --ink: #1b2330; --line: #9aa6b8; box-sizing: border-box; pointer-events: auto; display: flex;
            flex-wrap: wrap; gap: .5rem .75rem; align-items: center; max-width: min(44rem, 100vw - 1.5rem);
            padding: .625rem .875rem; color: var(--ink); background: var(--ground); border: 1px solid var(--line);
            border-left: .375rem solid var(--line); border-radius: .5rem; box-shadow: 0 .25rem 1rem rgb(0 0 0 / .25);
            font: 15px/1.45 system-ui, sans-serif; }
    .card.warning { border-left-color: #c2410c; }
    [role=status] { flex: 1 1 16rem; min-width: 0; overflow-wrap: anywhere; }
    p { margin: 0; } p + p { margin-top: .25rem; }
    button, a { font: inherit; color: inherit; border-radius: .375rem; padding: .3125rem .75rem; min-height: 2rem;
                box-sizing: border-box; border: 1px solid var(--line); background: transparent; cursor: pointer;
                text-decoration: none; }
    button.main, a { color: var(--ground); background: var(--ink); border-color: var(--ink); }
    button:disabled { opacity: .6; cursor: default; }
    :is(button, a):focus-visible { outline: 3px solid #2563eb; outline-offset: 2px; }
    [hidden] { display: none !important; }
    @media (prefers-color-scheme: dark) { .card { --ground: #1b212b; --ink: #e8ecf3; --line: #64738b; }
      .card.warning { border-left-color: #fb923c; } :is(button, a):focus-visible { outline-color: #93c5fd; } }
  `;

  const host = document.createElement("dockerdriver-banner");
  const shadow = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet(); // also where the page's policy allows no style in its markup
  sheet.replaceSync(STYLE);
  shadow.adoptedStyleSheets = [sheet];
  const made = (name, parent, facts) => parent.appendChild(Object.assign(document.createElement(name), facts));
  const card = made("div", shadow, { className: "card" });
  const status = made("div", card, { role: "status" });
  const [message, words, answer] = [0, 1, 2].map(() => made("p", status, { hidden: true }));
  const extend = made("button", card, { type: "button", className: "main", hidden: true });
  const link = made("a", card, { textContent: "Back to the application", hidden: true });
  const close = made("button", card, { type: "button", textContent: "Hide" });
  host.hidden = true;

  let dismissed = "", shown = "", refused = "", requested = false, timer = 0, last = 0;

  const tell = (element, text) => {
    if (element.textContent !== text) element.textContent = text; // what stays the same is not read aloud again
    element.hidden = !text;
  };
  const time = (seconds) => new Date(seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const minutes = (seconds) => Math.round(seconds / 60) === 1 ? "1 minute" : Math.round(seconds / 60) + " minutes";

  const sentences = (said) => {
    if (said.state === "running") return said.words ? said.words + ` (${time(said.ends_at)})` : "";
    if (said.state === "ended") return "This session has ended. " + said.words;
    return "This session is on its way to another place. " + said.words;
  };

  function show(said) {
    const text = sentences(said), note = said.message ? said.message.words : "";
    const granted = requested && said.state === "running" && !said.words && !said.asked; // shown until the next look
    requested = !!said.asked;
    tell(message, note);
    tell(words, granted ? "This session goes on, as you asked." : text);
    tell(answer, said.asked ? "You asked that it goes on; that takes up to a minute." : said.words ? refused : "");
    if (!said.asked && !said.words) refused = "";
    const had = shadow.activeElement === extend;
    extend.textContent = said.extend_by ? `Go on for ${minutes(said.extend_by)}` : "";
    extend.hidden = !said.extend_by;
    extend.disabled = false;
    if (had && extend.hidden) close.focus(); // who works by keyboard does not lose the place
    link.hidden = !said.link;
    if (said.link) link.href = said.link;
    card.classList.toggle("warning", !!text || !!said.message && said.message.level === "warning");
    shown = JSON.stringify([said.state, note, text, granted]);
    host.hidden = !(text || note || granted) || dismissed === shown;
    if (!host.isConnected) document.body.append(host);
  }

  async function ask(path, options) {
    clearTimeout(timer);
    last = Date.now();
    let next = SELDOM;
    try {
      const reply = await fetch(root + path, { credentials: "same-origin", redirect: "error", ...options });
      if ((reply.headers.get("Content-Type") || "").startsWith("application/json")) {
        const said = await reply.json();
        if (options && options.method === "POST") refused = reply.ok ? "" : "That did not work; it is tried again by the button.";
        show(said);
        next = said.look_again || SELDOM;
      }
    } catch { /* the way to the gateway is cut: the page says so itself, and this asks again */ }
    timer = setTimeout(look, next * 1000);
  }

  // A hidden page asks for nothing; it asks as soon as it is seen.
  function look() {
    if (document.hidden) return;
    return ask("", { cache: "no-cache" });
  }

  extend.addEventListener("click", () => {
    extend.disabled = true;
    ask("/extend", { method: "POST" });
  });
  const dismiss = () => { dismissed = shown; host.hidden = true; };
  close.addEventListener("click", dismiss);
  card.addEventListener("keydown", (event) => { if (event.key === "Escape") dismiss(); });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && Date.now() - last > SOONEST) look();
  });
  look();
})();
