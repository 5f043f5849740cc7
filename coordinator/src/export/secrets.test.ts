// Requirements: 3.11.exports
import { describe, expect, it } from "vitest";
import { aDemonstration, aShellObservation } from "../../../test/support/export-check/demonstrations.ts";
import { findSecret, secretIn } from "./secrets.ts";

/** Built at run time, so that no scanner takes this file for a leak. */
const body = "Zq3xK9vB7nM2wL5tR8yU1iO4pA6sD0fGhJkCeVbN".repeat(4);
const examples: [string, string][] = [
  ["private-key", `-----BEGIN OPENSSH PRIVATE${" "}KEY-----\n${body.slice(0, 64)}\n-----END OPENSSH PRIVATE KEY-----`],
  ["private-key", `-----BEGIN RSA PRIVATE${" "}KEY-----\nProc-Type: 4,ENCRYPTED\n\n${body.slice(0, 64)}`],
  ["anthropic-api-key", `sk-${"ant"}-api03-${body.slice(0, 93)}`],
  ["openai-api-key", `sk-${"proj"}-${body.slice(0, 60)}`],
  ["google-api-key", `AI${"za"}${body.slice(0, 35)}`],
  ["aws-access-key", `AK${"IA"}Q3XK9VB7NM2WL5TR`],
  ["github-token", `gh${"p"}_${body.slice(0, 36)}`],
  ["github-token", `github_${"pat"}_${body.slice(0, 82)}`],
  ["gitlab-token", `gl${"pat"}-${body.slice(0, 20)}`],
  ["slack-token", `xox${"b"}-${body.slice(0, 40)}`],
  ["stripe-key", `sk_${"live"}_${body.slice(0, 24)}`],
  ["npm-token", `npm${"_"}${body.slice(0, 36)}`],
  ["pypi-token", `pypi-${"AgEI"}${body.slice(0, 60)}`],
  ["hugging-face-token", `hf${"_"}${body.slice(0, 34)}`],
  ["nats-seed", `SU${"AKQ3XVB7NM2WL5TRYUIOPASDFGHJKZXCVBNMQWERTYUIOPASDFGHJKLZ".slice(0, 56)}`],
  ["json-web-token", `ey${"J"}hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.${body.slice(0, 43)}`],
];

describe("secretIn", () => {
  it.each(examples)("recognises a %s anywhere in a text", (name, secret) => {
    expect(secretIn(secret)).toBe(name);
    expect(secretIn(`export TOKEN="${secret}"\nnext line`)).toBe(name);
    expect(secretIn(`first line\n${secret}`)).toBe(name);
  });

  it.each([
    ["a header alone", "key is a string that starts with -----BEGIN PRIVATE KEY-----"],
    [
      "the body of X that npm's manual prints",
      'key="-----BEGIN PRIVATE KEY-----\\nXXXX\\nXXXX\\n-----END PRIVATE KEY-----"',
    ],
    ["AWS's documented example", "AKIAIOSFODNN7EXAMPLE"],
    ["a token of x", `ghp_${"x".repeat(36)}`],
    ["a SHA-256", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
    [
      "an integrity hash",
      "sha512-MSjYzcWNOA0ewAHpz0MxpYFvwg6yjy1NG3xteoqz644VCo/RPgnr1/GGt+ic3iJTzQ8Eu3TdM14SawnVUmGE6A==",
    ],
    ["a public key", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl user@host"],
  ])("lets %s pass", (_, text) => {
    expect(secretIn(text)).toBeNull();
  });
});

describe("findSecret", () => {
  const secret = examples[6]![1];
  const base = aDemonstration();
  const step = base.steps[0]!;

  it.each([
    ["instruction.text", { instruction: { ...base.instruction, text: secret } }],
    ["instruction.expectedResult", { instruction: { ...base.instruction, expectedResult: secret } }],
    ["initial", { initial: aShellObservation({ text: secret }) }],
    ["initial", { initial: aShellObservation({ workingDirectory: `/workspace/${secret}` }) }],
    ["steps[0].reason", { steps: [{ ...step, reason: secret }] }],
    ["steps[0].action", { steps: [{ ...step, action: { kind: "shell" as const, command: `echo ${secret}` } }] }],
    ["steps[1].observation", { steps: [step, { ...step, observation: aShellObservation({ text: secret }) }] }],
    ["steps[0].summary", { steps: [{ ...step, summary: secret }] }],
    ["answer", { answer: secret }],
    ["lineage.documentSource", { lineage: { ...base.lineage, documentSource: secret } }],
    ["lineage.taskInstruction", { lineage: { ...base.lineage, taskInstruction: secret } }],
    [
      "lineage.verdicts[0].reason",
      { lineage: { ...base.lineage, verdicts: [{ ...base.lineage.verdicts[0]!, reason: secret }] } },
    ],
  ])("looks into %s and names it", (field, overrides) => {
    expect(findSecret(aDemonstration(overrides))).toEqual({ pattern: "github-token", field });
  });

  it("finds nothing in a clean demonstration, whose hashes look random", () => {
    expect(findSecret(base)).toBeNull();
  });
});
