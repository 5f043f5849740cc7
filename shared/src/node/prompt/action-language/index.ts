import type { EnvironmentKind } from "../../../domain/environment-spec.ts";
import type { ActionLanguage } from "./action-language.ts";
import { shellLanguage } from "./shell-language.ts";

const languages: Record<EnvironmentKind, ActionLanguage> = { shell: shellLanguage, "no-op": shellLanguage };

/** How actions are written in worlds of a kind. */
export function actionLanguage(kind: EnvironmentKind): ActionLanguage {
  return languages[kind];
}
