// What pages do beyond plain HTML: copy buttons, and times that keep counting. (live.js: the live page.)
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
  const minutes = Math.floor(seconds / 60); // as the server writes what has ended
  return minutes ? `${minutes} min ${String(seconds % 60).padStart(2, "0")} s` : `${seconds} s`;
}

const moments = new Intl.DateTimeFormat(language, { year: "numeric", month: "short", day: "numeric", hour: "numeric", minute: "2-digit", timeZoneName: "short" });
const withZone = new Intl.DateTimeFormat(language, { dateStyle: "full", timeStyle: "long" });
const clock = new Intl.DateTimeFormat(language, { timeStyle: "medium" });

// Once for each: a day and a time as the reader's language and zone write them.
function tellMoments(root) {
  for (const time of root.querySelectorAll("time[data-moment], time[data-clock], time[data-ago], time[data-until]")) {
    if (time.title) continue;
    const at = Date.parse(time.dateTime);
    if (Number.isNaN(at)) continue;
    time.title = withZone.format(at);
    if ("clock" in time.dataset) time.textContent = clock.format(at);
    else time.textContent = moments.format(at);
  }
}

function tellZone(root) {
  const zone = new Intl.DateTimeFormat(language, { timeZoneName: "short" }).formatToParts().find((part) => part.type === "timeZoneName");
  for (const each of root.querySelectorAll("[data-zone]")) each.textContent = zone.value;
}

function tellTimes(root) {
  tellMoments(root);
  tellZone(root);
  const now = Date.now();
  for (const time of root.querySelectorAll("time[data-ago], time[data-since]")) {
    const seconds = Math.max(0, Math.floor((now - Date.parse(time.dateTime)) / 1000));
    const isAgo = "ago" in time.dataset;
    const words = isAgo ? ago(seconds) : tookSoFar(seconds);
    if (time.textContent !== words) time.textContent = words;
  }
}

// The end of credentials counts down: "in 43 min."
function tellEnds(root) {
  for (const time of root.querySelectorAll("time[data-until]")) {
    const seconds = Math.round((Date.parse(time.dateTime) - Date.now()) / 1000);
    const [unit, length] = UNITS.find(([, each]) => Math.abs(seconds) >= each) || UNITS[3];
    time.textContent = `${moments.format(Date.parse(time.dateTime))} (${relative.format(Math.trunc(seconds / length), unit)})`;
  }
}

// --- Start --------------------------------------------------------------------------------------
showCopyButtons(document);
tellTimes(document);
tellEnds(document);
setInterval(() => { tellTimes(document); tellEnds(document); }, 1000);
document.getElementById("error-summary")?.focus();
