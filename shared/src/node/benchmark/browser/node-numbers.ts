import type { ActionSetName } from "./action-set.ts";
import type { AxNode, FrameSnapshot } from "./accessibility-tree.ts";

/** Where an id leads: the document and the node in it. */
export interface NodeReference {
  frame: string;
  backendId: number;
}

/**
 * Ids of nodes as the policy sees them, numbered in the order in which nodes are first shown. The browser's own ids differ
 * from one process to the next and repeat between processes; these are the same whenever the same pages are seen in the
 * same order, which is what repeating recorded actions relies on. A node keeps its id as long as its document lives.
 */
export class NodeNumbers {
  readonly #style: ActionSetName;
  readonly #ids = new Map<string, string>();
  readonly #nodes = new Map<string, NodeReference>();
  readonly #frames = new Map<string, string>();
  #next = 1;

  constructor(style: ActionSetName) {
    this.#style = style;
  }

  /** @returns null for a node without an element, which no action can name. */
  idOf(frame: FrameSnapshot, node: AxNode, isTop: boolean): string | null {
    const backendId = node.backendDOMNodeId;
    if (backendId === undefined) return null;
    const key = `${frame.key} ${backendId}`;
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = `${this.#style === "browsergym" && !isTop ? this.#prefix(frame.key) : ""}${this.#next++}`;
    this.#ids.set(key, id);
    this.#nodes.set(id, { frame: frame.key, backendId });
    return id;
  }

  /** The node that an id was given to; null for an id that was never shown. */
  nodeOf(id: string): NodeReference | null {
    return this.#nodes.get(id) ?? null;
  }

  /** BrowserGym marks the nodes of frames by letters: `a51` is a node of the first frame. */
  #prefix(frame: string): string {
    const known = this.#frames.get(frame);
    if (known !== undefined) return known;
    let index = this.#frames.size;
    let letters = "";
    do {
      letters = String.fromCodePoint(97 + (index % 26)) + letters;
      index = Math.floor(index / 26) - 1;
    } while (index >= 0);
    this.#frames.set(frame, letters);
    return letters;
  }
}
