// One participant, chosen anywhere on the page and seen everywhere on it.

const store = document.querySelector("#people");
const everybody = new Map((store ? JSON.parse(store.textContent) : []).map((one) => [one.id, one]));

const told = document.querySelector("#told");
const who = document.querySelector("#who");
const chosen = document.querySelector("#chosen");
let now = "";

const marksOf = (id) => document.querySelectorAll(`[data-who="${CSS.escape(id)}"]`);

// text alone: what a participant or a reason is called is never markup
const lines = (place, id, says) => {
  const one = everybody.get(id) || { arm: "", motion: "", flags: [] };
  const name = document.createElement("b");
  name.textContent = one.arm ? `${id}, ${one.arm}` : id;
  const parts = [says, one.motion, ...one.flags].filter(Boolean).map((text) => {
    const line = document.createElement("div");
    line.textContent = text;
    return line;
  });
  place.replaceChildren(name, ...parts);
};

const choose = (id) => {
  if (now) marksOf(now).forEach((mark) => mark.classList.remove("chosen"));
  now = id === now ? "" : id;
  document.body.classList.toggle("has-chosen", Boolean(now));
  who.value = now;
  chosen.hidden = !now;
  if (!now) return;
  marksOf(now).forEach((mark) => {
    mark.classList.add("chosen");
    // on top of the others
    if (mark.ownerSVGElement) mark.parentNode.insertBefore(mark, mark.parentNode.querySelector(".mean"));
  });
  lines(chosen, now, "");
};

const show = (mark, x, y) => {
  lines(told, mark.dataset.who, mark.dataset.says);
  told.hidden = false;
  const box = told.getBoundingClientRect();
  told.style.left = `${Math.max(4, Math.min(x + 14, innerWidth - box.width - 4))}px`;
  told.style.top = `${Math.max(4, Math.min(y + 14, innerHeight - box.height - 4))}px`;
};

if (everybody.size) {
  who.addEventListener("change", () => { now = now === who.value ? "" : now; choose(who.value); });
  document.addEventListener("click", (event) => {
    const mark = event.target.closest("[data-who]");
    if (mark && !event.target.closest("a, button") && !String(getSelection())) choose(mark.dataset.who);
  });
  document.addEventListener("pointerover", (event) => {
    const mark = event.target.closest(".plot [data-who]");
    if (mark) show(mark, event.clientX, event.clientY);
    else told.hidden = true;
  });
  for (const plot of document.querySelectorAll(".plot[tabindex]")) {
    let at = -1;
    const leave = () => plot.querySelectorAll(".at").forEach((mark) => mark.classList.remove("at"));
    plot.addEventListener("blur", () => { leave(); told.hidden = true; });
    plot.addEventListener("keydown", (event) => {
      // by their ids, since a chosen mark changes its place among the others
      const marks = [...plot.querySelectorAll("[data-who]")]
        .sort((a, b) => (a.dataset.who < b.dataset.who ? -1 : 1));
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (step) at = (Math.max(at, step < 0 ? 0 : -1) + step + marks.length) % marks.length;
      else if (event.key === "Enter" && at >= 0) choose(marks[at].dataset.who);
      else if (event.key === "Escape") { if (now) choose(now); told.hidden = true; leave(); at = -1; }
      else return;
      event.preventDefault();
      if (at < 0) return;
      leave();
      marks[at].classList.add("at");
      const box = marks[at].getBoundingClientRect();
      show(marks[at], box.right, box.bottom);
    });
  }
  // rows that a table shows later
  document.addEventListener("rows", () => now && marksOf(now).forEach((mark) => mark.classList.add("chosen")));
}
