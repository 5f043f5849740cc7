import { expect, it } from "vitest";
import { pythonEnvironment } from "./environment-pins.ts";
import { PinnedEnvironments } from "./pinned-environments.ts";

const environment = (pin: string) => pythonEnvironment({ python: "3.9", pip: [pin], conda_python_packages: {} });
const instance = (id: string, version: string, repo = "Acme/calc") => ({ instance_id: id, repo, version });

it("gives an instance its own environment, or that of the nearest one of its version, or none", () => {
  const [early, late, other] = [environment("six==1.1"), environment("six==1.2"), environment("six==1.3")];
  const pinned = new PinnedEnvironments();
  pinned.add("acme__calc-100", early, { repo: "acme/calc", version: "2.0" });
  pinned.add("acme__calc-200", late, { repo: "acme/calc", version: "2.0" });
  pinned.add("acme__calc-300", other, { repo: "acme/calc", version: "3.0" });
  // What was made here says nothing of a version, and is nobody else's.
  pinned.add("acme__calc-1", other, {});
  expect(pinned.find(instance("acme__calc-200", "3.0"))).toEqual({ environment: late, pinnedFor: "acme__calc-200" });
  expect(pinned.find(instance("acme__calc-149", "2.0"))).toEqual({ environment: early, pinnedFor: "acme__calc-100" });
  expect(pinned.find(instance("acme__calc-151", "2.0"))).toEqual({ environment: late, pinnedFor: "acme__calc-200" });
  expect(pinned.find(instance("acme__calc-151", "2.1"))).toBeNull();
  expect(pinned.find(instance("acme__calc-151", "2.0", "acme/other"))).toBeNull();
});
