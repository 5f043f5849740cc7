/** Markup that is safe to embed. Only `html` makes it. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Embedded = Html | readonly Html[] | string | number;

/** A template whose embedded values are escaped, unless they are markup already. */
export function html(strings: TemplateStringsArray, ...values: Embedded[]): Html {
  return new Html(strings.reduce((text, string, index) => text + embedded(values[index - 1] ?? "") + string));
}

function embedded(value: Embedded): string {
  if (value instanceof Html) return value.text;
  if (typeof value === "object") return value.map(({ text }) => text).join("");
  return String(value)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}
