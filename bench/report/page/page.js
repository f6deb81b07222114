
"use strict";
for (const run of document.querySelectorAll("details.run")) {
  const audio = run.querySelector("audio");
  if (!audio) continue;
  const lines = [...run.querySelectorAll(".timeline")].map((line) => {
    const [left, right, since, until] = ["left", "right", "since", "until"].map((name) => Number(line.dataset[name]));
    return { line, head: line.querySelector(".playhead"), left, right, since, until };
  });
  for (const { line, left, right, since, until } of lines) {
    line.title = "Click to listen from here";
    line.addEventListener("click", (event) => {
      const box = line.getBoundingClientRect();
      const share = ((event.clientX - box.left) / box.width - left) / (right - left);
      audio.currentTime = Math.max(0, since + Math.min(1, Math.max(0, share)) * (until - since));
      audio.play();
    });
  }
  const show = () => {
    for (const { head, left, right, since, until } of lines) {
      const share = (audio.currentTime - since) / (until - since);
      head.hidden = share < 0 || share > 1 || (audio.paused && audio.currentTime === 0);
      head.style.left = `${100 * (left + share * (right - left))}%`;
    }
    if (!audio.paused) requestAnimationFrame(show);
  };
  audio.addEventListener("play", () => {
    for (const other of document.querySelectorAll("audio")) if (other !== audio) other.pause();
    show();
  });
  audio.addEventListener("seeked", show);
}
const open = () => {
  const target = document.getElementById(location.hash.slice(1));
  if (target instanceof HTMLDetailsElement) target.open = true;
};
window.addEventListener("hashchange", open);
open();
