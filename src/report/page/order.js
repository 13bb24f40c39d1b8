// Which images are shown, and in which order.

const first = page.runs[0];
const other = page.runs[1] || null;

const AGGREGATIONS = { "": "mean", _patch_max: "worst patch", _q95: "95 % quantile" };

function columnTitle(quantity, column) {
  const ending = column.slice(quantity.name.length);
  const name = title(quantity.measure);
  return page.isMap ? `${name}, ${AGGREGATIONS[ending]}` : name;
}

/** The same with the label or target, if there are several. */
function fullTitle(quantity, column) {
  const text = columnTitle(quantity, column);
  return hasChannels ? `${channelName(quantity.channel)}: ${text}` : text;
}

/** What images can be sorted by: a title, and each image's number or text. */
function sortKeys() {
  const keys = [];
  const add = (key, text, of, quantity = null) => keys.push({ key, text, of, quantity });
  for (const quantity of page.quantities) {
    for (const column of quantity.columns) {
      const numbers = first.numbers[column];
      if (numbers) add(column, columnTitle(quantity, column), (i) => numbers[i], quantity);
    }
  }
  if (other) {
    for (const quantity of page.quantities) {
      const [ours, theirs] = [first.numbers[quantity.name], other.numbers[quantity.name]];
      if (!ours || !theirs) continue;
      const isKnown = (value) => value !== null && value !== undefined;
      const change = (i) => (isKnown(ours[i]) && isKnown(theirs[i]) ? theirs[i] - ours[i] : null);
      add(`change.${quantity.name}`, `change of ${title(quantity.measure)}`, change, quantity);
    }
  }
  for (const [name, text] of [
    ["wrong", "share of wrong pixels"],
    ["probability", "probability"],
    ["deterministic_probability", "probability without dropout"],
  ]) {
    const isNew = keys.every(({ key }) => key !== name);
    if (first.numbers[name] && isNew) add(name, text, (i) => first.numbers[name][i]);
  }
  add("path", "name", (i) => page.paths[i]);
  return keys;
}

const keys = sortKeys();
const firstKey = keys.find(({ key }) => key === page.overview) ?? keys[0];
const chosen = {
  key: firstKey,
  descending: firstKey.key !== "path",
  text: "",
  class: null,
  decision: null,
  state: "all",
  range: null,
};
let shown = [];

function isWrong(image) {
  if (first.labels) {
    const label = first.labels[image];
    return label === null ? null : label !== first.numbers.class[image];
  }
  const wrong = first.numbers.wrong;
  return wrong && wrong[image] !== null ? wrong[image] > meanWrong : null;
}

const meanWrong = (() => {
  const known = (first.numbers.wrong || []).filter((share) => share !== null);
  return known.reduce((sum, share) => sum + share, 0) / Math.max(known.length, 1);
})();

const STATES = {
  all: { text: "all images", holds: () => true },
  predicted: { text: "predicted", holds: (i) => !(i in first.errors) },
  failed: { text: "failed", holds: (i) => i in first.errors },
  wrong: {
    text: page.isMap ? "more wrong than the mean" : "wrong",
    holds: (i) => isWrong(i) === true,
  },
  right: {
    text: page.isMap ? "less wrong than the mean" : "right",
    holds: (i) => isWrong(i) === false,
  },
};

/** Whether an image has a class or label: is of it, or shows it on a hundredth of its pixels. */
function hasClass(image, id) {
  if (page.hasSeveral) return labelsOf(first, image).some((label) => label.id === id && label.holds);
  if (!page.isMap) return first.numbers.class && first.numbers.class[image] === id;
  const shares = (first.shares && first.shares[image]) || [];
  for (let i = 0; i < shares.length; i += 2) {
    if (shares[i] === id) return shares[i + 1] >= 1;
  }
  return false;
}

function isShown(image) {
  const { text, range, decision } = chosen;
  if (!STATES[chosen.state].holds(image)) return false;
  if (text && !page.paths[image].toLowerCase().includes(text)) return false;
  if (chosen.class !== null && !hasClass(image, chosen.class)) return false;
  if (decision !== null && first.decision[image] !== decision) return false;
  if (range) {
    const value = first.numbers[range.column][image];
    return value !== null && value >= range.low && (value < range.high || range.last);
  }
  return true;
}

/** Works out what is shown; images without a number come last. */
function arrange() {
  const { key, descending } = chosen;
  const images = page.paths.map((_, i) => i).filter(isShown);
  const sign = descending ? -1 : 1;
  const compare = (a, b) => {
    const [x, y] = [key.of(a), key.of(b)];
    if (x === null || x === undefined || y === null || y === undefined) {
      const last = (value) => (value === null || value === undefined ? 1 : 0);
      return last(x) - last(y) || a - b;
    }
    if (x < y) return -sign;
    if (x > y) return sign;
    return a - b;
  };
  shown = images.sort(compare);
}
