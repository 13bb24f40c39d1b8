// How large the picture is shown, and which part of it; the pointer on it.

function naturalSize(stage) {
  const image = view.image;
  const run = stage.run;
  const [width, height] = [run.numbers.width?.[image], run.numbers.height?.[image]];
  if (width && height) return [width, height];
  const plane = stage.values?.classes ?? [...(stage.values?.measures.values() ?? [])][0];
  return plane ? [plane.width, plane.height] : [1, 1];
}

function fitted(stage) {
  const box = stage.root.getBoundingClientRect();
  return Math.min(box.width / stage.size[0], box.height / stage.size[1]);
}

function move() {
  for (const stage of stages) {
    const box = stage.root.getBoundingClientRect();
    const scale = fitted(stage) * view.zoom;
    const [width, height] = [stage.size[0] * scale, stage.size[1] * scale];
    const left = (box.width - width) / 2 + view.x * box.width;
    const top = (box.height - height) / 2 + view.y * box.height;
    stage.sheet.style.width = `${stage.size[0]}px`;
    stage.sheet.style.height = `${stage.size[1]}px`;
    stage.sheet.style.transform = `translate(${left}px, ${top}px) scale(${scale})`;
    stage.sheet.classList.toggle("pixels", scale >= 2);
    stage.cross.style.setProperty("--pixel", String(1 / scale));
  }
  byId("zoom-value").textContent = `${Math.round(100 * fitted(stages[0]) * view.zoom)} %`;
}

function zoomBy(factor, point) {
  const before = view.zoom;
  view.zoom = Math.min(64, Math.max(1, view.zoom * factor));
  const by = view.zoom / before;
  const box = stages[0].root.getBoundingClientRect();
  const [x, y] = point ?? [0, 0];
  view.x = x / box.width - (x / box.width - view.x) * by;
  view.y = y / box.height - (y / box.height - view.y) * by;
  keepInside();
  move();
}

function keepInside() {
  const most = Math.max(0, (view.zoom - 1) / 2 + 0.2 * Math.min(1, view.zoom - 1));
  view.x = Math.min(most, Math.max(-most, view.x));
  view.y = Math.min(most, Math.max(-most, view.y));
}

function fit() {
  Object.assign(view, { zoom: 1, x: 0, y: 0 });
  move();
}

function pixelAt(stage, event) {
  const box = stage.sheet.getBoundingClientRect();
  const x = Math.floor(((event.clientX - box.left) / box.width) * stage.size[0]);
  const y = Math.floor(((event.clientY - box.top) / box.height) * stage.size[1]);
  const isInside = x >= 0 && y >= 0 && x < stage.size[0] && y < stage.size[1];
  return isInside ? [x, y] : null;
}

function listenTo(stage) {
  const pointers = new Map();
  const fromMiddle = (event) => {
    const box = stage.root.getBoundingClientRect();
    return [event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2];
  };
  stage.root.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoomBy(Math.exp(-event.deltaY * 0.0015), fromMiddle(event));
  });
  stage.root.addEventListener("dblclick", (event) => {
    if (view.zoom > 1) fit();
    else zoomBy(3, fromMiddle(event));
  });
  stage.root.addEventListener("pointerdown", (event) => {
    pointers.set(event.pointerId, event);
    stage.root.setPointerCapture(event.pointerId);
    view.cursor = pixelAt(stage, event);
    showReadout();
  });
  stage.root.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) {
      view.cursor = pixelAt(stage, event);
      showReadout();
      return;
    }
    const others = [...pointers.values()].filter((one) => one.pointerId !== event.pointerId);
    pointers.set(event.pointerId, event);
    const box = stage.root.getBoundingClientRect();
    if (others.length) {
      const apart = (one) => Math.hypot(one.clientX - others[0].clientX, one.clientY - others[0].clientY);
      if (apart(before) > 0) zoomBy(apart(event) / apart(before), fromMiddle(event));
      return;
    }
    view.x += (event.clientX - before.clientX) / box.width;
    view.y += (event.clientY - before.clientY) / box.height;
    keepInside();
    move();
  });
  const end = (event) => pointers.delete(event.pointerId);
  stage.root.addEventListener("pointerup", end);
  stage.root.addEventListener("pointercancel", end);
  stage.root.addEventListener("pointerleave", () => {
    if (pointers.size) return;
    view.cursor = null;
    showReadout();
  });
}
