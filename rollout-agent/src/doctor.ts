// Run by `hindcast doctor`: what keeps this machine from opening sandboxes, as JSON on standard output. A process of its
// own, because only the agent knows its sandboxes. The chosen driver opens one; the others only tell what they lack.
import { messageOf } from "@hindcast/shared";
import { createLogger, readConfig } from "@hindcast/shared/node";
import { builderProblems } from "./image/build-root.ts";
import { imageFolder, defaultRecipe, imagesOfMachine, readRecipe } from "./image/images-of-machine.ts";
import { createBubblewrap, defaultGuestPath } from "./sandbox/bubblewrap.ts";
import { containersMissing } from "./sandbox/container/container-driver.ts";
import { describeControlGroups, foundControlGroups } from "./sandbox/control-groups.ts";
import { createSandboxes, podOptions, sandboxSettings, type SandboxSettings } from "./sandbox/create-sandboxes.ts";
import { findNodePrefix } from "./sandbox/find-node-prefix.ts";
import { podsMissing } from "./sandbox/kubernetes/kubernetes-driver.ts";
import { machinesMissing } from "./sandbox/machine/machine-driver.ts";

const settings = readConfig(sandboxSettings);
const log = createLogger({ name: "doctor", level: "silent" });
const never = new AbortController().signal;
const guestPath = settings.guestPath ?? defaultGuestPath;
const driver = settings.sandboxDriver;

const lacks = {
  bubblewrap: () => createBubblewrap({ guestPath, nodePrefix: findNodePrefix(settings.searchPath), log }).problems(),
  container: () =>
    containersMissing({ guestPath, runtime: settings.sandboxRuntime, socketPath: settings.sandboxDockerSocket }),
  vm: () => machinesMissing({ guestPath, folder: imageFolder(settings) }),
  kubernetes: async () => await podsMissing(await podOptions(settings)),
} as const;

const others = await Promise.all(
  Object.entries(lacks)
    .filter(([name]) => name !== driver)
    .map(async ([name, missing]) => [name, await missing()] as const),
);
/** Containers have the daemon's groups, and a machine is one by itself. */
const bounds = {
  bubblewrap: async () => describeControlGroups(await foundControlGroups()),
  container: () => Promise.resolve("limits by the daemon's control groups, and by the guest"),
  vm: () => Promise.resolve("limits by the machine's own size, and by the guest"),
  kubernetes: () => Promise.resolve("limits by the pod's memory, the node's podPidsLimit, and by the guest"),
} as const;
const report = {
  driver,
  problems: await problemsOf(settings),
  bounds: await bounds[driver](),
  others: Object.fromEntries(others),
};
process.stdout.write(`${JSON.stringify(report)}\n`);

async function problemsOf(chosen: SandboxSettings): Promise<string[]> {
  try {
    const missing = await lacks[driver]();
    if (missing.length > 0) return missing;
    const unbuilt = await unbuiltImage(chosen);
    if (unbuilt !== null) return [unbuilt, ...builderProblems(chosen)];
    await using opened = await createSandboxes(chosen, { owner: "doctor", log }, never);
    return await opened.sandboxes.problems();
  } catch (error) {
    return [messageOf(error)];
  }
}

/** Building takes minutes, so it is not for a check to do. */
async function unbuiltImage(chosen: SandboxSettings): Promise<string | null> {
  if (driver === "kubernetes" || (driver === "bubblewrap" && chosen.sandboxRecipe === null)) return null;
  const recipe = chosen.sandboxRecipe === null ? defaultRecipe : await readRecipe(chosen.sandboxRecipe);
  if (await imagesOfMachine(chosen, { guestPath, log }).has(recipe)) return null;
  return `the image "${recipe.name}" is not built: run "hindcast image build" (a rollout agent builds it at its start, too)`;
}
