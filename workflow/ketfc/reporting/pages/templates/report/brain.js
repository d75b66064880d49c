// Regions of a circuit in three planes of a template, which all circuits share.

const about = document.querySelector("#template");
const viewers = document.querySelectorAll(".brain");

const decoded = async () => {
  const brain = JSON.parse(about.textContent);
  const picture = new Image();
  picture.src = brain.source;
  await picture.decode();
  const sheet = document.createElement("canvas");
  [sheet.width, sheet.height] = [picture.width, picture.height];
  const context = sheet.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0);
  const { data } = context.getImageData(0, 0, sheet.width, sheet.height);
  const [width, depth] = brain.shape;
  brain.grey = ([x, y, z]) => {
    const left = (z % brain.columns) * width + x;
    const top = Math.floor(z / brain.columns) * depth + depth - 1 - y;
    return data[4 * (top * sheet.width + left)];
  };
  return brain;
};
let template;

const SCALE = 4;
const SIDES = [["left", "right"], ["behind", "in front"], ["below", "above"]];
const mm = (value) => String(Math.round(value * 10) / 10).replace("-", "−");
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);

const start = (figure, brain) => {
  const canvases = [...figure.querySelectorAll("canvas")];
  const buttons = [...figure.querySelectorAll("button")];
  const where = figure.querySelector(".where");
  const regions = buttons.map(({ dataset }) => ({
    centre: dataset.centre.split(" ").map(Number), radius: Number(dataset.radius),
    inner: Number(dataset.inner), says: dataset.says,
  }));
  const last = brain.shape.map((n, axis) => brain.origin[axis] + brain.step * (n - 1));
  let at = [0, 0, 0];
  let chosen = 0;

  const draw = (canvas, axis) => {
    const [across, up] = [0, 1, 2].filter((one) => one !== axis);
    const [width, height] = [brain.shape[across], brain.shape[up]];
    const small = new OffscreenCanvas(width, height);
    const pixels = new ImageData(width, height);
    const voxel = [0, 0, 0];
    voxel[axis] = Math.round((at[axis] - brain.origin[axis]) / brain.step);
    for (let row = 0; row < height; row += 1) for (let column = 0; column < width; column += 1) {
      [voxel[across], voxel[up]] = [column, height - 1 - row];
      const grey = brain.grey(voxel);
      // what is no brain has the colour of the page
      pixels.data.set([grey, grey, grey, grey ? 255 : 0], 4 * (row * width + column));
    }
    small.getContext("2d").putImageData(pixels, 0, 0);
    [canvas.width, canvas.height] = [width * SCALE, height * SCALE];
    const pen = canvas.getContext("2d");
    pen.drawImage(small, 0, 0, canvas.width, canvas.height);
    const x = (value) => ((value - brain.origin[across]) / brain.step + 0.5) * SCALE;
    const y = (value) => canvas.height - ((value - brain.origin[up]) / brain.step + 0.5) * SCALE;
    const disc = (centre, radius) => {
      pen.moveTo(x(centre[across]) + radius, y(centre[up]));
      pen.arc(x(centre[across]), y(centre[up]), radius, 0, 2 * Math.PI);
    };
    pen.lineWidth = 1;
    pen.strokeStyle = css("--quiet");
    pen.beginPath();
    pen.moveTo(x(at[across]), 0); pen.lineTo(x(at[across]), canvas.height);
    pen.moveTo(0, y(at[up])); pen.lineTo(canvas.width, y(at[up]));
    pen.stroke();
    regions.forEach(({ centre, radius, inner }, index) => {
      const far = Math.abs(at[axis] - centre[axis]);
      // half of a chord: how much of a sphere is in the plane
      const cut = (size) => Math.sqrt(Math.max(0, size * size - far * far)) / brain.step * SCALE;
      const inside = radius ? cut(radius) : 0;
      pen.beginPath();
      pen.strokeStyle = pen.fillStyle = css(index === chosen ? "--region" : "--other-region");
      pen.lineWidth = index === chosen ? 4 : 3;
      if (inside) {
        disc(centre, inside);
        if (inner && cut(inner)) disc(centre, cut(inner));
        pen.globalAlpha = 0.75;
        pen.fill("evenodd");
        pen.globalAlpha = 1;
        pen.stroke();
      } else if (!radius && far <= brain.step) {
        for (const turn of [-1, 1]) {
          pen.moveTo(x(centre[across]) - 9, y(centre[up]) - 9 * turn);
          pen.lineTo(x(centre[across]) + 9, y(centre[up]) + 9 * turn);
        }
        pen.stroke();
      } else {
        pen.setLineDash([5, 3]);
        disc(centre, 9);
        pen.stroke();
        pen.setLineDash([]);
      }
    });
    const side = at[axis] === 0 ? "middle" : SIDES[axis][Number(at[axis] > 0)];
    canvas.setAttribute("aria-valuenow", mm(at[axis]).replace("−", "-"));
    canvas.setAttribute("aria-valuetext", `${"xyz"[axis]} = ${mm(at[axis])} mm, ${side}`);
    figure.querySelectorAll(".plane output")[axis].textContent = `${"xyz"[axis]} = ${mm(at[axis])}`;
  };
  const drawn = () => canvases.forEach(draw);

  const go = (place) => {
    at = place.map((value, axis) => Math.min(last[axis], Math.max(brain.origin[axis], value)));
    drawn();
  };
  const choose = (index) => {
    chosen = index;
    buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(i === index)));
    where.textContent = regions[index].says;
    go(regions[index].centre);
  };

  buttons.forEach((button, index) => button.addEventListener("click", () => choose(index)));
  canvases.forEach((canvas, axis) => {
    const [across, up] = [0, 1, 2].filter((one) => one !== axis);
    canvas.setAttribute("aria-valuemin", brain.origin[axis]);
    canvas.setAttribute("aria-valuemax", last[axis]);
    const point = (event) => {
      const box = canvas.getBoundingClientRect();
      const place = [...at];
      const size = (one) => brain.shape[one] * brain.step;
      const edge = (one) => brain.origin[one] - brain.step / 2;
      place[across] = Math.round(edge(across) + ((event.clientX - box.left) / box.width) * size(across));
      place[up] = Math.round(edge(up) + ((box.bottom - event.clientY) / box.height) * size(up));
      go(place);
    };
    canvas.addEventListener("click", point);
    canvas.addEventListener("pointermove", (event) => {
      if (event.pointerType === "mouse" && event.buttons === 1) point(event);
    });
    canvas.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 5, PageDown: -5 }[event.key];
      const place = [...at];
      if (step) place[axis] += step * brain.step;
      else if (event.key === "Home") place[axis] = brain.origin[axis];
      else if (event.key === "End") place[axis] = last[axis];
      else return;
      event.preventDefault();
      go(place);
    });
  });
  document.querySelector("#theme").addEventListener("change", drawn);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawn);
  choose(0);
};

// drawn when they come near: a page has as many as circuits
const near = new IntersectionObserver((entries) => entries.forEach(async ({ isIntersecting, target }) => {
  if (!isIntersecting) return;
  near.unobserve(target);
  template ||= decoded();
  start(target, await template);
}), { rootMargin: "400px" });
for (const figure of viewers) {
  figure.hidden = false;
  near.observe(figure);
}
