// The tools of a world: what a prompt says of them, and whether a call is one that they take.
import { limits, messageOf, type ToolDescription } from "@hindcast/shared";
import { Ajv, type ValidateFunction } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import type { ToolCall } from "./world.ts";
import { worldUnavailable } from "./world-faults.ts";

/** Problems of one call that are named; the first is what the model mends first anyway. */
const problemsNamedMax = 5;

/**
 * Schemas come from strangers and are read as leniently as their authors' own tools read them; formats are left to the
 * world. A schema that cannot be compiled makes the world unavailable: its tool could never be called knowingly.
 */
const reading = {
  strict: false,
  allErrors: true,
  validateFormats: false,
  logger: false,
  // Two tools may give their schemas the same $id.
  addUsedSchema: false,
} as const;

export class ToolSet {
  readonly tools: readonly ToolDescription[];
  readonly #checks: ReadonlyMap<string, ValidateFunction>;

  /** @throws ENVIRONMENT_UNAVAILABLE for two tools of one name, a schema that is none, or more than a prompt holds */
  constructor(world: string, tools: readonly ToolDescription[]) {
    this.tools = tools;
    const compiler = new Compiler();
    this.#checks = new Map(tools.map((tool) => [tool.name, compiler.compile(world, tool)]));
    if (this.#checks.size < tools.length) throw worldUnavailable(world, "two of its tools have the same name");
    const bytes = Buffer.byteLength(this.text);
    if (tools.length > limits.worldToolsMax || bytes > limits.worldToolBytesMax) {
      throw worldUnavailable(
        world,
        `it has ${tools.length} tools, described in ${bytes} bytes; a prompt holds ${limits.worldToolsMax} tools and ` +
          `${limits.worldToolBytesMax} bytes: choose some with "tools" in the agent's worlds file`,
      );
    }
  }

  /** One paragraph per tool. */
  get text(): string {
    return this.tools.map(toolText).join("\n\n");
  }

  /** What is wrong with a call, in words for whoever made it; null: nothing. */
  problemOf({ name, input }: ToolCall): string | null {
    const check = this.#checks.get(name);
    if (check === undefined) {
      return `There is no tool ${name}. The tools are: ${this.tools.map((tool) => tool.name).join(", ")}.`;
    }
    if (check(input)) return null;
    const problems = (check.errors ?? []).map(
      ({ instancePath, message = "is wrong", params }) =>
        `${instancePath === "" ? "the arguments" : instancePath.slice(1)} ${message}${namesOf(params)}`,
    );
    const named = [...new Set(problems)].slice(0, problemsNamedMax).join("; ");
    return `${name} does not take these arguments: ${named}.`;
  }

  /** "added a, b; removed c"; null where the names and descriptions are the same. */
  changesTo(other: ToolSet): string | null {
    const [before, after] = [this.#texts(), other.#texts()];
    const added = [...after.keys()].filter((name) => !before.has(name));
    const removed = [...before.keys()].filter((name) => !after.has(name));
    const changed = [...after].filter(([name, text]) => before.has(name) && before.get(name) !== text);
    const parts = [
      ["added", added],
      ["removed", removed],
      ["changed", changed.map(([name]) => name)],
    ] as const;
    const told = parts.flatMap(([word, names]) => (names.length === 0 ? [] : [`${word} ${names.join(", ")}`]));
    return told.length === 0 ? null : told.join("; ");
  }

  #texts(): Map<string, string> {
    return new Map(this.tools.map((tool) => [tool.name, toolText(tool)]));
  }
}

function toolText({ name, description, inputSchema }: ToolDescription): string {
  const { $schema: _, ...schema } = inputSchema;
  const lines = [`${name}: ${description.trim() === "" ? "(no description)" : description.trim()}`];
  return [...lines, `arguments: ${JSON.stringify(schema)}`].join("\n");
}

/** One validator for all schemas of a set, per dialect: making one costs more than compiling a schema. */
class Compiler {
  #present: Ajv | null = null;
  #older: Ajv | null = null;

  compile(world: string, { name, inputSchema }: ToolDescription): ValidateFunction {
    // "$async" is the validator's own word: its verdict would be a promise, which rejects where nobody listens.
    const { $schema, $async: _, ...schema } = inputSchema;
    const isOlder = typeof $schema === "string" && /draft-0[4-7]/.test($schema);
    try {
      const ajv = isOlder ? (this.#older ??= new Ajv(reading)) : (this.#present ??= new Ajv2020(reading));
      return ajv.compile(schema);
    } catch (error) {
      throw worldUnavailable(world, `the schema of its tool ${name} cannot be used: ${messageOf(error)}`, error);
    }
  }
}

/** The validator's "must NOT have additional properties" and "must be equal to one of" do not say which. */
function namesOf(params: Readonly<Record<string, unknown>>): string {
  if (typeof params["additionalProperty"] === "string") return ` (${params["additionalProperty"]})`;
  if (Array.isArray(params["allowedValues"])) return ` (${JSON.stringify(params["allowedValues"])})`;
  return "";
}
