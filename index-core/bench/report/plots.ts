import type { Comparison, Measured } from "../harness/comparison.ts";
import { colourOf, Svg } from "./svg.ts";

const width = 860;
/** A recall below this is written beside the latency. */
const worthNaming = 0.95;
const grey = "#cccccc";

interface Frame {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

const nameOf = ({ engine, variant }: Measured): string =>
  `${engine} ${variant}`
    .replaceAll("*", "")
    .replaceAll("`", "")
    .replace(/ sync$/, "");

const seriesOf = (measured: readonly Measured[]): [string, Measured[]][] => [
  ...Map.groupBy(measured, nameOf).entries(),
];

/** p50 against recall, a line per engine through its settings; whiskers are the quartiles over the rounds. */
export function recallCurve({ measured, data, rows, dimensions }: Comparison): string {
  const series = seriesOf(measured);
  const height = 420;
  const frame = { left: 70, right: width - 260, top: 50, bottom: height - 50 };
  const svg = new Svg(width, height);
  svg.text([frame.left, 28], `${data}, ${rows} × ${dimensions}: latency against recall@10`, { size: 16, isBold: true });
  const lowest = Math.max(0.5, Math.min(...measured.map(({ recall }) => recall)) - 0.005);
  const x = (recall: number): number =>
    frame.left + ((Math.max(lowest, recall) - lowest) / (1 - lowest)) * (frame.right - frame.left);
  const y = logarithmic(svg, frame, measured);
  for (const at of [0, 0.25, 0.5, 0.75, 1]) {
    const recall = lowest + at * (1 - lowest);
    svg.text([x(recall), frame.bottom + 18], recall.toFixed(3), { anchor: "middle", size: 11 });
  }
  svg.text([(frame.left + frame.right) / 2, height - 12], "recall@10 (right is better)", { anchor: "middle" });
  for (const [index, [name, points]] of series.entries()) {
    const colour = colourOf(index);
    const places = points.map(({ recall, p50 }): [number, number] => [x(recall), y(p50.median)]);
    svg.path(places, colour);
    for (const [at, { p50 }] of points.entries()) {
      const [px, py] = places[at]!;
      svg.line([px, y(p50.q1)], [px, y(p50.q3)], colour);
      svg.circle([px, py], 4, colour);
    }
    legend(svg, frame, { index, name, colour });
  }
  return svg.toString();
}

/** A bar per engine and setting, with whiskers from the first to the third quartile. */
export function bars(title: string, measured: readonly Measured[]): string {
  const rowHeight = 24;
  const height = 70 + measured.length * rowHeight;
  const left = 330;
  const svg = new Svg(width, height);
  svg.text([16, 28], title, { size: 16, isBold: true });
  const most = Math.max(...measured.map(({ p50 }) => p50.q3));
  const names = [...new Set(measured.map(nameOf))];
  for (const [index, one] of measured.entries()) {
    const top = 46 + index * rowHeight;
    const x = (micros: number): number => left + (micros / most) * (width - left - 110);
    const colour = colourOf(names.indexOf(nameOf(one)));
    svg.text([left - 8, top + 13], `${one.setting}  ${nameOf(one)}`, { anchor: "end", size: 11 });
    svg.rect([left, top], [Math.max(1, x(one.p50.median) - left), rowHeight - 8], colour);
    svg.line([x(one.p50.q1), top + 8], [x(one.p50.q3), top + 8], "#222", 2);
    svg.text([x(one.p50.q3) + 6, top + 13], microsOf(one.p50.median), { size: 11 });
  }
  return svg.toString();
}

/** Latency by filter, a line per engine; solid p50, dots p99. */
export function filterCurve(title: string, measured: readonly Measured[]): string {
  const height = 440;
  const frame = { left: 70, right: width - 220, top: 50, bottom: height - 80 };
  const svg = new Svg(width, height);
  svg.text([frame.left, 28], title, { size: 16, isBold: true });
  const settings = [...new Set(measured.map(({ setting }) => setting))];
  const y = logarithmic(svg, frame, measured);
  const x = (setting: string): number =>
    frame.left + ((settings.indexOf(setting) + 0.5) / settings.length) * (frame.right - frame.left);
  for (const [index, setting] of settings.entries())
    svg.text([x(setting), frame.bottom + 18 + (index % 2) * 16], setting, { anchor: "middle", size: 11 });
  for (const [index, [name, points]] of seriesOf(measured).entries()) {
    const colour = colourOf(index);
    svg.path(
      points.map(({ setting, p50 }): [number, number] => [x(setting), y(p50.median)]),
      colour,
    );
    for (const { setting, p50, p99, recall } of points) {
      svg.circle([x(setting), y(p99.median)], 3, colour);
      // Fast and wrong must not look fast.
      if (recall < worthNaming)
        svg.text([x(setting) + 5, y(p50.median) - 5], `recall ${recall.toFixed(2)}`, { size: 10, colour });
    }
    legend(svg, frame, { index, name, colour });
  }
  svg.text(
    [frame.left, height - 12],
    `Line: p50 of one query. Dots: p99. Recall@10 below ${worthNaming} is written beside.`,
    { size: 11 },
  );
  return svg.toString();
}

/** Draws a logarithmic axis of microseconds and returns its scale. */
function logarithmic(svg: Svg, frame: Frame, measured: readonly Measured[]): (micros: number) => number {
  const values = measured.flatMap(({ p50, p99 }) => [p50.q1, p50.q3, p99.median]).filter((value) => value > 0);
  const low = Math.log10(Math.min(...values) * 0.9);
  const high = Math.log10(Math.max(...values) * 1.1);
  const y = (micros: number): number =>
    frame.bottom - ((Math.log10(Math.max(micros, 1e-3)) - low) / (high - low)) * (frame.bottom - frame.top);
  for (let power = -1; power <= 8; power += 1) {
    for (const step of [1, 2, 5]) {
      const value = step * 10 ** power;
      if (Math.log10(value) < low || Math.log10(value) > high) continue;
      svg.line([frame.left, y(value)], [frame.right, y(value)], grey);
      svg.text([frame.left - 6, y(value) + 4], microsOf(value), { anchor: "end", size: 11 });
    }
  }
  return y;
}

function legend(
  svg: Svg,
  frame: Frame,
  { index, name, colour }: { index: number; name: string; colour: string },
): void {
  const top = frame.top + 10 + index * 20;
  svg.rect([frame.right + 16, top - 9], [12, 12], colour);
  svg.text([frame.right + 34, top + 2], name, { size: 12 });
}

export function microsOf(micros: number): string {
  if (micros < 1) return `${(micros * 1_000).toFixed(0)} ns`;
  if (micros < 1_000) return `${micros < 100 ? Number(micros.toFixed(1)) : micros.toFixed(0)} µs`;
  return `${Number((micros / 1_000).toFixed(2))} ms`;
}
