export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
  return lines.join("\n");
}

/** Replaces what lies between `<!-- name -->` and `<!-- /name -->`; a text without the markers is an error. */
export function between(text: string, name: string, content: string): string {
  const opening = `<!-- ${name} -->`;
  const closing = `<!-- /${name} -->`;
  const from = text.indexOf(opening);
  const to = text.indexOf(closing);
  if (from === -1 || to < from) throw new Error(`the text has no markers ${opening} and ${closing}`);
  return `${text.slice(0, from + opening.length)}\n\n${content.trim()}\n\n${text.slice(to)}`;
}
