// Runs sorted by a number, the worst first, and filtered by name and by whether they are used.

const strip = document.querySelector(".strip");
const runs = [...strip.children].filter((run) => run.id);
const [by, find, only] = ["#by", "#find", "#only"].map((id) => document.querySelector(id));
document.querySelector(".tools").hidden = false;

const arrange = () => {
  const key = by.value;
  const sign = by.selectedOptions[0].dataset.worse === "less" ? 1 : -1;
  const value = (run) => parseFloat(run.getAttribute(`data-${key.replace(/_/g, "-")}`));
  const sorted = key === "run" ? runs : [...runs].sort((a, b) => {
    const [left, right] = [value(a), value(b)];
    // what is not known comes last
    if (Number.isNaN(left) || Number.isNaN(right)) return Number.isNaN(left) - Number.isNaN(right);
    return sign * (left - right);
  });
  strip.append(...sorted);
  const wanted = find.value.trim().toLowerCase();
  for (const run of runs) {
    const gone = run.classList.contains("gone");
    run.hidden = !run.id.toLowerCase().includes(wanted) || (only.value && gone !== (only.value === "gone"));
  }
  document.querySelector("#count").textContent = `${runs.filter((run) => !run.hidden).length} of ${runs.length} runs`;
};
for (const control of [by, find, only]) control.addEventListener("input", arrange);
arrange();
