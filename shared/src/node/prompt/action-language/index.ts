import type { EnvironmentKind } from "../../../domain/environment-spec.ts";
import type { ActionLanguage } from "./action-language.ts";
import { browserLanguage } from "./browser-language.ts";
import { shellLanguage } from "./shell-language.ts";
import { sweBenchLanguage } from "./swe-bench-language.ts";
import { toolLanguage } from "./tool-language.ts";

const languages: Record<EnvironmentKind, ActionLanguage> = {
  shell: shellLanguage,
  browser: browserLanguage,
  "no-op": shellLanguage,
  external: toolLanguage,
  "swe-bench": sweBenchLanguage,
};

/** How actions are written in worlds of a kind. */
export function actionLanguage(kind: EnvironmentKind): ActionLanguage {
  return languages[kind];
}
