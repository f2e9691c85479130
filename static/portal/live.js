// The live page: htmx's SSE extension opens the stream and swaps each piece in by its id. Here is what it
// leaves to the page: what the reader opened stays open, what has the focus keeps it, changes are announced,
// and the page says when it is not live. Everything works without this file; nothing here decides anything.
"use strict";

const stream = document.getElementById("connection");

// --- Pieces -------------------------------------------------------------------------------------
const focusBefore = new Map();

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

document.addEventListener("htmx:oobBeforeSwap", (event) => {
  const { target: old, fragment } = event.detail;
  for (const details of old.querySelectorAll("details[id]")) {
    const twin = fragment.querySelector(`#${CSS.escape(details.id)}`);
    if (twin) twin.open = details.open;
  }
  if (old.contains(document.activeElement)) focusBefore.set(old.id, pathTo(old, document.activeElement));
});

document.addEventListener("htmx:afterSettle", ({ target: piece }) => {
  showCopyButtons(piece);
  tellTimes(piece);
  if (focusBefore.has(piece.id)) {
    follow(piece, focusBefore.get(piece.id))?.focus({ preventScroll: true });
    focusBefore.delete(piece.id);
  }
  if (piece.matches("li, tr")) piece.classList.add("has-changed");
});

// --- What is said of it -------------------------------------------------------------------------
const CALM_MILLISECONDS = 10000; // between two announcements of the same status
const header = () => document.getElementById("run-header");
let lastSaid = { status: header().dataset.runStatus, at: 0 };

function announce() {
  const { title, say, runStatus: status } = header().dataset;
  document.title = title;
  const isNew = status !== lastSaid.status;
  if (!isNew && Date.now() - lastSaid.at < CALM_MILLISECONDS) return;
  const announcement = document.getElementById("announcement");
  if (announcement.textContent !== say) announcement.textContent = say;
  lastSaid = { status, at: Date.now() };
  if (isNew) notify(status, say);
}

// A notification for who went for coffee: only where they asked for it, and only while they look elsewhere.
const BUSY = ["surveying", "running", "verifying", "cancelling"];
const bell = document.getElementById("notify");
const wish = `notify ${location.pathname}`;

function showBell() {
  const isOn = localStorage.getItem(wish) === "yes" && Notification.permission === "granted";
  bell.setAttribute("aria-pressed", String(isOn));
  bell.querySelector(".words").textContent = isOn ? bell.dataset.on : bell.dataset.off;
}

function notify(status, say) {
  if (!bell || bell.getAttribute("aria-pressed") !== "true" || BUSY.includes(status) || !document.hidden) return;
  try {
    new Notification(document.title, { body: say, tag: location.pathname }).onclick = () => window.focus();
  } catch { /* some browsers allow it to service workers alone */ }
}

if (bell && "Notification" in window && Notification.permission !== "denied") {
  bell.hidden = false;
  showBell();
  bell.addEventListener("click", async () => {
    const isOn = bell.getAttribute("aria-pressed") === "true";
    if (!isOn && (await Notification.requestPermission()) !== "granted") return;
    localStorage.setItem(wish, isOn ? "no" : "yes");
    showBell();
  });
}

// --- Is it live? --------------------------------------------------------------------------------
// The server says something every fifteen seconds, so that a line that hangs (a sleeping laptop, a network
// that swallows everything) is known from one on which nothing happens.
const SILENT_MILLISECONDS = 35000;
const base = stream?.getAttribute("sse-connect").split("?")[0];
let source = null;
let heardAt = Date.now();

function show(state) {
  if (state === "lost" && stream.classList.contains("is-lost")) return;
  const isOld = state === "lost" || state === "gone";
  const time = isOld ? ` ${new Date().toLocaleTimeString(language)}` : "";
  stream.className = `connection is-${state}`;
  stream.querySelector(".words").textContent = stream.dataset[state] + time;
  stream.querySelector(".sign-in-again").hidden = state !== "gone";
  if (state === "gone") document.getElementById("announcement").textContent = stream.dataset.gone + time;
}

function end(state) {
  source?.close();
  stream.removeAttribute("sse-connect"); // or the extension would connect again
  show(state);
}

function opened(event) {
  heardAt = Date.now();
  show("live");
  if (source === event.detail.source) return;
  source = event.detail.source;
  source.addEventListener("beat", () => { heardAt = Date.now(); });
  for (const state of ["over", "gone"]) source.addEventListener(state, () => end(state));
}

// Either the server was away for a moment, or this page may not be seen any more: then it sends us elsewhere.
async function failed(event) {
  if (!stream.hasAttribute("sse-connect")) return;
  show("lost");
  if (event.detail.source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
  try {
    const answer = await fetch(location.href, { method: "HEAD", redirect: "manual" });
    if (answer.type === "opaqueredirect" || answer.status === 404) end("gone");
  } catch { /* still away */ }
}

function listen() {
  if (source === null || source.readyState !== EventSource.OPEN) return;
  if (Date.now() - heardAt < SILENT_MILLISECONDS) return;
  source.close();
  source.onerror(new Event("error")); // what the extension does when a line breaks: it connects anew
}

if (stream) {
  show("waiting");
  stream.addEventListener("htmx:sseOpen", opened);
  stream.addEventListener("htmx:sseError", failed);
  stream.addEventListener("htmx:sseMessage", (event) => {
    heardAt = Date.now();
    const last = event.detail.lastEventId;
    if (last) stream.setAttribute("sse-connect", `${base}?after=${last}`);
    announce();
  });
  setInterval(listen, 5000);
  for (const name of ["online", "visibilitychange", "focus"]) addEventListener(name, listen);
  addEventListener("pagehide", () => source?.close());
  // A page taken from the browser's memory shows the past, and its stream is closed.
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
}
