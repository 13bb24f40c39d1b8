// The threshold, and the scale that it stands on.

const shareOf = (name) => view.thresholds.get(name) ?? 0.5;

/** The quantity that the threshold is for. */
const markedQuantity = () => quantityOf(view.measure, view.channel);

/** The value at the slider, whose places are those of the colors. */
const thresholdValue = () => valueAtPlace(markedQuantity(), shareOf(view.measure));

/** The number of the threshold in a plane; -1 if all of its values are above. */
function thresholdNumber(plane) {
  const place = placeOf(plane, thresholdValue());
  return Math.min(HIGHEST, Math.max(-1, Math.round(place * HIGHEST)));
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
  paint(canvas, { width: 255, height: 1, numbers }, (number) => opaque(heatColors[number]));
  const name = hasChannels ? `${channelName(quantity.channel)}: ${title(quantity.measure)}` : title(quantity.measure);
  byId("scale-title").textContent = `${name}${quantity.unit ? `, ${quantity.unit}` : ""}`;
  const plane = stages[0].values?.measures.get(quantity.name);
  const ends = [0, 0.5, 1].map((place) => short(valueAtPlace(quantity, place), 3));
  // Values beyond the scale have the color of its end.
  if (plane && plane.low < quantity.low) ends[0] = `≤ ${ends[0]}`;
  if (plane && plane.bound > quantity.bound) ends[2] = `≥ ${ends[2]}`;
  byId("scale-ends").replaceChildren(...ends.map((text) => element("span", {}, text)));
  const mark = byId("scale-mark");
  mark.hidden = !view.marks || quantity.measure !== view.measure;
  mark.style.left = `${100 * shareOf(view.measure)}%`;
  byId("scale-note").hidden = !plane || plane.steps > 254;
}
