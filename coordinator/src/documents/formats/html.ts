import { Parser } from "htmlparser2";
import { BlockList, dedent, type ParsedDocument } from "../block.ts";

/** Parts of a page that are not the document: scripts, styles, navigation, controls. */
const skipped = new Set(
  "script style noscript template svg math nav footer aside iframe object select button canvas head".split(" "),
);
const breaking = new Set(
  "p div section article main header blockquote figure figcaption address details summary ul ol dl dt dd li table caption thead tbody tr hr pre h1 h2 h3 h4 h5 h6".split(
    " ",
  ),
);
/** No page needs more (browsers stop at 512), and the parser's time per tag grows with the depth. */
const depthMax = 2_000;
const listDepthMax = 8;

/** @throws Error when elements are nested beyond any sensible depth. */
export function parseHtml(source: string): ParsedDocument {
  const reader = new HtmlReader();
  const parser = new Parser(
    {
      onopentag: (name, attributes) => reader.open(name, attributes),
      ontext: (text) => reader.text(text),
      onclosetag: (name) => reader.close(name),
    },
    { decodeEntities: true, lowerCaseTags: true },
  );
  parser.end(source);
  return reader.finish();
}

class HtmlReader {
  readonly #list = new BlockList();
  readonly #lists: { isOrdered: boolean; items: number }[] = [];
  #depth = 0;
  #skipDepth = 0;
  #title: string | null = null;
  #isInTitle = false;
  #line = "";
  #prefix = "";
  #pre: { language: string; text: string } | null = null;
  #row: string[] | null = null;
  /** Rows that tables in their cells interrupt. */
  readonly #outerRows: (string[] | null)[] = [];
  #tableRows = 0;

  open(name: string, attributes: Record<string, string>): void {
    this.#depth += 1;
    if (this.#depth > depthMax) throw new Error(`its HTML elements are nested more than ${depthMax} deep`);
    if (name === "title") this.#isInTitle = this.#title === null;
    if (skipped.has(name)) this.#skipDepth += 1;
    if (this.#skipDepth > 0) return;
    if (this.#pre !== null) {
      if (name === "br") this.#pre.text += "\n";
      if (this.#pre.language === "") this.#pre.language = languageOf(attributes);
      return;
    }
    if (breaking.has(name)) this.#flush();
    if (name === "pre") this.#pre = { language: languageOf(attributes), text: "" };
    else if (name === "br") this.#line += "\n";
    else if (name === "code" || name === "kbd" || name === "samp") this.#line += "`";
    else if (name === "ul" || name === "ol") this.#lists.push({ isOrdered: name === "ol", items: 0 });
    else if (name === "li") this.#openItem();
    else if (name === "table") this.#openTable();
    else if (name === "tr") this.#row = [];
  }

  text(text: string): void {
    if (this.#isInTitle) this.#title = (this.#title ?? "") + text;
    if (this.#skipDepth > 0 || this.#isInTitle) return;
    if (this.#pre !== null) this.#pre.text += text;
    else this.#line += text.replace(/\s+/g, " ");
  }

  close(name: string): void {
    this.#depth -= 1;
    if (name === "title") this.#isInTitle = false;
    if (skipped.has(name)) {
      this.#skipDepth = Math.max(0, this.#skipDepth - 1);
      return;
    }
    if (this.#skipDepth > 0) return;
    if (this.#pre !== null) {
      if (name === "pre") this.#closePre();
      return;
    }
    if (name === "code" || name === "kbd" || name === "samp") this.#line += "`";
    else if (/^h[1-6]$/.test(name)) this.#closeHeading(Number(name[1]));
    else if (name === "td" || name === "th") this.#closeCell();
    else if (name === "tr") this.#closeRow();
    else if (breaking.has(name)) this.#flush();
    if (name === "table") this.#closeTable();
    if (name === "ul" || name === "ol") this.#lists.pop();
  }

  finish(): ParsedDocument {
    if (this.#pre !== null) this.#closePre();
    this.#flush();
    const blocks = this.#list.blocks;
    const heading = blocks.find((block) => block.kind === "heading");
    const title = this.#title?.replace(/\s+/g, " ").trim();
    return { title: title === undefined || title === "" ? (heading?.text ?? null) : title, blocks };
  }

  #takeLine(): string {
    const text = this.#line
      .split("\n")
      .map((line) => line.replace(/\s+/g, " ").trim())
      .filter((line) => line !== "")
      .join("\n")
      .replace(/``/g, "");
    this.#line = "";
    return text;
  }

  #flush(): void {
    // Inside a table row the text belongs to a cell, whatever tags the cell contains.
    if (this.#row !== null) {
      this.#line += " ";
      return;
    }
    const text = this.#takeLine();
    if (text !== "") this.#list.text(this.#prefix + text);
    this.#prefix = "";
  }

  #openItem(): void {
    const list = this.#lists.at(-1);
    if (list !== undefined) list.items += 1;
    const indent = "  ".repeat(Math.min(listDepthMax, Math.max(0, this.#lists.length - 1)));
    this.#prefix = `${indent}${list?.isOrdered === true ? `${list.items}.` : "-"} `;
  }

  #closePre(): void {
    if (this.#pre !== null) this.#list.fence(this.#pre.language, dedent(this.#pre.text.split("\n")));
    this.#pre = null;
  }

  #closeHeading(level: number): void {
    const row = this.#row;
    this.#row = null;
    this.#list.heading(level, this.#takeLine());
    this.#prefix = "";
    this.#row = row;
  }

  #openTable(): void {
    this.#outerRows.push(this.#row);
    this.#row = null;
    this.#tableRows = 0;
  }

  #closeTable(): void {
    this.#row = this.#outerRows.pop() ?? null;
    this.#tableRows = 0;
  }

  #closeCell(): void {
    this.#row?.push(this.#takeLine().replace(/\n/g, " ").replace(/\|/g, "\\|"));
  }

  #closeRow(): void {
    const cells = this.#row ?? [];
    this.#row = null;
    if (cells.every((cell) => cell === "")) return;
    const lines = [`| ${cells.join(" | ")} |`];
    if (this.#tableRows === 0) lines.push(`|${" --- |".repeat(cells.length)}`);
    const last = this.#list.blocks.at(-1);
    if (this.#tableRows > 0 && last?.kind === "text") last.text += `\n${lines.join("\n")}`;
    else this.#list.text(lines.join("\n"));
    this.#tableRows += 1;
  }
}

/** `class="language-bash"`, `class="highlight-python"`, `data-lang="sh"` and their kin. */
function languageOf(attributes: Record<string, string>): string {
  const fromClass = /(?:^|\s)(?:language|lang|highlight-source|highlight)-([\w+#.-]+)/.exec(attributes["class"] ?? "");
  return fromClass?.[1] ?? attributes["data-lang"] ?? "";
}
