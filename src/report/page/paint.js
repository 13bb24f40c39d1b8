// Planes of numbers as colors. Canvases are only written to: reading one back is not allowed.

/** 256 colors as numbers that a canvas takes: alpha, blue, green, red. */
function colorTable(text) {
  const table = new Uint32Array(256);
  for (let i = 0; i < 256; i++) {
    const at = (from) => parseInt(text.slice(6 * i + from, 6 * i + from + 2), 16);
    table[i] = (at(4) << 16) | (at(2) << 8) | at(0);
  }
  return table;
}

const heatColors = colorTable(page.colors);

/** `#rrggbb` as such a number without alpha. */
function colorNumber(text) {
  const value = parseInt(text.slice(1), 16);
  return ((value & 255) << 16) | (value & 0xff00) | (value >> 16);
}

const opaque = (color, alpha = 255) => ((alpha << 24) | color) >>> 0;

/** Paints a plane; `color` says what a number becomes. */
function paint(canvas, plane, color) {
  canvas.width = plane.width;
  canvas.height = plane.height;
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(plane.width, plane.height);
  const colors = new Uint32Array(pixels.data.buffer);
  for (let i = 0; i < colors.length; i++) colors[i] = color(plane.numbers[i], i);
  context.putImageData(pixels, 0, 0);
}

/**
 * The level of each number of a plane on the scale of its quantity, which may be narrower, and may have
 * another spacing.
 */
function levelsOf(plane, quantity) {
  const levels = new Uint8Array(HIGHEST + 1);
  for (let i = 0; i <= HIGHEST; i++) {
    const place = placeOf(quantity, valueAtPlace(plane, i / HIGHEST));
    levels[i] = Math.min(254, Math.max(0, Math.floor(254 * place + 0.5)));
  }
  return levels;
}

/**
 * How much of the color of each level covers the picture. At 1 all of it does; below, the less
 * certain a pixel, the more, so that the picture stays to be seen where nothing is uncertain.
 * Values that are no uncertainty cover it evenly.
 */
function coverage(opacity, isEven) {
  const alphas = new Uint8Array(256);
  if (isEven) return alphas.fill(Math.round(255 * opacity));
  for (let i = 0; i < 255; i++) {
    const place = i / 254;
    const share = 1 - (1 - place) * (1 - place);
    alphas[i] = opacity >= 1 ? 255 : Math.round(255 * Math.pow(share, (1 - opacity) / Math.max(opacity, 0.001)));
  }
  return alphas;
}

function paintQuantity(canvas, plane, quantity, opacity) {
  const alphas = coverage(opacity, quantity.isSigned);
  const table = heatColors.map((color, i) => opaque(color, alphas[i]));
  const levels = levelsOf(plane, quantity);
  paint(canvas, plane, (number) => (number === NONE ? opaque(0x808080, 150) : table[levels[number]]));
}

function paintClasses(canvas, plane, opacity) {
  const alpha = Math.round(255 * opacity);
  const table = page.classes.map((one) => opaque(colorNumber(one.color), alpha));
  paint(canvas, plane, (id) => (id === NONE ? 0 : (table[id] ?? 0)));
}

const RIGHT = colorNumber("#0072b2");
const WRONG = colorNumber("#e69f00");

function paintTruth(canvas, classes, labels, opacity) {
  const alpha = Math.round(255 * opacity);
  const [right, wrong] = [opaque(RIGHT, alpha), opaque(WRONG, alpha)];
  paint(canvas, classes, (id, i) => {
    const label = labels.numbers[i];
    if (label === NONE || id === NONE) return 0;
    return id === label ? right : wrong;
  });
}

/** Marks what lies above a threshold. */
function paintMarks(canvas, plane, least) {
  const mark = opaque(colorNumber("#2ee6d6"), 235);
  paint(canvas, plane, (number) => (number !== NONE && number > least ? mark : 0));
}

/** How many numbers of a plane are above each number; and of how many. */
function countsAbove(plane) {
  const above = new Uint32Array(HIGHEST + 2);
  let n = 0;
  for (const number of plane.numbers) {
    if (number === NONE) continue;
    above[number]++;
    n++;
  }
  let sum = 0;
  for (let i = HIGHEST; i >= 0; i--) {
    const own = above[i];
    above[i] = sum;
    sum += own;
  }
  return { above, n };
}
