// What infosec's desk does beyond plain HTML: a page about work that goes on loads itself again.
"use strict";

// Not while somebody reads with a finger on something, or isn't looking.
for (const part of document.querySelectorAll("[data-load-again]")) {
  setInterval(() => {
    if (document.activeElement === document.body && !document.hidden) location.reload();
  }, Number(part.dataset.loadAgain) * 1000);
}
