import { type EnvironmentKind, EnvironmentSpec } from "@hindcast/shared";
import { type ActionLanguage, actionLanguage, environmentDescription } from "@hindcast/shared/node";

const kinds = EnvironmentSpec.options.map((option) => option.shape.kind.value);

/** The words that prompts use for an environment; its bare name for one that this version does not know. */
export function environmentText(environment: string): string {
  const kind = kindOf(environment);
  return kind === undefined ? environment : environmentDescription(kind);
}

/** How actions are written there; the shell's way for one that this version does not know. */
export function languageOf(environment: string): ActionLanguage {
  return actionLanguage(kindOf(environment) ?? "shell");
}

function kindOf(environment: string): EnvironmentKind | undefined {
  return kinds.find((known) => known === environment);
}
