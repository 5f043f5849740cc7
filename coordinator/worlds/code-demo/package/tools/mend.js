// Finds an operator that was exchanged by mistake: tries others until all examples of the module hold.
import { readFileSync, writeFileSync } from "node:fs";

const families = [
  ["+", "-", "*", "/", "%"],
  ["<", "<=", ">", ">="],
  ["===", "!=="],
  ["&&", "||"],
];

/** The module is loaded with its examples below it. */
async function holds(text) {
  const examples = [...text.matchAll(/@example (.+)/g)].map(([, example]) => example);
  const tried = `${text}\nexport const isWhole = [${examples.join(", ")}].every(Boolean);\n`;
  const { isWhole } = await import(`data:text/javascript,${encodeURIComponent(tried)}`);
  return isWhole;
}

async function mended(source) {
  const code = source.indexOf("*/");
  for (const { 0: found, 1: operator, index } of source.matchAll(/ ([-+*/%]|[<>]=?|[=!]==|&&|\|\|) /g)) {
    if (index < code) continue;
    for (const other of families.find((family) => family.includes(operator)) ?? []) {
      const text = `${source.slice(0, index)} ${other} ${source.slice(index + found.length)}`;
      if (await holds(text)) return text;
    }
  }
  return null;
}

const [path] = process.argv.slice(2);
const text = await mended(readFileSync(path, "utf8"));
if (text === null) {
  process.stderr.write("no operator makes the examples hold\n");
  process.exitCode = 1;
} else {
  writeFileSync(path, text);
  process.stdout.write(`mended ${path}\n`);
}
