// The few shapes that the plots need. Text is escaped; numbers are rounded so that files change only when figures do.
export const colours = [
  "#0b6e4f",
  "#c44536",
  "#3d5a80",
  "#e09f3e",
  "#7b2d8b",
  "#5c677d",
  "#2a9d8f",
  "#9c6644",
  "#d62976",
  "#6a994e",
  "#344e41",
] as const;

export const colourOf = (index: number): string => colours[index % colours.length] ?? "#000";

const round = (value: number): number => Math.round(value * 10) / 10;
const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

export interface TextOptions {
  anchor?: "start" | "middle" | "end";
  size?: number;
  colour?: string;
  isBold?: boolean;
}

export class Svg {
  readonly #shapes: string[] = [];
  readonly #width: number;
  readonly #height: number;

  constructor(width: number, height: number) {
    this.#width = width;
    this.#height = height;
  }

  line([x1, y1]: [number, number], [x2, y2]: [number, number], colour: string, width = 1): void {
    const ends = `x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}"`;
    this.#shapes.push(`<line ${ends} stroke="${colour}" stroke-width="${width}"/>`);
  }

  path(points: readonly [number, number][], colour: string, width = 2): void {
    const list = points.map(([x, y]) => `${round(x)},${round(y)}`).join(" ");
    this.#shapes.push(`<polyline points="${list}" fill="none" stroke="${colour}" stroke-width="${width}"/>`);
  }

  circle([x, y]: [number, number], radius: number, colour: string): void {
    this.#shapes.push(`<circle cx="${round(x)}" cy="${round(y)}" r="${radius}" fill="${colour}"/>`);
  }

  rect([x, y]: [number, number], [width, height]: [number, number], colour: string): void {
    const place = `x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}"`;
    this.#shapes.push(`<rect ${place} fill="${colour}"/>`);
  }

  text([x, y]: [number, number], text: string, options: TextOptions = {}): void {
    const { anchor = "start", size = 12, colour = "#222", isBold = false } = options;
    const style = `font-size="${size}" text-anchor="${anchor}" fill="${colour}"${isBold ? ' font-weight="bold"' : ""}`;
    this.#shapes.push(`<text x="${round(x)}" y="${round(y)}" ${style}>${escaped(text)}</text>`);
  }

  toString(): string {
    const size = `width="${this.#width}" height="${this.#height}" viewBox="0 0 ${this.#width} ${this.#height}"`;
    return [
      `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="system-ui, sans-serif">`,
      `<rect width="100%" height="100%" fill="white"/>`,
      ...this.#shapes,
      "</svg>\n",
    ].join("\n");
  }
}
