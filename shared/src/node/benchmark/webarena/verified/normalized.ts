// A value that was read as a type, with the alternatives that a task allows for it. Two are equal where any alternative
// of one equals any of the other; what equal means is the type's matter. A value that does not fit its type stays as it
// came and equals nothing of the type.
import type { Json } from "./json-value.ts";
import { isNothing, printed, represented } from "./json-value.ts";
import { plainText } from "./plain-text.ts";

export interface ReadContext {
  /**
   * Whose value it is. Only a task's own values may be patterns or lists of alternatives: an agent that answers `^.*$`
   * or every colour there is has not answered.
   */
  side: "task" | "answer" | "recording";
  /** Puts a site's placeholder in place of its URL, where the text has one. */
  derender?: (text: string) => string;
}

export interface ValueType {
  /** As it prints in messages. */
  name: string;
  /** @throws Error where the value is none of this type */
  read: (value: Json, context: ReadContext) => unknown;
  equal: (task: readonly unknown[], other: readonly unknown[]) => boolean;
  print: (value: unknown) => string;
  /** A list that is one value, as a pair of coordinates is. */
  isOneValue?: (value: Json[]) => boolean;
}

interface TypeDefinition<T> {
  name: string;
  read: (value: Json, context: ReadContext) => T;
  /** @default any alternative is the same as any other */
  equal?: (task: readonly T[], other: readonly T[]) => boolean;
  print?: (value: T) => string;
  isOneValue?: (value: Json[]) => boolean;
}

export function valueType<T>(definition: TypeDefinition<T>): ValueType {
  const { name, read, isOneValue } = definition;
  const equal =
    definition.equal ?? ((task: readonly T[], other: readonly T[]) => task.some((one) => other.includes(one)));
  const print = definition.print ?? ((value: T) => printed(value));
  return {
    name,
    read,
    // Only values that this very type has read are compared: `Normalized.equals` checks it.
    equal: (task, other) => equal(task as readonly T[], other as readonly T[]),
    print: (value) => print(value as T),
    ...(isOneValue === undefined ? {} : { isOneValue }),
  };
}

export class Normalized {
  readonly type: ValueType;
  readonly raw: Json;
  readonly alternatives: readonly unknown[];

  private constructor(type: ValueType, raw: Json, alternatives: readonly unknown[]) {
    this.type = type;
    this.raw = raw;
    this.alternatives = alternatives;
  }

  /** @throws Error where the value is none of the type */
  static read(type: ValueType, raw: Json, context: ReadContext): Normalized {
    if (Array.isArray(raw) && type.isOneValue?.(raw) !== true) {
      if (raw.length < 2) throw new Error(`alternatives are two or more, not ${represented(raw)}`);
      if (context.side === "answer") throw new Error("an answer has no alternatives");
      return new Normalized(
        type,
        raw,
        raw.map((one) => type.read(one, context)),
      );
    }
    return new Normalized(type, raw, [type.read(raw, context)]);
  }

  equals(other: unknown): boolean {
    return (
      other instanceof Normalized && other.type === this.type && this.type.equal(this.alternatives, other.alternatives)
    );
  }

  /** The value that reports show: the first alternative. */
  get value(): unknown {
    return this.alternatives[0];
  }

  toString(): string {
    return this.type.print(this.value);
  }

  represent(): string {
    const shown = this.alternatives.map((one) => this.type.print(one));
    const isText = typeof this.value === "string";
    const first = isText ? represented(this.value) : (shown[0] ?? "");
    if (this.alternatives.length > 1) {
      return `${this.type.name}(${represented(this.raw)} -> ${represented(shown.join(", or "))})`;
    }
    const isSame = this.raw === this.value;
    return isSame ? `${this.type.name}(${first})` : `${this.type.name}(${represented(this.raw)} -> ${first})`;
  }
}

/** A text made comparable, other values as they are. */
export function plainValue(value: Json, { derender }: ReadContext): Json {
  if (typeof value !== "string") return value;
  return plainText(derender !== undefined && value.includes("http") ? derender(value) : value);
}

/** @throws Error where there is nothing; 0 and false are something */
export function something(value: Json, name: string): Exclude<Json, null> {
  if (value === null || (isNothing(value) && typeof value !== "number" && typeof value !== "boolean")) {
    throw new Error(`the ${name} is empty`);
  }
  return value;
}
