// Which models a campaign uses when the user named none: by the keys that are there, and never a surprise, because the
// choice and its reason are printed.
import type { HindcastConfig } from "./schema.ts";
import type { LoadedConfig, ProviderKeys } from "./load.ts";

export interface ChosenModels {
  generator: string;
  policy: string;
  judges: string[];
  /** One sentence for the user. */
  why: string;
}

const anthropic = "anthropic:claude-sonnet-5-5";
const gemini = "gemini:gemini-3.8-flash";

export const offlineModels: Omit<ChosenModels, "why"> = {
  generator: "offline:rules",
  policy: "offline:rules",
  judges: ["offline:rules", "offline:rules-strict"],
};

export function selectModels({ config, keys }: Pick<LoadedConfig, "config" | "keys">): ChosenModels {
  const { generator, policy, judges } = config.models;
  const byKeys = modelsByKeys(keys, config);
  const isNamed = generator !== null && policy !== null && judges.length > 0;
  return {
    generator: generator ?? byKeys.generator,
    policy: policy ?? byKeys.policy,
    judges: judges.length > 0 ? judges : byKeys.judges,
    why: isNamed ? "named in the configuration" : byKeys.why,
  };
}

/** With two families present the second judge is of the other one: a model is lenient with its own. */
function modelsByKeys(keys: ProviderKeys, config: HindcastConfig): ChosenModels {
  if (keys.anthropicApiKey !== null && keys.geminiApiKey !== null) {
    return { ...all(anthropic), judges: [anthropic, gemini], why: "ANTHROPIC_API_KEY and GEMINI_API_KEY are set" };
  }
  if (keys.anthropicApiKey !== null) {
    return { ...all(anthropic), judges: [anthropic, "anthropic:claude-haiku-5-5"], why: "ANTHROPIC_API_KEY is set" };
  }
  if (keys.geminiApiKey !== null) {
    // No price of a second Gemini model is known, and one without would refuse every campaign with a dollar limit.
    return { ...all(gemini), judges: [gemini], why: "GEMINI_API_KEY is set; name a second judge in models.judges" };
  }
  const isEndpointUnused = keys.openaiApiKey !== null || config.models.openaiBaseUrl !== null;
  return {
    ...offlineModels,
    why: isEndpointUnused
      ? "an OpenAI-compatible endpoint has no default model: name one as openai:MODEL"
      : "no model key is set (ANTHROPIC_API_KEY, GEMINI_API_KEY or an OpenAI-compatible endpoint)",
  };
}

function all(model: string): { generator: string; policy: string } {
  return { generator: model, policy: model };
}
