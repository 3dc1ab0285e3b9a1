// A plot by hand: points over the last seconds, latency on a logarithmic axis, axes with units, a legend.

const names = "http://www.w3.org/2000/svg";
const span = 30_000;  // ms of time that are shown
const lowest = 1;     // ms of latency
const highest = 10_000;
const ticks = [[1, "1 ms"], [10, "10 ms"], [100, "100 ms"], [1000, "1 s"], [10_000, "10 s"]];

export function element(name, attributes = {}, text = "") {
  const made = document.createElementNS(names, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

/// A mark of each series has a shape of its own: colour alone tells not everybody.
export function mark(kind, x, y, className) {
  const at = { class: className, "data-kind": kind };
  if (kind === "polling") return element("circle", { ...at, cx: x, cy: y, r: 4 });
  if (kind === "long-polling") return element("rect", { ...at, x: x - 4, y: y - 4, width: 8, height: 8 });
  return element("path", { ...at, d: `M${x} ${y - 5}l5 9h-10z` });
}

export class Plot {
  #svg;
  #series;

  /// `series`: [{ kind, name, points: [{ at, latency }] }], `at` being when it was posted; oldest first.
  constructor(svg, series) {
    this.#svg = svg;
    this.#series = series;
  }

  draw(now) {
    const width = Math.max(300, Math.round(this.#svg.clientWidth));
    const height = width < 500 ? 320 : 360;
    const legendHeight = width < 500 ? 66 : 24;
    const area = { left: 62, right: width - 12, top: 34 + legendHeight, bottom: height - 46 };
    const x = (at) => area.right - ((now - at) / span) * (area.right - area.left);
    const part = (latency) => Math.log10(Math.min(Math.max(latency, lowest), highest) / lowest) / Math.log10(highest / lowest);
    const y = (latency) => area.bottom - part(latency) * (area.bottom - area.top);

    const drawn = [...this.#legend(area.left, width < 500), ...this.#axes(area, x, y, now, height)];
    for (const { kind, points } of this.#series) {
      const shown = points.filter(({ at }) => now - at <= span);
      const where = shown.map(({ at, latency }) => [x(at).toFixed(1), y(latency).toFixed(1)].map(Number));
      drawn.push(element("polyline", { class: kind, points: where.map((each) => each.join()).join(" ") }));
      for (const [px, py] of where) drawn.push(mark(kind, px, py, `${kind} point`));
    }
    this.#svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.#svg.replaceChildren(...drawn);
  }

  #legend(left, stacked) {
    return this.#series.flatMap(({ kind, name }, index) => {
      const [dx, dy] = stacked ? [0, index * 20] : [index * 130, 0];
      return [mark(kind, left + dx + 5, 14 + dy, `${kind} key`), element("text", { x: left + dx + 16, y: 18 + dy, class: "legend" }, name)];
    });
  }

  #axes(area, x, y, now, height) {
    const drawn = [];
    for (const [value, label] of ticks) {
      drawn.push(element("line", { class: "grid", x1: area.left, x2: area.right, y1: y(value), y2: y(value) }));
      drawn.push(element("text", { class: "tick-y", x: area.left - 8, y: y(value) + 4, "text-anchor": "end" }, label));
    }
    for (let ago = span; ago >= 0; ago -= 10_000) {
      const at = x(now - ago);
      drawn.push(element("line", { class: "axis", x1: at, x2: at, y1: area.bottom, y2: area.bottom + 5 }));
      const anchor = ago === span ? "start" : ago === 0 ? "end" : "middle";
      drawn.push(element("text", { class: "tick-x", x: at, y: area.bottom + 20, "text-anchor": anchor }, ago ? `−${ago / 1000} s` : "now"));
    }
    drawn.push(element("path", { class: "axis", fill: "none", d: `M${area.left} ${area.top}V${area.bottom}H${area.right}` }));
    drawn.push(element("text", { class: "unit", x: (area.left + area.right) / 2, y: height - 6, "text-anchor": "middle" }, "posted, seconds ago"));
    drawn.push(element("text", { class: "unit", x: area.left, y: area.top - 12 }, "latency, logarithmic"));
    return drawn;
  }
}
