// The text of an accessibility tree in the two formats that agents are used to: WebArena's and BrowserGym's.
import type { AxNode, PageNode } from "./accessibility-tree.ts";
import type { ActionSetName } from "./action-set.ts";
import { pythonLiteral, pythonRepr, pythonText } from "./python-repr.ts";

export interface TreeLine {
  id: string | null;
  node: PageNode;
  text: string;
}

export type IdOf = (node: PageNode) => string | null;

/** `url` and `labelledby` are new since 2023 and would double what the name says. */
const ignoredProperties = new Set([
  "focusable",
  "editable",
  "readonly",
  "level",
  "settable",
  "multiline",
  "invalid",
  "url",
  "labelledby",
]);

/** Without a name and without properties these say nothing; `image` was `img` in 2023. */
const emptyRoles = new Set([
  "generic",
  "img",
  "image",
  "list",
  "strong",
  "paragraph",
  "banner",
  "navigation",
  "Section",
  "LabelText",
  "Legend",
  "listitem",
]);

/** Lines above a text that are looked at for the same text. */
const repeatedWithin = 3;

export function treeLines(root: PageNode, style: ActionSetName, idOf: IdOf): TreeLine[] {
  return style === "webarena" ? webArenaLines(root, idOf) : browserGymLines(root, idOf);
}

/** `[id] role 'name' property: value`, one tab per level. */
function webArenaLines(root: PageNode, idOf: IdOf): TreeLine[] {
  const lines: TreeLine[] = [];
  /** Lines without their ids: a number among the words is not said by an id that has its digits. */
  const above: string[] = [];
  const visit = (node: PageNode, depth: number): void => {
    const { ax } = node;
    const role = textOf(ax.role?.value);
    const name = textOf(ax.name?.value);
    const properties = ax.properties
      .filter((property) => !ignoredProperties.has(property.name) && property.value.value !== undefined)
      .map((property) => `${property.name}: ${pythonText(property.value.value)}`);
    const isShown = isReadable(ax) && !isEmpty(role, name, properties);
    const said = [pythonRepr(name), ...properties].join(" ");
    if (isShown && !(role === "StaticText" && isRepeated(said, above))) {
      const id = idOf(node);
      lines.push({ id, node, text: `${"\t".repeat(depth)}[${id ?? ""}] ${role} ${said}` });
      above.push(`${role} ${said}`);
    }
    for (const child of node.children) visit(child, isShown ? depth + 1 : depth);
  };
  visit(root, 0);
  return lines;
}

/** Whether one of the lines just above holds the text already. */
function isRepeated(said: string, above: readonly string[]): boolean {
  const unquoted = said.slice(1, -1);
  return unquoted === "" || above.slice(-repeatedWithin).some((line) => line.includes(unquoted));
}

function isEmpty(role: string, name: string, properties: readonly string[]): boolean {
  if (name.trim() !== "") return false;
  return properties.length === 0 ? emptyRoles.has(role) : role === "listitem";
}

/** `[bid] role 'name' value='…', clickable, focused`. Text that its parent's name holds is left out. */
function browserGymLines(root: PageNode, idOf: IdOf): TreeLine[] {
  const lines: TreeLine[] = [];
  const visit = (node: PageNode, depth: number, parentName: string): void => {
    const { ax, frame } = node;
    const role = textOf(ax.role?.value);
    const name = role === "LineBreak" ? "" : textOf(ax.name?.value);
    const properties = ax.properties.flatMap((property) => gymAttribute(property.name, property.value.value));
    const isText = role === "StaticText";
    const isClickable = !isText && ax.backendDOMNodeId !== undefined && frame.clickable.has(ax.backendDOMNodeId);
    // Properties alone make a nameless group worth a line; being clickable does not.
    const isDull = role === "generic" && properties.length === 0;
    const isShown = isReadable(ax) && role !== "LineBreak" && !isDull && !(isText && parentName.includes(name));
    if (isShown) {
      const id = isText ? null : idOf(node);
      const attributes = isClickable ? ["clickable", ...properties] : properties;
      const head = role === "generic" && name === "" ? role : `${role} ${pythonRepr(name.trim())}`;
      const value = ax.value?.value === undefined ? "" : ` value=${pythonLiteral(ax.value.value)}`;
      const line = `${id === null ? "" : `[${id}] `}${head}${value}${["", ...attributes].join(", ")}`;
      lines.push({ id, node, text: `${"\t".repeat(depth)}${line}` });
    }
    for (const child of node.children) visit(child, isShown ? depth + 1 : depth, name);
  };
  visit(root, 0, "");
  return lines;
}

function gymAttribute(name: string, value: unknown): string[] {
  if (ignoredProperties.has(name) || value === undefined) return [];
  if (name === "required" || name === "focused" || name === "atomic") return value ? [name] : [];
  return [`${name}=${pythonLiteral(value)}`];
}

/** Ignored nodes have neither role nor name that a reader could use. */
function isReadable(node: AxNode): boolean {
  return !node.ignored && node.role?.value !== undefined && node.name?.value !== undefined;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : value === undefined || value === null ? "" : pythonText(value);
}
