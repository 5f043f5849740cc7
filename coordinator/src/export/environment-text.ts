import { EnvironmentSpec } from "@hindcast/shared";
import { environmentDescription } from "@hindcast/shared/node";

const kinds = EnvironmentSpec.options.map((option) => option.shape.kind.value);

/** The words that prompts use for an environment; its bare name for one that this version does not know. */
export function environmentText(environment: string): string {
  const kind = kinds.find((known) => known === environment);
  return kind === undefined ? environment : environmentDescription(kind);
}
