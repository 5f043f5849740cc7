// Requirements: 3.12.config, 3.bad.config
import fc from "fast-check";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readConfig, redactedConfig } from "./config.ts";
import {
  busVariables,
  environmentVariables,
  modelVariables,
  processVariables,
  workerVariables,
} from "./environment-variables.ts";
import { nearestName } from "./nearest-name.ts";

describe("readConfig", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "hindcast-config-"));
    writeFileSync(join(folder, "password"), "s3cret\n");
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("has a default for everything and ignores names of others", () => {
    const config = readConfig(environmentVariables, { PATH: "/bin", HOME: "/root" });
    expect(config).toMatchObject({ natsUrl: "nats://127.0.0.1:4222", slots: 2, logLevel: "info", metricsPort: null });
    expect(Object.isFrozen(config)).toBe(true);
  });

  it("treats an empty text as unset", () => {
    expect(readConfig(workerVariables, { HINDCAST_SLOTS: "" }).slots).toBe(2);
  });

  it("reads secrets from files and never prints them", () => {
    const variables = { ...busVariables, ...modelVariables };
    const config = readConfig(variables, {
      HINDCAST_NATS_PASSWORD_FILE: join(folder, "password"),
      ANTHROPIC_API_KEY: "sk-ant-1",
    });
    expect(config.natsPassword).toBe("s3cret");
    const printed = redactedConfig(variables, config);
    expect(printed).toMatchObject({
      HINDCAST_NATS_PASSWORD_FILE: "***",
      ANTHROPIC_API_KEY: "***",
      GEMINI_API_KEY: null,
    });
    expect(JSON.stringify(printed)).not.toMatch(/s3cret|sk-ant/);
  });

  it("reads the egress proxy's secrets by name, and quotes none that cannot be read", () => {
    const read = (text: string): unknown =>
      readConfig(workerVariables, { HINDCAST_EGRESS_SECRETS: text }).egressSecrets;
    expect(read('{"api-key":"s3cret"}')).toEqual({ "api-key": "s3cret" });
    for (const text of ["s3cret", '{"api-key":5,"other":"s3cret"}', '["s3cret"]']) {
      expect(() => read(text)).toThrow(/HINDCAST_EGRESS_SECRETS is \*\*\*: expected a JSON object/);
      expect(() => read(text)).not.toThrow(/s3cret/);
    }
  });

  it("takes a key from ANTHROPIC_API_KEY_FILE, and refuses both at once", () => {
    const file = { ANTHROPIC_API_KEY_FILE: join(folder, "password") };
    expect(readConfig(modelVariables, file).anthropicApiKey).toBe("s3cret");
    expect(() => readConfig(modelVariables, { ...file, ANTHROPIC_API_KEY: "x" })).toThrow(/keep one/);
  });

  it("names every bad variable with its value and the reason, but no secret", () => {
    expect(() =>
      readConfig(
        { ...processVariables, ...workerVariables },
        { HINDCAST_SLOTS: "many", HINDCAST_METRICS_PORT: "70000" },
      ),
    ).toThrow(/HINDCAST_METRICS_PORT is "70000": .*; .*HINDCAST_SLOTS is "many": expected a whole number/);
    expect(() => readConfig(modelVariables, { GEMINI_API_KEY_FILE: "/nowhere/key" })).toThrow(
      /GEMINI_API_KEY_FILE cannot be read.*nowhere/,
    );
  });

  it("refuses a misspelt HINDCAST_ name and suggests the nearest", () => {
    expect(() => readConfig(processVariables, { HINDCAST_LOGLEVEL: "debug" })).toThrow(
      "environment variable HINDCAST_LOGLEVEL is not known; did you mean HINDCAST_LOG_LEVEL? Unset or rename it",
    );
  });

  it("either reads a whole number exactly or refuses it, for any text", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.integer({ min: -5, max: 300 }).map(String)), (text) => {
        const isGood = /^\d{1,15}$/.test(text) && Number(text) >= 1 && Number(text) <= 256;
        const read = (): number => readConfig(workerVariables, { HINDCAST_SLOTS: text }).slots;
        if (text === "") expect(read()).toBe(2);
        else if (isGood) expect(read()).toBe(Number(text));
        else expect(read).toThrow(/HINDCAST_SLOTS/);
      }),
    );
  });
});

describe("nearestName", () => {
  it("finds a name at one edit's distance, whatever the edit", () => {
    const known = Object.values(environmentVariables).map((entry) => entry.name);
    fc.assert(
      fc.property(fc.constantFrom(...known), fc.nat(), (name, at) => {
        const i = at % name.length;
        expect(nearestName(name.slice(0, i) + name.slice(i + 1), [name])).toBe(name);
      }),
    );
  });

  it("suggests nothing for a name that is far from all", () => {
    expect(nearestName("zzzzzzzzzzzz", ["natsUrl", "slots"])).toBeNull();
  });
});
