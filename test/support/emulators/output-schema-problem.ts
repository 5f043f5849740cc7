export interface SchemaRules {
  /** Keywords that the provider refuses. */
  refused: string[];
  mustBeClosed: boolean;
  mustRequireAll: boolean;
}

const types = new Set(["object", "array", "string", "number", "integer", "boolean", "null"]);

/** What a provider's validator would say about a structured-output schema; null when it is acceptable. */
export function schemaProblem(schema: unknown, rules: SchemaRules, path = "schema"): string | null {
  if (schema === null || typeof schema !== "object" || Array.isArray(schema)) return `${path} is not an object`;
  const node = schema as Record<string, unknown>;
  const refused = rules.refused.find((keyword) => keyword in node);
  if (refused !== undefined)
    return `${path}: For '${String(node["type"])}' type, property '${refused}' is not supported`;
  for (const type of [node["type"] ?? []].flat()) {
    if (typeof type !== "string" || !types.has(type)) return `${path}: Invalid type ${JSON.stringify(type)}`;
  }
  if (node["type"] === "object") {
    const names = Object.keys((node["properties"] as object | undefined) ?? {});
    const required = (node["required"] as string[] | undefined) ?? [];
    if (rules.mustBeClosed && node["additionalProperties"] !== false) {
      return `${path}: For 'object' type, 'additionalProperties' must be explicitly set to false`;
    }
    const missing = names.find((name) => !required.includes(name));
    if (rules.mustRequireAll && missing !== undefined) return `${path}: 'required' must include '${missing}'`;
  }
  for (const [name, child] of childrenOf(node)) {
    const problem = schemaProblem(child, rules, `${path}.${name}`);
    if (problem !== null) return problem;
  }
  return null;
}

function childrenOf(node: Record<string, unknown>): [string, unknown][] {
  const maps = [node["properties"], node["$defs"]].flatMap((map) => Object.entries((map as object | undefined) ?? {}));
  const items: [string, unknown][] = "items" in node ? [["items", node["items"]]] : [];
  const variants = ((node["anyOf"] as unknown[] | undefined) ?? []).map((child, i): [string, unknown] => [
    `${i}`,
    child,
  ]);
  return [...maps, ...items, ...variants];
}
