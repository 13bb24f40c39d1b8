// How the numbers of the images are distributed; a click on a bar shows its images.

const BARS = 24;
const svgElement = (name, attributes) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
};

const isNumber = (value) => value !== null && value !== undefined;

/** Smallest, middle and largest number. */
function summary(numbers) {
  const sorted = Float64Array.from(numbers.filter(isNumber)).sort();
  if (!sorted.length) return null;
  return { least: sorted[0], median: sorted[Math.floor((sorted.length - 1) / 2)], most: sorted[sorted.length - 1] };
}

function barsOf(run, column, { least, most }) {
  const numbers = run.numbers[column] || [];
  const bars = new Array(BARS).fill(0);
  for (const value of numbers) {
    if (isNumber(value)) bars[Math.min(BARS - 1, Math.floor(((value - least) / (most - least)) * BARS))]++;
  }
  return bars;
}

/** Both ends of a histogram: it starts at 0 unless values may be negative. */
function endsOf(quantity, summaries) {
  const known = summaries.filter(Boolean);
  const least = quantity.isSigned ? Math.min(...known.map((one) => one.least)) : 0;
  const most = Math.max(...known.map((one) => one.most));
  return { least, most: most > least ? most : least + 1 };
}

function distribution(quantity, ending) {
  const column = quantity.name + ending;
  const numbers = first.numbers[column];
  if (!numbers || !quantity.columns.includes(column)) return null;
  const ours = summary(numbers);
  if (!ours) return null;
  const { unit } = quantity;
  const name = title(quantity.measure);
  const ends = endsOf(quantity, [ours, other && summary(other.numbers[column] || [])]);
  const [bars, others] = [barsOf(first, column, ends), other ? barsOf(other, column, ends) : null];
  const at = (i) => ends.least + (i * (ends.most - ends.least)) / BARS;
  const highest = Math.max(1, ...bars, ...(others || []));
  const [width, height] = [240, 54];
  const said = `${name}: median ${short(ours.median)}, largest ${short(ours.most)} ${unit}`;
  const view = { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none" };
  const chart = svgElement("svg", { ...view, role: "img", tabindex: 0, "aria-label": said });
  const step = width / BARS;
  const places = [];
  const choose = (i) => {
    const [low, high] = [at(i), at(i + 1)];
    const text = fullTitle(quantity, column).replace(/, mean$/, "");
    chosen.range = { column, low, high, last: i === BARS - 1, text };
    update();
    byId("images").scrollIntoView();
  };
  bars.forEach((count, i) => {
    const tall = count ? Math.max(2, (height * count) / highest) : 0;
    const [low, high] = [at(i), at(i + 1)];
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
    { class: "distribution", "data-measure": quantity.name },
    element("figcaption", {}, element("strong", {}, name), ` ${unit}`),
    chart,
    element(
      "p",
      { class: "ends" },
      element("span", {}, short(ends.least, 3)),
      element("span", {}, `median ${short(ours.median, 3)}`),
      element("span", {}, short(ends.most, 3)),
    ),
  );
}

function showDistributions() {
  const ending = byId("aggregation")?.value ?? "";
  const channel = hasChannels ? channelOf(byId("distribution-channel").value) : firstChannel;
  const ofChannel = page.quantities.filter((quantity) => quantity.channel === channel);
  const made = ofChannel.map((quantity) => distribution(quantity, ending)).filter(Boolean);
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
