// Requirements: 6.6.campaign, 3.12.config, 3.bad.config, 5.6.endpoints
import { CampaignSettings, HindcastError, type ShellSpec } from "@hindcast/shared";
import { environmentVariables, shippedPrices } from "@hindcast/shared/node";
import fc from "fast-check";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { anInstruction } from "../../../test/support/builders.ts";
import { aContext } from "../../../test/support/campaign-context.ts";
import { ScriptedModel } from "../../../test/support/scripted-model.ts";
import { rolloutTask } from "../rollout.ts";
import { campaignSettings } from "./campaign-settings.ts";
import { defaults } from "./defaults.ts";
import { commentedConfigFile } from "./documentation.ts";
import { leaves, valueOfText } from "./leaves.ts";
import { flatten, loadConfig, type ConfigInputs, type LoadedConfig } from "./load.ts";
import { selectModels } from "./select-models.ts";

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "hindcast-settings-"))));
afterEach(() => rmSync(folder, { recursive: true }));

const load = (inputs: Partial<ConfigInputs> & { yaml?: string } = {}): LoadedConfig => {
  const { yaml, ...rest } = inputs;
  if (yaml !== undefined) writeFileSync(join(folder, "hindcast.config.yaml"), yaml);
  return loadConfig({ workingDirectory: folder, env: {}, ...rest });
};
const refusal = (inputs: Parameters<typeof load>[0]): HindcastError => {
  try {
    load(inputs);
  } catch (error) {
    if (error instanceof HindcastError) return error;
    throw error;
  }
  throw new Error("it was accepted");
};

describe("what episodes may reach", () => {
  it("is nothing unless rules say so, and goes with the campaign and each of its tasks", () => {
    expect(campaignSettings(load())).not.toHaveProperty("network");
    const yaml = 'campaign:\n  network: ["tunnel pypi.org", "http *.example.org:8080 methods=GET+HEAD"]\n';
    const settings = campaignSettings(load({ yaml }));
    expect(settings.network).toMatchObject({
      kind: "proxy",
      rules: [
        { via: "tunnel", host: "pypi.org", ports: [443] },
        { via: "http", host: "*.example.org", ports: [8_080], methods: ["GET", "HEAD"] },
      ],
    });
    expect(campaignSettings(load({ env: { HINDCAST_NETWORK: "tunnel pypi.org" } })).network).toMatchObject({
      rules: [{ host: "pypi.org" }],
    });
    const { network: _, ...silent } = settings;
    const context = aContext({ generator: new ScriptedModel("m", () => ""), settings });
    const variant = {
      instruction: anInstruction(),
      use: "learn",
      arm: "learn",
      benchmark: null,
      retrieval: null,
      reference: null,
    } as const;
    const environment: ShellSpec = { kind: "shell", files: [], setup: [] };
    expect(rolloutTask(context, { ...variant, environment }).environment).toEqual({
      ...environment,
      network: settings.network,
    });
    const quiet = { ...context, settings: silent };
    expect(rolloutTask(quiet, { ...variant, environment }).environment).toEqual(environment);
  });

  it("is refused where a rule says what cannot be held", () => {
    const message = refusal({ env: { HINDCAST_NETWORK: "tunnel pypi.org methods=GET" } }).message;
    expect(message).toContain("HINDCAST_NETWORK");
    expect(message).toContain("a tunnel hides its methods");
    expect(refusal({ yaml: 'campaign:\n  network: ["tunnel 169.254.169.254"]\n' }).message).toContain("host name");
  });
});

describe("batches in the configuration", () => {
  const keys = { ANTHROPIC_API_KEY: "some-key", GEMINI_API_KEY: "some-key", OPENAI_API_KEY: "some-key" };
  const votes = { HINDCAST_BATCH_PURPOSES: "judge" };

  it("are off unless asked for, and go with the campaign", () => {
    expect(campaignSettings(load()).batch).toEqual({ purposes: [], fallback: "interactive" });
    const loaded = load({
      env: { ...keys, HINDCAST_BATCH_PURPOSES: "judge,self-instruct", HINDCAST_BATCH_FALLBACK: "error" },
    });
    expect(campaignSettings(loaded).batch).toEqual({ purposes: ["judge", "self-instruct"], fallback: "error" });
  });

  it("never hold what an episode waits for", () => {
    expect(refusal({ env: { ...keys, HINDCAST_BATCH_PURPOSES: "act" } }).message).toContain("campaign.batch.purposes");
  });

  it.each([
    [
      "a provider without",
      { HINDCAST_JUDGES: "openai:gpt-oss-120b,gemini:gemini-3.8-flash" },
      /openai:gpt-oss-120b has no batch endpoint/,
    ],
    [
      "the older SDK",
      { HINDCAST_JUDGES: "gemini:gemini-3.8-flash", HINDCAST_GEMINI_DRIVER: "generative-ai" },
      /choose the maintained @google\/genai/,
    ],
    [
      "offline rules",
      { HINDCAST_JUDGES: "offline:rules" },
      /HINDCAST_BATCH_PURPOSES: .* offline:rules has no batch endpoint/,
    ],
  ])("are refused for %s, naming the setting", (_what, env, sentence) => {
    expect(refusal({ env: { ...keys, ...votes, ...env } }).message).toMatch(sentence);
  });

  it("concern only the models that they are for", () => {
    const env = {
      ...keys,
      ...votes,
      HINDCAST_GENERATOR: "openai:gpt-oss-120b",
      HINDCAST_POLICY: "openai:gpt-oss-120b",
    };
    expect(load({ env }).config.campaign.batch.purposes).toEqual(["judge"]);
  });
});

describe("loadConfig", () => {
  it("gives the defaults where nothing is set, and says so", () => {
    const { config, sources } = load();
    expect(config).toEqual(defaults);
    expect(new Set(sources.values())).toEqual(new Set(["default"]));
  });

  it("lets flags beat the environment, that beat the file, that beat the profile, and names each source", () => {
    const { config, sources } = load({
      yaml: "profile: faithful\ncampaign:\n  windowPolicy: bounded\n  tasksPerDocument: 5\n  seed: 7\n  documentsMax: 9\n",
      env: { HINDCAST_SEED: "8", HINDCAST_DOCUMENTS_MAX: "10" },
      flags: [{ path: "campaign.documentsMax", value: 11, flag: "--documents-max" }],
    });
    expect(config.campaign).toMatchObject({ windowPolicy: "bounded", tasksPerDocument: 5, seed: 8, documentsMax: 11 });
    expect(config.campaign.verifyByReplay).toBe(false);
    expect(Object.fromEntries(sources)).toMatchObject({
      profile: "hindcast.config.yaml",
      "campaign.verifyByReplay": "profile faithful",
      "campaign.tasksPerDocument": "hindcast.config.yaml",
      "campaign.seed": "HINDCAST_SEED",
      "campaign.documentsMax": "--documents-max",
      "cluster.agents": "default",
    });
  });

  it("takes a profile from any source before the other values", () => {
    expect(load({ env: { HINDCAST_PROFILE: "faithful" } }).config.campaign.windowPolicy).toBe("faithful");
  });

  it("reads JSON, a named file, and the hint for editors", () => {
    writeFileSync(join(folder, "other.json"), '{"$schema": "x.json", "cluster": {"agents": 3}}');
    expect(load({ file: "other.json" }).config.cluster.agents).toBe(3);
  });

  it("refuses an unknown key with its file and the nearest name", () => {
    const error = refusal({ yaml: "campaign:\n  taskPerDocument: 4\n" });
    expect(error.code).toBe("CONFIG_UNKNOWN_KEY");
    expect(error.message).toContain(
      "hindcast.config.yaml: campaign.taskPerDocument is not a setting; did you mean campaign.tasksPerDocument?",
    );
    expect(refusal({ yaml: "zzzz: 4\n" }).message).toMatch(/: zzzz is not a setting; `hindcast config` lists all$/);
    expect(refusal({ yaml: "tasksPerDocument: 4\n" }).message).toContain("did you mean campaign.tasksPerDocument?");
  });

  it("refuses an unknown HINDCAST_ variable with the nearest name", () => {
    const error = refusal({ env: { HINDCAST_TASK_PER_DOCUMENT: "4" } });
    expect(error.message).toContain(
      "HINDCAST_TASK_PER_DOCUMENT is not known; did you mean HINDCAST_TASKS_PER_DOCUMENT?",
    );
  });

  it.each([
    [
      "campaign:\n  tasksPerDocument: three\n",
      'hindcast.config.yaml: campaign.tasksPerDocument is "three": .*; write for example 3',
    ],
    ["campaign: 4\n", "hindcast.config.yaml: campaign is 4, but it holds settings of its own"],
    ["campaign:\n  costUsdMax: much\n", 'costUsdMax is "much": .*; it takes: number or none'],
    ["campaign: [\n", "hindcast.config.yaml:\\d+:\\d+ is not valid YAML: [^:]*$"],
    ["a: 1\na: 2\n", "hindcast.config.yaml:2:1 is not valid YAML: Map keys must be unique"],
    ["just a text\n", "hindcast.config.yaml holds no settings"],
    ["models:\n  policy: gpt-6\n", 'models.policy is "gpt-6": expected provider:model'],
    ["models:\n  policy: offline:magic\n", "expected provider:model"],
    ["models:\n  judges: [offline:rules, offline:rules]\n", "names a judge twice"],
    ["models:\n  policy: anthropic:claude-sonnet-5-5\n", "its key is missing; set ANTHROPIC_API_KEY"],
    ["campaign:\n  limits:\n    stepTimeMs: 700000\n", "stepTimeMs is 700000, more than .* wallTimeMs of 600000"],
    ["cluster:\n  natsUser: me\n", "set without cluster.natsUrl"],
    ["index:\n  embedder: magic\n", 'index.embedder is "magic": expected hash-v1, gemini:MODEL'],
    [
      "index:\n  embedder: gemini:gemini-embedding-001\n",
      "index.embedder is .*, but its key is missing; set GEMINI_API_KEY",
    ],
    ["index:\n  embedder: openai:bge-m3\n", "index.embedder is openai:bge-m3, an embedding model that is not known"],
    ["index:\n  embeddingDimensions: 64\n", "index.embeddingDimensions is 64, but hash-v1 has dimensions of its own"],
    ["index:\n  embeddingDimensions: 0\n", "index.embeddingDimensions is 0: "],
  ])("refuses %j", (yaml, message) => {
    const error = refusal({ yaml });
    expect(error.code).toBe("CONFIG_INVALID");
    expect(error.message).toMatch(new RegExp(message));
  });

  it("refuses a bad variable and a bad flag by their own names", () => {
    expect(refusal({ env: { HINDCAST_AGENTS: "zero" } }).message).toMatch(/^HINDCAST_AGENTS: cluster.agents is "zero"/);
    const flags = [{ path: "campaign.seed", value: -1, flag: "--seed" }];
    expect(refusal({ flags }).message).toMatch(/^--seed: campaign.seed is -1/);
  });

  it("takes an embedder whose provider can be reached, and its dimensions", () => {
    const env = { GEMINI_API_KEY: "key", HINDCAST_INDEX_EMBEDDER: "gemini:gemini-embedding-001" };
    expect(load({ env }).config.index).toEqual({ embedder: env.HINDCAST_INDEX_EMBEDDER, embeddingDimensions: null });
    const yaml = "models:\n  openaiBaseUrl: http://127.0.0.1:1/v1\nindex:\n  embedder: openai:bge-m3\n";
    expect(refusal({ yaml }).message).toContain("default: index.embeddingDimensions is not set");
    const { config } = load({ yaml, env: { HINDCAST_INDEX_EMBEDDING_DIMENSIONS: "1024" } });
    expect(config.index).toEqual({ embedder: "openai:bge-m3", embeddingDimensions: 1_024 });
  });

  it("refuses two files and a missing one", () => {
    writeFileSync(join(folder, "hindcast.config.json"), "{}");
    expect(refusal({ yaml: "" }).message).toContain("keep one");
    expect(refusal({ file: "nowhere.yaml" }).message).toContain("nowhere.yaml cannot be read");
  });

  it("never fails otherwise than with a HindcastError, whatever the file says", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.object().map((value) => JSON.stringify({ campaign: value })),
        ),
        (text) => {
          try {
            load({ yaml: text });
          } catch (error) {
            expect(error).toBeInstanceOf(HindcastError);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("settings", () => {
  it("have one variable each, none of which clashes with a process's unless it means the same", () => {
    const names = leaves.map((leaf) => leaf.variable);
    expect(new Set(names).size).toBe(names.length);
    const shared = Object.values(environmentVariables).map((entry) => entry.name);
    expect(names.filter((name) => shared.includes(name)).toSorted()).toMatchInlineSnapshot(`
      [
        "HINDCAST_ADMISSION_ALLOW_UNKNOWN_PRICES",
        "HINDCAST_ADMISSION_CONCURRENCY_MAX",
        "HINDCAST_ADMISSION_CONCURRENCY_MIN",
        "HINDCAST_ADMISSION_CONCURRENCY_START",
        "HINDCAST_ADMISSION_FLEET_USD_MAX",
        "HINDCAST_ADMISSION_LANES",
        "HINDCAST_ANTHROPIC_BASE_URL",
        "HINDCAST_GEMINI_BASE_URL",
        "HINDCAST_GEMINI_DRIVER",
        "HINDCAST_INDEX_EMBEDDER",
        "HINDCAST_INDEX_EMBEDDING_DIMENSIONS",
        "HINDCAST_LOG_LEVEL",
        "HINDCAST_NATS_CA_FILE",
        "HINDCAST_NATS_PASSWORD_FILE",
        "HINDCAST_NATS_URL",
        "HINDCAST_NATS_USER",
        "HINDCAST_OPENAI_BASE_URL",
        "HINDCAST_PRICES_FILE",
        "HINDCAST_SANDBOX_DOCKER_SOCKET",
        "HINDCAST_SANDBOX_DRIVER",
        "HINDCAST_SANDBOX_IMAGE_FOLDER",
        "HINDCAST_SANDBOX_KUBECONFIG",
        "HINDCAST_SANDBOX_NAMESPACE",
        "HINDCAST_SANDBOX_RECIPE",
        "HINDCAST_SANDBOX_REPOSITORY",
        "HINDCAST_SANDBOX_RUNTIME",
        "HINDCAST_SANDBOX_SECCOMP_PROFILE",
        "HINDCAST_SANDBOX_VOLUMES",
        "HINDCAST_SANDBOX_WARM",
        "HINDCAST_SANDBOX_WARM_POOL",
        "HINDCAST_SLOTS",
        "HINDCAST_STORAGE_ADVISORIES_BYTES_MAX",
        "HINDCAST_STORAGE_ADVISORIES_DAYS",
        "HINDCAST_STORAGE_BLOBS_BYTES_MAX",
        "HINDCAST_STORAGE_DEAD_LETTERS_BYTES_MAX",
        "HINDCAST_STORAGE_DEAD_LETTERS_DAYS",
        "HINDCAST_STORAGE_JOURNAL_BYTES_MAX",
        "HINDCAST_STORAGE_JOURNAL_DAYS",
        "HINDCAST_STORAGE_RESULTS_BYTES_MAX",
        "HINDCAST_STORAGE_RESULTS_DAYS",
        "HINDCAST_STORAGE_TRAJECTORIES_BYTES_MAX",
        "HINDCAST_STORAGE_TRAJECTORIES_DAYS",
      ]
    `);
  });

  it("read back as themselves when a default is written as text", () => {
    const values = new Map(flatten(defaults, ""));
    for (const leaf of leaves) {
      const value = values.get(leaf.path);
      const text = Array.isArray(value) ? value.join(",") : value === null ? "none" : `${value as string | number}`;
      expect(leaf.schema.parse(valueOfText(leaf, text)), leaf.path).toEqual(value);
    }
  });

  it("are all in the file that init writes, which changes nothing until a line is uncommented", () => {
    const text = commentedConfigFile();
    expect(load({ yaml: text }).config).toEqual(defaults);
    const uncommented = text.replaceAll(/^( *)# (\w+: )/gm, "$1$2");
    expect(new Map(flatten(parse(uncommented) as object, ""))).toEqual(new Map(flatten(defaults, "")));
  });
});

describe("models", () => {
  it("are the offline rules without a key, and the reason is given", () => {
    expect(selectModels(load())).toMatchObject({
      policy: "offline:rules",
      judges: ["offline:rules", "offline:rules-strict"],
      why: expect.stringContaining("no model key is set"),
    });
  });

  it("follow the keys, with judges of two families where both are there", () => {
    const env = { ANTHROPIC_API_KEY: "a" };
    expect(selectModels(load({ env }))).toMatchObject({
      policy: "anthropic:claude-sonnet-5-5",
      why: "ANTHROPIC_API_KEY is set",
    });
    const families = selectModels(load({ env: { ...env, GEMINI_API_KEY: "g" } })).judges.map(
      (judge) => judge.split(":")[0],
    );
    expect(families).toEqual(["anthropic", "gemini"]);
  });

  it("judge alone where no second one of the only family has a price", () => {
    const chosen = selectModels(load({ env: { GEMINI_API_KEY: "g" } }));
    expect(chosen).toMatchObject({ policy: "gemini:gemini-3.8-flash", judges: ["gemini:gemini-3.8-flash"] });
    expect(chosen.why).toContain("models.judges");
    expect(Object.keys(shippedPrices.models)).toEqual(expect.arrayContaining(chosen.judges));
  });

  it("are the named ones where some are named", () => {
    const env = { HINDCAST_OPENAI_BASE_URL: "http://127.0.0.1:8000/v1", HINDCAST_POLICY: "openai:qwen" };
    expect(selectModels(load({ env }))).toMatchObject({ policy: "openai:qwen", generator: "offline:rules" });
  });
});

it("makes settings that a campaign takes, for both profiles", () => {
  for (const profile of ["plus", "faithful"]) {
    const settings = campaignSettings(load({ env: { HINDCAST_PROFILE: profile } }));
    expect(CampaignSettings.parse(settings)).toEqual(settings);
  }
});
