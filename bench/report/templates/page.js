"use strict";
(() => {
  // Leaderboard: a click or Enter on a heading sorts; lines without a value stay last.
  const board = document.querySelector(".board");
  const headings = [...board.querySelectorAll("th[data-first]")];
  const status = document.getElementById("sorted");
  const column = (heading) => [...heading.parentElement.children].indexOf(heading);

  function sort(heading) {
    const now = heading.getAttribute("aria-sort");
    const other = { ascending: "descending", descending: "ascending" };
    const order = now ? other[now] : heading.dataset.first;
    const sign = order === "ascending" ? 1 : -1;
    const place = column(heading);
    const value = (line) => line.children[place].dataset.sort;
    const lines = [...board.tBodies[0].rows].sort((one, two) => {
      const [a, b] = [value(one), value(two)];
      if (a === "" || b === "") return (a === "") - (b === "");
      const numbers = Number.isFinite(+a) && Number.isFinite(+b);
      return sign * (numbers ? a - b : a.localeCompare(b));
    });
    headings.forEach((each) => each.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", order);
    board.tBodies[0].append(...lines);
    board.classList.toggle("resorted", !(heading.textContent === "Dice" && order === "descending"));
    status.textContent = `Sorted by ${heading.textContent}, ${order}`;
  }
  headings.forEach((heading) => {
    heading.firstElementChild.addEventListener("click", () => sort(heading));
  });

  // Cut-outs: the slider lies over the picture.
  document.querySelectorAll(".slide input").forEach((slider) => {
    const show = () => slider.parentElement.style.setProperty("--cut", `${slider.value}%`);
    slider.addEventListener("input", show);
    show();
  });

  // Photographs: one at a time, by buttons, small pictures and arrow keys.
  const viewer = document.getElementById("viewer");
  const shots = [...viewer.querySelectorAll("article")];
  if (shots.length < 2) return;
  let current = 0;
  const strip = document.createElement("div");
  strip.className = "strip";
  strip.setAttribute("role", "group");
  strip.setAttribute("aria-label", "Photographs");
  const button = (label, action) => {
    const made = document.createElement("button");
    made.type = "button";
    made.setAttribute("aria-label", label);
    made.addEventListener("click", action);
    return made;
  };
  const small = shots.map((shot, place) => {
    const made = button(shot.querySelector("h3").textContent, () => go(place));
    const picture = document.createElement("img");
    picture.src = shot.querySelector(".masks li:nth-child(2) img, img").src;
    picture.alt = "";
    made.append(picture);
    return made;
  });
  const count = document.createElement("output");
  const back = button("Previous photograph", () => go(current - 1));
  const on = button("Next photograph", () => go(current + 1));
  back.textContent = "←";
  on.textContent = "→";
  const walk = document.createElement("div");
  walk.className = "walk";
  walk.append(back, count, on);
  strip.append(...small);
  viewer.before(walk, strip);

  function go(place) {
    current = (place + shots.length) % shots.length;
    shots.forEach((shot, each) => { shot.hidden = each !== current; });
    small.forEach((each, at) => each.setAttribute("aria-current", String(at === current)));
    count.textContent = `${current + 1} of ${shots.length}`;
    const { offsetLeft, offsetWidth } = small[current];
    strip.scrollLeft = offsetLeft - (strip.clientWidth - offsetWidth) / 2;
  }
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const inside = document.activeElement.closest("#photographs");
    if (document.activeElement.matches("input") || !(inside || document.activeElement === document.body)) return;
    const steps = { ArrowLeft: current - 1, ArrowRight: current + 1, Home: 0, End: shots.length - 1 };
    const moves = event.key in steps && (inside || event.key.startsWith("Arrow"));
    if (!moves) return;
    event.preventDefault();
    go(steps[event.key]);
  });
  go(0);
})();
