// Names and values that tasks are made of where a document leaves them open or a task has to differ from another.
import type { LiteralKind } from "./literals.ts";
import type { Choices } from "./seeded.ts";

const treesAndStones =
  "alder amber aspen basil birch cedar clover cobalt coral crane delta ember falcon fennel fjord garnet ginger grove hazel heron indigo iris ivory jasper " +
  "juniper kestrel lagoon laurel linden lotus maple marlin meadow mistral nectar nimbus nutmeg onyx opal orchid osprey pebble pepper pine poppy quartz " +
  "raven reef rowan saffron sage sierra sparrow spruce summit tansy thistle topaz tundra umber velvet violet willow wren yarrow zephyr";

const pools = {
  package:
    "harbor-kit lumen-tools cedar-app pine-router orbit-cli maple-store tidal-sync ember-forms quartz-auth willow-api".split(
      " ",
    ),
  word: treesAndStones.split(" "),
  branch: "feature-login fix-typo release-notes cleanup-docs search-index new-parser faster-start dark-theme".split(
    " ",
  ),
  directory: "assets samples reports modules drafts tools fixtures guides".split(" "),
  file: "outline summary agenda ledger catalog inventory journal roadmap glossary recipes minutes budget schedule index overview report notes-list timeline roster digest".split(
    " ",
  ),
  text: [
    "Add the opening hours",
    "Describe the new layout",
    "Tidy up the wording",
    "Prepare the spring release",
    "Mention the supported systems",
    "Correct the address",
    "List all contributors",
    "Explain the first steps",
  ],
  title: ["Quiet harbor", "Green field", "Early bird", "Solid ground", "Bright window", "Open road"],
  person: ["Ada", "Grace", "Linus", "Edsger", "Barbara", "Donald"],
} as const;

export type Pool = keyof typeof pools;

export function pickName(pool: Pool, chosen: Choices): string {
  return chosen.pick<string>(pools[pool]);
}

/** Another value of the same shape, fit for the same place: a file keeps its extension, a version its number of parts. */
export function otherValue(value: string, kind: LiteralKind, chosen: Choices): string {
  switch (kind) {
    case "file": {
      const [, folder = "", name = "", extension = ""] = /^(.*\/)?(\.?[^/]*?)((?:\.[\w-]+)?)$/.exec(value) ?? [];
      return name === "" || name.startsWith(".")
        ? value
        : `${folder}${pickName("word", chosen)}-${pickName("file", chosen)}${extension}`;
    }
    case "path": {
      const parts = value.split("/");
      const last = parts.findLastIndex((part) => /[a-z]/i.test(part));
      return parts.map((part, index) => (index === last ? pickName("directory", chosen) : part)).join("/");
    }
    case "version":
      return value.replace(/\d+/g, (digits, offset: number) =>
        offset <= 1 ? String(2 + chosen.below(7)) : String(chosen.below(9) + Number(digits === "0")),
      );
    case "number":
      return String(Number(value) + 1 + chosen.below(5));
    case "url":
      return value.replace(
        /^([a-z+]+:\/\/)[^/]*/,
        (_, scheme: string) => `${scheme}${pickName("word", chosen)}.example.org`,
      );
    case "email":
      return `${pickName("person", chosen).toLowerCase()}@${pickName("word", chosen)}.example`;
    case "text":
      return /^[A-Z][a-z]+ [A-Z]/.test(value) || value.split(" ").length < 3
        ? pickName("title", chosen)
        : pickName("text", chosen);
    case "name":
      if (/^[A-Z][a-z]+$/.test(value)) return pickName("person", chosen);
      if (value === "true" || value === "false") return value === "true" ? "false" : "true";
      if (/^v\d+$/.test(value)) return `v${3 + chosen.below(6)}`;
      return value.includes("-")
        ? `${pickName("branch", chosen)}-${pickName("word", chosen)}`
        : pickName("word", chosen);
  }
}
