// Bugs that can be put into JavaScript and TypeScript sources: the operators of mutate-python.ts, found in the syntax tree
// of oxc's parser. Pure: the same source has the same mutations.
import { parseSync } from "oxc-parser";
import type { Mutation } from "./mutation.ts";

/** Any node of ESTree's; what is read of it is checked where it is read. */
export interface SyntaxNode {
  type: string;
  /** In UTF-16 units of the source. */
  start: number;
  end: number;
  [field: string]: unknown;
}

const comparisons: Record<string, string> = {
  "<": "<=",
  "<=": "<",
  ">": ">=",
  ">=": ">",
  "==": "!=",
  "!=": "==",
  "===": "!==",
  "!==": "===",
};
const arithmetic: Record<string, string> = { "+": "-", "-": "+", "*": "+", "/": "*", "%": "*", "**": "*" };
const boolean: Record<string, string> = { "&&": "||", "||": "&&", "??": "&&" };
export const functions = ["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"];
/** Syntax of types runs nowhere; these hold code all the same. */
const typesWithCode = /^TS(As|NonNull|Satisfies|TypeAssertion|Instantiation|Enum|Module|ExportAssignment)/;

/** The root of the syntax tree, or null where the file has errors. Never throws. */
export function parseJavaScript(file: string, source: string): SyntaxNode | null {
  const { program, errors } = parseSync(file, source);
  return errors.length > 0 ? null : (program as unknown as SyntaxNode);
}

/** Of a file that cannot be parsed there are none. */
export function mutateJavaScript(file: string, source: string): Mutation[] {
  const program = parseJavaScript(file, source);
  if (program === null) return [];
  const found: Mutation[] = [];
  const bytesAt = byteOffsets(source);
  const visit = (node: SyntaxNode, scope: readonly string[]): void => {
    const name = nameOf(node);
    const inner = name === null ? scope : [...scope, name];
    const line = source.slice(0, node.start).split("\n").length;
    if (inner.length > 0) {
      for (const { operator, start, end, replacement } of bugsAt(node, source)) {
        const place = { file, operator, scope: inner.join("."), line };
        found.push({ ...place, start: bytesAt(start), end: bytesAt(end), replacement });
      }
    }
    for (const child of childrenOf(node)) visit(child, inner);
  };
  visit(program, []);
  return found;
}

export function childrenOf(node: SyntaxNode): SyntaxNode[] {
  return Object.values(node)
    .flatMap((value) => (Array.isArray(value) ? (value as unknown[]) : [value]))
    .filter(isNode)
    .filter(({ type }) => !type.startsWith("TS") || typesWithCode.test(type));
}

export function isNode(value: unknown): value is SyntaxNode {
  return typeof value === "object" && value !== null && "type" in value && "start" in value;
}

type Bug = Pick<Mutation, "operator" | "start" | "end" | "replacement">;

function bugsAt(node: SyntaxNode, source: string): Bug[] {
  const text = ({ start, end }: SyntaxNode): string => source.slice(start, end);
  const bug = (operator: string, { start, end }: SyntaxNode, replacement: string): Bug[] => [
    { operator, start, end, replacement },
  ];
  const { test, argument, body, expression } = node;
  switch (node.type) {
    case "BinaryExpression":
      return [
        ...flip(node, "flip-comparison", comparisons, source),
        ...flip(node, "flip-arithmetic", arithmetic, source),
      ];
    case "LogicalExpression":
      return flip(node, "flip-boolean", boolean, source);
    case "UnaryExpression":
      return node["operator"] === "!" && isNode(argument) ? bug("drop-not", node, text(argument)) : [];
    case "IfStatement":
    case "ConditionalExpression":
      if (!isNode(test)) return [];
      return [...bug("drop-branch", test, "false"), ...bug("negate-condition", test, `!(${text(test)})`)];
    case "ReturnStatement":
      return isNode(argument) ? bug("drop-result", node, "return undefined;") : [];
    case "AwaitExpression":
      return isNode(argument) ? bug("drop-await", node, `(${text(argument)})`) : [];
    case "Literal":
      return isSmallInteger(node) ? bug("shift-number", node, String(Number(node["value"]) + 1)) : [];
    case "ThrowStatement":
      return bug("drop-statement", node, ";");
    case "ExpressionStatement":
      return isNode(expression) && hasEffect(expression) ? bug("drop-statement", node, ";") : [];
    case "CallExpression":
    case "NewExpression":
      return swapped(node, source);
    default:
      return functions.includes(node.type) && isNode(body) ? withoutBody(body, source) : [];
  }
}

/** An operator stands between its operands, and so may a comment: then nothing is done. */
function flip(node: SyntaxNode, operator: string, table: Record<string, string>, source: string): Bug[] {
  const { left, right } = node;
  const old = String(node["operator"]);
  const flipped = Object.hasOwn(table, old) ? table[old] : undefined;
  if (flipped === undefined || !isNode(left) || !isNode(right)) return [];
  const between = source.slice(left.end, right.start);
  const at = between.indexOf(old);
  if (at === -1 || between.includes("//") || between.includes("/*")) return [];
  const start = left.end + at;
  return [{ operator, start, end: start + old.length, replacement: flipped }];
}

function swapped({ arguments: all }: SyntaxNode, source: string): Bug[] {
  const [first, second] = Array.isArray(all) ? (all as unknown[]) : [];
  if (!isNode(first) || !isNode(second) || [first, second].some(({ type }) => type === "SpreadElement")) return [];
  const [a, b] = [source.slice(first.start, first.end), source.slice(second.start, second.end)];
  if (a === b) return [];
  const replacement = `${b}${source.slice(first.end, second.start)}${a}`;
  return [{ operator: "swap-arguments", start: first.start, end: second.end, replacement }];
}

function withoutBody(body: SyntaxNode, source: string): Bug[] {
  const { start, end, type } = body;
  if (type !== "BlockStatement") return [{ operator: "drop-result", start, end, replacement: "undefined" }];
  const inside = source.slice(start + 1, end - 1);
  if (inside.trim() === "") return [];
  return [
    { operator: "remove-body", start: start + 1, end: end - 1, replacement: ' throw new Error("not implemented"); ' },
  ];
}

/** Assignments that build on the old value, and calls: without them the program still runs. */
function hasEffect({ type, operator }: SyntaxNode): boolean {
  return (
    type === "CallExpression" || type === "UpdateExpression" || (type === "AssignmentExpression" && operator !== "=")
  );
}

function isSmallInteger({ value, raw }: SyntaxNode): boolean {
  return typeof value === "number" && Number.isInteger(value) && Math.abs(value) < 1_000 && /^\d+$/.test(String(raw));
}

/** What a reader would call the node; null where it opens no scope. */
function nameOf(node: SyntaxNode): string | null {
  const { id, key, init, value, type } = node;
  const isFunction = (one: unknown): boolean => isNode(one) && functions.includes(one.type);
  if (type === "VariableDeclarator") return isFunction(init) ? identifier(id) : null;
  if (type === "MethodDefinition") return identifier(key);
  if (type === "Property" || type === "PropertyDefinition") return isFunction(value) ? identifier(key) : null;
  return type === "FunctionDeclaration" || type.startsWith("Class") ? identifier(id) : null;
}

export function identifier(node: unknown): string | null {
  if (!isNode(node)) return null;
  const { name, value } = node;
  return typeof name === "string" ? name : typeof value === "string" ? value : null;
}

/** Offsets in UTF-16 units as offsets in bytes. */
export function byteOffsets(source: string): (offset: number) => number {
  const isAscii = Buffer.byteLength(source) === source.length;
  return (offset) => (isAscii ? offset : Buffer.byteLength(source.slice(0, offset)));
}
