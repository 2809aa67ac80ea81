"use strict";
for (const card of document.querySelectorAll(".player")) {
  const video = card.querySelector("video");
  const line = card.querySelector(".line");
  const head = line.querySelector("u");
  const go = card.querySelector(".go");
  const mark = card.querySelector(".mark");
  const length = Number(video.dataset.seconds);
  let ask = 0;

  function follow() {
    head.style.left = Math.min(100, (100 * video.currentTime) / length) + "%";
    ask = video.paused ? 0 : requestAnimationFrame(follow);
  }
  video.controls = false;
  go.hidden = false;
  card.querySelector(".stage").addEventListener("click", () => { video.paused ? video.play() : video.pause(); });
  video.addEventListener("play", () => { go.hidden = true; if (!ask) follow(); });
  video.addEventListener("pause", () => { go.hidden = false; });
  video.addEventListener("seeked", follow);
  video.addEventListener("pause", follow);

  function seek(event) {
    const box = line.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    video.currentTime = share * length;
  }
  line.addEventListener("pointerdown", (event) => { line.setPointerCapture(event.pointerId); seek(event); });
  line.addEventListener("pointermove", (event) => { if (event.buttons) seek(event); });

  if (mark) mark.addEventListener("click", () => {
    const marked = mark.getAttribute("aria-pressed") !== "true";
    const playing = !video.paused;
    const time = video.currentTime || Number(video.dataset.seen);
    video.preload = "auto";
    video.removeAttribute("poster");
    mark.setAttribute("aria-pressed", String(marked));
    video.src = marked ? video.dataset.marked : video.dataset.unmarked;
    video.currentTime = time;
    if (playing) video.play();
  });
}
