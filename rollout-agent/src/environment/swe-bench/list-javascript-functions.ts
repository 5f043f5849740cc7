// The functions of a JavaScript or TypeScript file and the methods of its classes, as oxc's parser sees them.
import {
  byteOffsets,
  childrenOf,
  functions,
  identifier,
  isNode,
  parseJavaScript,
  type SyntaxNode,
} from "./mutate-javascript.ts";
import type { SourceFunction } from "./source-function.ts";

/** Null where the file does not parse. Never throws. */
export function listJavaScriptFunctions(file: string, source: string): SourceFunction[] | null {
  const program = parseJavaScript(file, source);
  if (program === null) return null;
  const bytesAt = byteOffsets(source);
  const found: SourceFunction[] = [];
  const visit = (node: SyntaxNode, scope: readonly string[]): void => {
    const named = namedFunction(node);
    if (named !== null) {
      const { name, body } = named;
      found.push({
        file,
        scope: [...scope, name].join("."),
        line: source.slice(0, node.start).split("\n").length,
        start: bytesAt(node.start),
        end: bytesAt(node.end),
        bodyStart: bytesAt(body.start + 1),
      });
      return;
    }
    const name = node.type.startsWith("Class") ? identifier(node["id"]) : null;
    for (const child of childrenOf(node)) visit(child, name === null ? scope : [...scope, name]);
  };
  visit(program, []);
  return found;
}

/** A function with a name and a block of statements; what is inside another function belongs to that one. */
function namedFunction(node: SyntaxNode): { name: string; body: SyntaxNode } | null {
  const { id, key, init, value, body } = node;
  const [name, code]: [unknown, unknown] =
    node.type === "VariableDeclarator"
      ? [id, init]
      : node.type === "MethodDefinition"
        ? [key, value]
        : [id, { ...node, body }];
  if (!isNode(code) || !functions.includes(code.type)) return null;
  const [called, block] = [identifier(name), code["body"]];
  return called !== null && isNode(block) && block.type === "BlockStatement" ? { name: called, body: block } : null;
}
