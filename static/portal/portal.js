// What pages do beyond plain HTML: copy buttons, times that keep counting, and the live page.
// Everything works without this file; nothing here decides anything.
"use strict";

// --- Copy buttons -------------------------------------------------------------------------------
// One listener for the page, so that pieces that arrive later have working buttons too.
function showCopyButtons(root) {
  if (navigator.clipboard) {
    for (const button of root.querySelectorAll("button.copy[hidden]")) {
      button.hidden = false;
      button.parentElement.classList.add("has-copy");
    }
  }
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button.copy");
  if (!button) return;
  await navigator.clipboard.writeText(button.parentElement.querySelector("pre").textContent);
  const word = button.firstChild;
  const before = word.textContent;
  if (before === button.dataset.copied) return;
  word.textContent = button.dataset.copied;
  setTimeout(() => { word.textContent = before; }, 2000);
});

// --- Printing -----------------------------------------------------------------------------------
for (const button of document.querySelectorAll("button[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}

// --- Toasts -------------------------------------------------------------------------------------
for (const button of document.querySelectorAll(".toast .close")) {
  button.hidden = false;
  button.addEventListener("click", () => button.closest(".toast").remove());
}

// --- The reader's time zone ---------------------------------------------------------------------
// For mails, whose times are written where no browser is: kept with the language at sign-in.
document.cookie = `zone=${encodeURIComponent(Intl.DateTimeFormat().resolvedOptions().timeZone || "")}; path=/; max-age=31536000; SameSite=Lax${location.protocol === "https:" ? "; Secure" : ""}`;

// --- Times --------------------------------------------------------------------------------------
const language = document.documentElement.lang || "en";
const relative = new Intl.RelativeTimeFormat(language, { numeric: "always", style: "short" });
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

function ago(seconds) {
  const [unit, length] = UNITS.find(([, each]) => seconds >= each) || UNITS[3];
  return relative.format(-Math.floor(seconds / length), unit);
}

function tookSoFar(seconds) {
  const number = (value, unit) => new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "short" }).format(value);
  const minutes = Math.floor(seconds / 60);
  return (minutes ? `${number(minutes, "minute")} ` : "") + number(seconds % 60, "second");
}

function tellTimes(root) {
  const now = Date.now();
  for (const time of root.querySelectorAll("time[data-ago], time[data-since]")) {
    const seconds = Math.max(0, Math.floor((now - Date.parse(time.dateTime)) / 1000));
    const isAgo = "ago" in time.dataset;
    if (isAgo && !time.title) time.title = time.textContent;
    const words = isAgo ? ago(seconds) : tookSoFar(seconds);
    if (time.textContent !== words) time.textContent = words;
  }
}

// The end of credentials counts down: "in 43 min."
function tellEnds(root) {
  for (const time of root.querySelectorAll("time[data-until]")) {
    if (!time.title) time.title = time.textContent;
    const seconds = Math.round((Date.parse(time.dateTime) - Date.now()) / 1000);
    const [unit, length] = UNITS.find(([, each]) => Math.abs(seconds) >= each) || UNITS[3];
    time.textContent = `${time.title} (${relative.format(Math.trunc(seconds / length), unit)})`;
  }
}

// --- The live page ------------------------------------------------------------------------------
// Each piece is an element with an id and takes the place of the one on the page. What the reader has
// opened stays open, and what has the focus keeps it.
function put(piece) {
  const old = document.getElementById(piece.id);
  if (!old) return;
  for (const details of old.querySelectorAll("details[id]")) {
    const twin = piece.querySelector(`#${CSS.escape(details.id)}`);
    if (twin) twin.open = details.open;
  }
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  const path = focused && pathTo(old, focused);
  old.replaceWith(piece);
  showCopyButtons(piece);
  tellTimes(piece);
  if (path) follow(piece, path)?.focus({ preventScroll: true });
  if (piece.matches("li, tr")) piece.classList.add("has-changed");
}

function pathTo(root, node) {
  if (node.id) return node.id;
  const path = [];
  for (let at = node; at !== root; at = at.parentElement) {
    path.unshift([...at.parentElement.children].indexOf(at));
  }
  return path;
}

function follow(root, path) {
  if (typeof path === "string") return document.getElementById(path);
  return path.reduce((at, index) => at?.children[index], root);
}

const CALM_MILLISECONDS = 10000; // between two announcements of the same status
const RETRY_MILLISECONDS = 5000;
let lastSaid = { status: "", at: 0 };

function announce() {
  const header = document.getElementById("run-header");
  document.title = header.dataset.title;
  const { runStatus: status, say } = header.dataset;
  if (status === lastSaid.status && Date.now() - lastSaid.at < CALM_MILLISECONDS) return;
  const announcement = document.getElementById("announcement");
  if (announcement.textContent !== say) announcement.textContent = say;
  lastSaid = { status, at: Date.now() };
}

function showConnection(state) {
  const connection = document.getElementById("connection");
  if (state === "lost" && connection.classList.contains("is-lost")) return;
  const isOld = state === "lost" || state === "gone";
  const time = isOld ? ` ${new Date().toLocaleTimeString(language)}` : "";
  connection.className = `connection is-${state}`;
  connection.querySelector(".words").textContent = connection.dataset[state] + time;
  connection.querySelector(".sign-in-again").hidden = state !== "gone";
  if (state === "gone") document.getElementById("announcement").textContent = connection.dataset.gone + time;
}

function watch(address, after) {
  const source = new EventSource(`${address}?after=${after}`);
  let last = after;

  source.onopen = () => showConnection("live");
  source.onerror = () => {
    showConnection("lost");
    // The browser tries again by itself, but not where it was answered with anything but a stream.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => watchAgain(address, last), RETRY_MILLISECONDS);
  };
  source.addEventListener("fragments", (event) => {
    last = event.lastEventId || last;
    const template = document.createElement("template");
    template.innerHTML = event.data;
    for (const piece of [...template.content.children]) put(piece.matches("table") ? piece.rows[0] : piece);
    announce();
  });
  for (const state of ["over", "gone"]) {
    source.addEventListener(state, () => { source.close(); showConnection(state); });
  }
  addEventListener("pagehide", () => source.close());
}

// Either the server was away for a moment, or this page may not be seen any more: then it sends us elsewhere.
async function watchAgain(address, after) {
  try {
    const answer = await fetch(location.href, { method: "HEAD", redirect: "manual" });
    if (answer.type === "opaqueredirect" || answer.status === 404) return showConnection("gone");
  } catch { /* still away */ }
  return watch(address, after);
}

// A page taken from the browser's memory shows the past, and its stream is closed.
addEventListener("pageshow", (event) => {
  if (event.persisted && document.body.dataset.events) location.reload();
});

// --- Start --------------------------------------------------------------------------------------
showCopyButtons(document);
tellTimes(document);
tellEnds(document);
setInterval(() => { tellTimes(document); tellEnds(document); }, 1000);
document.getElementById("error-summary")?.focus();
const { events, after } = document.body.dataset;
if (events) {
  showConnection("waiting");
  watch(events, after);
}
