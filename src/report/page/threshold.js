// The threshold, and the scale that it stands on.

const shareOf = (name) => view.thresholds.get(name) ?? 0.5;

/** The quantity that the threshold is for. */
const markedQuantity = () => quantityOf(view.measure, view.channel);

/** A place of the slider as a share of the scale; small values have room where colors give it. */
function thresholdShare() {
  const place = shareOf(view.measure);
  return markedQuantity()?.ramp === "squareRoot" ? place * place : place;
}

function thresholdValue() {
  const { low, bound } = markedQuantity();
  return low + thresholdShare() * (bound - low);
}

/** The number of the threshold in a plane; -1 if all of its values are above. */
function thresholdNumber(plane) {
  const share = (thresholdValue() - plane.low) / (plane.bound - plane.low);
  return Math.min(HIGHEST, Math.max(-1, Math.round(share * HIGHEST)));
}

function showThreshold() {
  const quantity = markedQuantity();
  const planes = stages.map((stage) => stage.values?.measures.get(quantity?.name));
  const box = byId("threshold-controls");
  box.hidden = !planes.some(Boolean) || quantity.bound === null;
  if (box.hidden) return;
  byId("threshold-name").textContent = title(quantity.measure);
  byId("threshold").value = Math.round(1000 * shareOf(view.measure));
  const value = thresholdValue();
  const text = quantity.isBounded ? value.toFixed(4) : short(value);
  byId("threshold-value").textContent = withUnit(text, quantity.unit);
  byId("threshold").setAttribute("aria-valuetext", withUnit(short(value), quantity.unit));
  byId("marks").checked = view.marks;
  const shares = planes.filter(Boolean).map((plane) => {
    plane.counts = plane.counts || countsAbove(plane);
    const { above, n } = plane.counts;
    const number = thresholdNumber(plane);
    return n ? `${((100 * (number < 0 ? n : above[number])) / n).toFixed(2)} %` : "–";
  });
  byId("threshold-share").textContent = `${shares.join(" and ")} of the pixels are above`;
}

function showScale() {
  const quantity = quantityOf(view.layer, view.channel) || markedQuantity();
  const box = byId("scale");
  const hasScale = quantity && quantity.bound !== null;
  box.hidden = !hasScale || byId("layer-controls").hidden;
  if (box.hidden) return;
  const canvas = byId("scale-colors");
  const numbers = Uint16Array.from({ length: 255 }, (_, i) => i);
  paint(canvas, { width: 255, height: 1, numbers }, (number) => opaque(ramps[quantity.ramp][number]));
  const name = hasChannels ? `${channelName(quantity.channel)}: ${title(quantity.measure)}` : title(quantity.measure);
  byId("scale-title").textContent = `${name}${quantity.unit ? `, ${quantity.unit}` : ""}`;
  const { low, bound } = quantity;
  byId("scale-ends").replaceChildren(
    ...[low, (low + bound) / 2, bound].map((value) => element("span", {}, short(value, 3))),
  );
  const mark = byId("scale-mark");
  mark.hidden = !view.marks || quantity.measure !== view.measure;
  mark.style.left = `${100 * thresholdShare()}%`;
  const plane = stages[0].values?.measures.get(quantity.name);
  byId("scale-note").hidden = !plane || plane.steps > 254;
}
