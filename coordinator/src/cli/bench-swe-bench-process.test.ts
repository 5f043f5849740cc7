// Requirements: 6.9.dependencies
import { expect, it } from "vitest";
import { ofClients } from "./bench-swe-bench-process.ts";

it("passes on how registries are reached, and nothing that proves somebody to them", () => {
  const reach = ["PIP_INDEX_URL", "CARGO_HTTP_CAINFO", "npm_config_registry", "MAVEN_ARGS", "GOPROXY", "JAVA_HOME"];
  expect(reach.filter((name) => !ofClients.test(name))).toEqual([]);
  const proofs = ["CARGO_REGISTRY_TOKEN", "CARGO_REGISTRIES_OURS_TOKEN", "npm_config__authToken", "NPM_CONFIG__AUTH"];
  const more = ["npm_config__password", "npm_config_key", "CARGO_REGISTRY_CREDENTIAL_PROVIDER", "GOPATH", "NPM_TOKEN"];
  expect([...proofs, ...more].filter((name) => ofClients.test(name))).toEqual([]);
});
