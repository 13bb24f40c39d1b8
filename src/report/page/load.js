// Values of images come as scripts, one an image: a page from disk may not fetch files.

const page = JSON.parse(document.getElementById("page-data").textContent);
const HIGHEST = 65534;
const NONE = 65535;
const MOST_KEPT = 6;
/** Numbers of the images that are kept, about. */
const MOST_NUMBERS = 6e7;

const byId = (id) => document.getElementById(id);

/** An element with properties and children; text is always text. */
function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "class") made.className = value;
    // As an attribute, the page's Content-Security-Policy would block it.
    else if (key === "style") made.style.cssText = value;
    else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== null && value !== false) {
      made.setAttribute(key, value === true ? "" : value);
    }
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** The address of a file behind the page, as it was named when it was written. */
function address(run, kind, path, ending) {
  const parts = path.split("/");
  const named = parts.map((part, i) => {
    const isFolder = i < parts.length - 1;
    const ends = part.replace(/_+$/, "").match(/\.([^.]*)$/);
    const isOfFiles = ends && ["js", "png", "jpg"].includes(ends[1].toLowerCase());
    return encodeURIComponent(isFolder && isOfFiles ? part + "_" : part);
  });
  return `${run.place}/${kind}/${named.join("/")}.${ending}`;
}

function pictureAddress(run, kind, image) {
  const codes = kind === "images" ? run.picture : run.thumbnail;
  const ending = { p: "png", j: "jpg" }[codes[image]];
  return ending ? address(run, kind, page.paths[image], ending) : null;
}

let arrived = null;
window.mcdrop = {
  image(data) {
    arrived = data;
  },
  labels(data) {
    arrived = data;
  },
};

/** Loads a script and gives what it says of the image. */
function loadScript(source, path) {
  return new Promise((resolve, reject) => {
    const script = element("script", { src: source });
    const end = (settle, value) => {
      script.remove();
      arrived = null;
      settle(value);
    };
    script.onload = () => {
      if (arrived && arrived.id === path) end(resolve, arrived);
      else end(reject, new Error(`${source} says nothing of this image`));
    };
    script.onerror = () => end(reject, new Error(`${source} is missing`));
    document.head.append(script);
  });
}

// A scale has values from `low` to `bound`, and the spacing of its levels between these: linear, or that
// of the square root. A place is the position among the levels, from 0 to 1.

const hasSquareRoot = (scale) => scale.spacing === "square_root";

/** The value at a place of a scale. */
function valueAtPlace(scale, place) {
  const share = hasSquareRoot(scale) ? place * place : place;
  return scale.low + share * (scale.bound - scale.low);
}

/** The place of a value on a scale; below 0 or above 1 if the value lies outside. */
function placeOf(scale, value) {
  const share = (value - scale.low) / (scale.bound - scale.low);
  return hasSquareRoot(scale) && share > 0 ? Math.sqrt(share) : share;
}

/** The numbers of a plane: high bytes as differences, then low bytes, packed by zlib. */
async function unpack(plane) {
  if (!window.DecompressionStream) throw new Error("this browser is too old to unpack values");
  const packed = Uint8Array.from(atob(plane.numbers), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const n = plane.width * plane.height;
  if (bytes.length !== 2 * n) throw new Error(`${bytes.length} bytes for ${n} pixels`);
  const numbers = new Uint16Array(n);
  let high = 0;
  for (let i = 0; i < n; i++) {
    high = (high + bytes[i]) & 255;
    numbers[i] = (high << 8) | bytes[n + i];
  }
  return { width: plane.width, height: plane.height, place: plane.place, numbers };
}

/** Adds the planes of quantities to the values of an image. */
async function addMeasures(values, measures) {
  for (const { name, plane, low = 0, bound, spacing, steps } of measures ?? []) {
    values.measures.set(name, { ...(await unpack(plane)), low, bound, spacing, steps });
  }
}

async function readImage(run, image) {
  const path = page.paths[image];
  const values = { classes: null, labels: null, measures: new Map(), problem: null };
  if (run.data[image] !== "1") return values;
  const data = await loadScript(address(run, "data", path, "js"), path);
  if (data.classes) values.classes = await unpack(data.classes);
  await addMeasures(values, data.measures);
  if (page.hasLabels) {
    try {
      const labels = await loadScript(address(run, "labels", path, "js"), path);
      if (labels.classes) values.labels = await unpack(labels.classes);
      await addMeasures(values, labels.measures);
    } catch {
      // An image without a label has no such file.
    }
  }
  return values;
}

const kept = new Map();

/** The values of an image, read when they are looked at; those of a few images are kept. */
function valuesOf(run, image) {
  const key = `${run.place}/${image}`;
  const known = kept.get(key);
  kept.delete(key);
  const values = known || readImage(run, image).catch((error) => ({
    classes: null,
    labels: null,
    measures: new Map(),
    problem: error.message,
  }));
  kept.set(key, values);
  const pixels = (run.numbers.width?.[image] ?? 1) * (run.numbers.height?.[image] ?? 1);
  const planes = 2 + page.quantities.filter((quantity) => quantity.bound !== null).length;
  const most = Math.min(MOST_KEPT, Math.floor(MOST_NUMBERS / (pixels * planes)));
  while (kept.size > Math.max(page.runs.length, most)) kept.delete(kept.keys().next().value);
  return values;
}

/** A number in few letters. */
function short(value, digits = 4) {
  if (value === null || value === undefined) return "–";
  if (Number.isInteger(value)) return String(value);
  return String(Number(value.toPrecision(digits)));
}

const TITLES = { error: "absolute error" };
const title = (name) => TITLES[name] ?? name.replaceAll("_", " ");
const withUnit = (text, unit) => (unit ? `${text} ${unit}` : text);

/** A number with so many decimals, without a sign before zero. */
const fixed = (value, decimals) => value.toFixed(decimals).replace(/^-(0(\.0*)?)$/, "$1");

/** A value and its standard deviation, which has one digit, or two if it begins with 1 or 2. */
function plusMinus(value, std) {
  if (value === null || value === undefined) return "–";
  if (!(std > 0)) return short(value);
  const exponent = Math.floor(Math.log10(std));
  const digits = std / 10 ** exponent < 2.95 ? 2 : 1;
  const decimals = Math.min(20, Math.max(0, digits - 1 - exponent));
  return `${fixed(value, decimals)} ± ${fixed(std, decimals)}`;
}

// Labels or targets. Classes, and a single target, have no choice of them.
const hasChannels = page.channels.length > 1;
const channelKind = page.hasSeveral ? "label" : "target";

/** The label or target that is shown first: of labels the mean over all. */
const firstChannel = page.quantities.some((quantity) => quantity.channel === null) ? null : 0;
const channelName = (channel) =>
  channel === null ? `all ${channelKind}s, mean` : (page.classes[channel]?.name ?? page.channels[channel]);
const channelChoices = () => {
  const all = [...new Set(page.quantities.map((quantity) => quantity.channel))];
  return hasChannels ? all.map((channel) => [String(channel), channelName(channel)]) : [];
};
const channelOf = (text) => (text === "null" ? null : Number(text));

const quantityOf = (measure, channel) =>
  page.quantities.find((quantity) => quantity.measure === measure && quantity.channel === channel);
const ofRole = (role, channel) =>
  page.quantities.find((quantity) => quantity.role === role && quantity.channel === channel);

/** The value of an image's quantity, with its standard deviation if the image has one. */
function valueText(run, image, quantity) {
  const value = run.numbers[quantity.name]?.[image];
  // The mean of those of pixels is not that of their mean.
  const std = !page.isMap && quantity.role === "prediction" && ofRole("std", quantity.channel);
  const text = std ? plusMinus(value, run.numbers[std.name]?.[image]) : short(value);
  return withUnit(text, quantity.unit);
}

/** The interval of an image's value. */
function intervalText(run, image, prefix) {
  const [low, high] = ["low", "high"].map((end) => run.numbers[`${prefix}interval_${end}`]?.[image]);
  if (low === undefined || low === null || high === null) return "";
  const decimals = Math.min(20, Math.max(0, 1 - Math.floor(Math.log10(Math.max(high - low, 1e-20)))));
  return `${fixed(low, decimals)} to ${fixed(high, decimals)}`;
}

const prefixOf = (quantity) => quantity.name.slice(0, quantity.name.length - quantity.measure.length);

/** The likely labels of an image: number, probability or share of the pixels, and whether each holds. */
function labelsOf(run, image) {
  const found = [];
  if (!page.hasSeveral) return found;
  const holding = run.holding?.[image] ?? [];
  for (let i = 0; i < holding.length; i += 3) {
    found.push({ id: holding[i], text: holding[i + 1].toFixed(2), holds: holding[i + 2] === 1 });
  }
  const shares = page.isMap ? (run.shares?.[image] ?? []) : [];
  for (let i = 0; i < shares.length; i += 2) {
    found.push({ id: shares[i], share: shares[i + 1], text: `${short(shares[i + 1], 2)} %`, holds: shares[i + 1] >= 1 });
  }
  return page.isMap ? found.sort((a, b) => b.share - a.share) : found;
}
