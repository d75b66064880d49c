// Colours, contents that follow the reading, and details that open for what is looked for in them.

const root = document.documentElement;
document.querySelector(".tools").hidden = false;

const theme = document.querySelector("#theme");
const kept = { get: () => { try { return localStorage.getItem("ketfc-theme") || ""; } catch { return ""; } },
               set: (name) => { try { localStorage.setItem("ketfc-theme", name); } catch { /* a page without a store forgets */ } } };
const colour = (name) => { if (name) root.dataset.theme = name; else delete root.dataset.theme; };
theme.value = kept.get();
colour(theme.value);
theme.addEventListener("change", () => { colour(theme.value); kept.set(theme.value); });

const links = new Map([...document.querySelectorAll(".side nav a")].map((link) => [link.hash.slice(1), link]));
const sections = [...document.querySelectorAll("main > section")];
const follow = () => {
  const edge = innerHeight / 3;
  const read = sections.filter((one) => one.getBoundingClientRect().top < edge).pop() || sections[0];
  for (const [id, link] of links) {
    if (id === read.id) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
};
let waits = false;
addEventListener("scroll", () => {
  if (waits) return;
  waits = true;
  requestAnimationFrame(() => { waits = false; follow(); });
}, { passive: true });
follow();

const reveal = () => {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let one = target; one; one = one.parentElement) if (one.tagName === "DETAILS") one.open = true;
  const inside = target && target.nextElementSibling;
  if (inside && inside.tagName === "DETAILS") inside.open = true;
};
addEventListener("hashchange", reveal);
reveal();
