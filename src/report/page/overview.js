// How the numbers of the images are distributed; a click on a bar shows its images.

const BARS = 24;
const svgElement = (name, attributes) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
};

function histogram(numbers) {
  const known = numbers.filter((value) => value !== null);
  const most = known.reduce((a, b) => Math.max(a, b), 0) || 1;
  const bars = new Array(BARS).fill(0);
  for (const value of known) bars[Math.min(BARS - 1, Math.floor((value / most) * BARS))]++;
  const sorted = Float64Array.from(known).sort();
  const median = sorted.length ? sorted[Math.floor((sorted.length - 1) / 2)] : null;
  return { bars, most, median, n: known.length };
}

function barsOf(run, column, scale) {
  const numbers = run.numbers[column] || [];
  const bars = new Array(BARS).fill(0);
  for (const value of numbers) {
    if (value !== null) bars[Math.min(BARS - 1, Math.floor((value / scale) * BARS))]++;
  }
  return bars;
}

function distribution(measure, ending) {
  const column = measure.name + ending;
  const numbers = first.numbers[column];
  if (!numbers) return null;
  const [ours, theirs] = [histogram(numbers), other && histogram(other.numbers[column] || [])];
  const most = Math.max(ours.most, theirs ? theirs.most : 0);
  const [bars, others] = [barsOf(first, column, most), other ? barsOf(other, column, most) : null];
  const highest = Math.max(1, ...bars, ...(others || []));
  const [width, height] = [240, 54];
  const said = `${title(measure.name)}: median ${short(ours.median)}, largest ${short(ours.most)} ${measure.unit}`;
  const view = { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none" };
  const chart = svgElement("svg", { ...view, role: "img", tabindex: 0, "aria-label": said });
  const step = width / BARS;
  const places = [];
  const choose = (i) => {
    const [low, high] = [(i * most) / BARS, ((i + 1) * most) / BARS];
    chosen.range = { column, low, high, last: i === BARS - 1, text: title(measure.name) };
    update();
    byId("images").scrollIntoView();
  };
  bars.forEach((count, i) => {
    const tall = count ? Math.max(2, (height * count) / highest) : 0;
    const low = (i * most) / BARS;
    const high = ((i + 1) * most) / BARS;
    const bar = svgElement("rect", {
      class: "bar",
      x: i * step + 0.5,
      y: height - tall,
      width: step - 1,
      height: tall,
    });
    const place = svgElement("rect", { class: "bar-place", x: i * step, y: 0, width: step, height });
    const text = svgElement("title", {});
    text.textContent = `${count} images from ${short(low, 3)} to ${short(high, 3)}`;
    place.append(text);
    place.addEventListener("click", () => choose(i));
    chart.append(bar, place);
    places.push(place);
  });
  let current = 0;
  chart.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (event.key === "Enter") choose(current);
    else if (step) {
      places[current].classList.remove("chosen");
      current = Math.min(BARS - 1, Math.max(0, current + step));
      places[current].classList.add("chosen");
      chart.setAttribute("aria-label", `${said}; ${places[current].textContent}`);
    } else return;
    event.preventDefault();
  });
  (others || []).forEach((count, i) => {
    if (!count) return;
    const y = height - Math.max(2, (height * count) / highest);
    chart.append(svgElement("path", { class: "other-bar", d: `M${i * step} ${y}h${step}` }));
  });
  return element(
    "figure",
    { class: "distribution", "data-measure": measure.name },
    element("figcaption", {}, element("strong", {}, title(measure.name)), ` ${measure.unit}`),
    chart,
    element(
      "p",
      { class: "ends" },
      element("span", {}, "0"),
      element("span", {}, `median ${short(ours.median, 3)}`),
      element("span", {}, short(most, 3)),
    ),
  );
}

function showDistributions() {
  const ending = byId("aggregation")?.value ?? "";
  const made = page.measures.map((measure) => distribution(measure, ending)).filter(Boolean);
  byId("distributions").replaceChildren(...made);
}

/** The range that was chosen, as something to take away again. */
function showRange() {
  const chip = byId("range");
  chip.hidden = !chosen.range;
  if (!chosen.range) return;
  const { text, low, high } = chosen.range;
  chip.textContent = `${text} from ${short(low, 3)} to ${short(high, 3)} ✕`;
}
