// Requirements: 7.10.preflight-kubernetes
import { expect, it } from "vitest";
import { isLocal, versionOf } from "./images.ts";

it("tells images of a registry, which nodes pull, from those that have to lie there", () => {
  expect(isLocal("hindcast/nats:dev")).toBe(true);
  for (const image of ["registry.example.com/hindcast/nats:1", "localhost:5000/hindcast/nats:1", "natsio/nats-box:1"]) {
    expect(isLocal(image), image).toBe(false);
  }
});

it.each([
  ["hindcast/nats:0.1.0", "0.1.0"],
  ["registry:5000/hindcast/nats", "latest"],
  [`hindcast/nats:1@sha256:${"a".repeat(64)}`, `sha256:${"a".repeat(64)}`],
])("reads the version of %s", (image, version) => expect(versionOf(image)).toBe(version));
