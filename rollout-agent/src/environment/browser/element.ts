// One node of the page in front, addressed by the browser's own id: where it is, and what can be done with it from inside.
import { limits } from "@hindcast/shared";
import type { NodeReference, Rect } from "@hindcast/shared/node";
import type { CDPSession } from "playwright-core";
import { within } from "./within.ts";

export class PageElement {
  readonly #session: CDPSession;
  readonly #backendId: number;
  readonly #id: string;

  constructor(session: CDPSession, id: string, { backendId }: NodeReference) {
    this.#session = session;
    this.#backendId = backendId;
    this.#id = id;
  }

  /** @returns the centre of its first box in the viewport, scrolled to where that was needed, or what is wrong. */
  async centre(): Promise<{ x: number; y: number } | string> {
    const node = { backendNodeId: this.#backendId };
    try {
      await this.#send(this.#session.send("DOM.scrollIntoViewIfNeeded", node));
      const { quads } = await this.#send(this.#session.send("DOM.getContentQuads", node));
      const boxes = quads.map(boxAround).filter(({ width, height }) => width > 0 && height > 0);
      const [box] = boxes;
      if (box !== undefined) return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
    } catch (error) {
      if (!isProtocolRefusal(error)) throw error;
      return /No node|not find node|detached/i.test(error.message) ? this.#gone : this.#invisible;
    }
    return this.#invisible;
  }

  /** Runs a function of the page's world on the element. @returns its value, or what is wrong. */
  async call(declaration: string, ...args: (string | boolean | string[])[]): Promise<{ value: unknown } | string> {
    try {
      const { object } = await this.#send(this.#session.send("DOM.resolveNode", { backendNodeId: this.#backendId }));
      if (object.objectId === undefined) return this.#gone;
      const { result, exceptionDetails } = await this.#send(
        this.#session.send("Runtime.callFunctionOn", {
          objectId: object.objectId,
          functionDeclaration: declaration,
          arguments: args.map((value) => ({ value })),
          returnByValue: true,
          userGesture: true,
          awaitPromise: true,
        }),
      );
      if (exceptionDetails !== undefined) return `The element [${this.#id}] could not do that.`;
      return { value: result.value };
    } catch (error) {
      if (!isProtocolRefusal(error)) throw error;
      return this.#gone;
    }
  }

  #send<T>(work: Promise<T>): Promise<T> {
    return within(limits.browserAnswerMsMax, work, "the page's answer");
  }

  get #gone(): string {
    return `The element [${this.#id}] is no longer on the page.`;
  }

  get #invisible(): string {
    return `The element [${this.#id}] is not visible.`;
  }
}

function isProtocolRefusal(error: unknown): error is Error {
  return error instanceof Error && /Protocol error/.test(error.message);
}

/** The box around four corners. */
export function boxAround(quad: readonly number[]): Rect {
  const xs = quad.filter((_, index) => index % 2 === 0);
  const ys = quad.filter((_, index) => index % 2 === 1);
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  return { x, y, width: Math.max(...xs) - x, height: Math.max(...ys) - y };
}
