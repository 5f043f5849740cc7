// Makes the root file system of a recipe: Debian's packages by mmdebstrap or debootstrap, then everything else with
// bubblewrap inside the new root.
import { existsSync } from "node:fs";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { HindcastError, messageOf } from "@hindcast/shared";
import { sandboxFiles } from "../sandbox/sandbox-world.ts";
import { runBuildStep } from "./build-step.ts";
import { pathInRoot } from "./path-in-root.ts";
import type { ImageRecipe } from "./recipe.ts";

const certificates = "/etc/ssl/certs/ca-certificates.crt";
/** Without these no session works; the rest is the recipe's. */
const basePackages = ["bash", "coreutils", "procps"];

export interface RootOptions {
  guestPath: string;
  /** Colon-separated, as PATH. */
  searchPath: string;
}

/** What is missing for building, with the remedy. */
export function builderProblems({ searchPath }: Pick<RootOptions, "searchPath">): string[] {
  const problems: string[] = [];
  if (bootstrapProgram(searchPath) === null) {
    problems.push("mmdebstrap or debootstrap is missing: install either (Debian: apt-get install mmdebstrap).");
  }
  if (process.getuid?.() !== 0) problems.push("Images are built as root: package scripts change owners of files.");
  return problems;
}

/** @throws ENVIRONMENT_SETUP_FAILED naming the step and quoting the end of what it said. */
export async function buildRoot(
  recipe: ImageRecipe,
  root: string,
  options: RootOptions,
  signal: AbortSignal,
): Promise<void> {
  const step = async (what: string, program: string, args: string[]): Promise<void> => {
    try {
      await runBuildStep({ program, args, env: { PATH: options.searchPath, LC_ALL: "C" } }, signal);
    } catch (error) {
      signal.throwIfAborted();
      throw failed(`image ${recipe.name}, ${what}: ${messageOf(error)}`, error);
    }
  };
  const bootstrap = bootstrapProgram(options.searchPath);
  if (bootstrap === null) throw failed(builderProblems(options).join(" "));
  // Before the minutes that Debian's packages take.
  const worksInside = [recipe.pip, recipe.npm, recipe.run].some((each) => each.length > 0);
  if (worksInside && !isOn(options.searchPath, "bwrap")) {
    const remedy = "install bubblewrap (Debian, Ubuntu: apt-get install bubblewrap)";
    throw failed(`image ${recipe.name}: its pip, npm and run are done in a sandbox, and bwrap is missing: ${remedy}`);
  }
  await step("installing Debian's packages", bootstrap.path, bootstrap.arguments(recipe, root));
  for (const { path, content, mode } of recipe.files) {
    const target = await pathInRoot(root, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, content);
    await chmod(target, mode);
  }
  const inside = (what: string, script: string): Promise<void> => step(what, "bwrap", insideArguments(root, script));
  if (recipe.pip.length > 0) {
    const quoted = recipe.pip.map((name) => `'${name}'`).join(" ");
    const pip = "python3 -m pip install --break-system-packages --no-cache-dir --root-user-action=ignore";
    await inside("pip", `${pip} ${quoted}`);
  }
  if (recipe.npm.length > 0) {
    await inside("npm", `npm install --global --no-audit --no-fund ${recipe.npm.map((name) => `'${name}'`).join(" ")}`);
  }
  for (const script of recipe.run) await inside(`running ${JSON.stringify(script.slice(0, 200))}`, script);
  // Last, so that nothing replaces them: a read-only root takes no names later.
  for (const [path, content] of sandboxFiles) await writeFile(await pathInRoot(root, path), content);
  await step("sealing", options.guestPath, [root, "--seal"]);
}

function insideArguments(root: string, script: string): string[] {
  const hosts = existsSync(certificates) ? ["--ro-bind", certificates, "/run/build/ca.crt"] : [];
  const trust = hosts.length > 0 ? ["PIP_CERT", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"] : [];
  return [
    ["--bind", root, "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/run"],
    ["--ro-bind-try", "/etc/resolv.conf", "/etc/resolv.conf", ...hosts],
    ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--die-with-parent", "--new-session", "--clearenv"],
    ["--setenv", "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "--setenv", "HOME", "/root"],
    trust.flatMap((name) => ["--setenv", name, "/run/build/ca.crt"]),
    ["--", "/bin/bash", "-e", "-c", script],
  ].flat();
}

function isOn(searchPath: string, program: string): boolean {
  return searchPath.split(delimiter).some((folder) => existsSync(join(folder, program)));
}

interface Bootstrap {
  path: string;
  arguments: (recipe: ImageRecipe, root: string) => string[];
}

function bootstrapProgram(searchPath: string): Bootstrap | null {
  const find = (name: string): string | undefined =>
    [...searchPath.split(delimiter), "/usr/sbin"].map((folder) => join(folder, name)).find((path) => existsSync(path));
  const packages = (recipe: ImageRecipe): string => [...new Set([...basePackages, ...recipe.packages])].join(",");
  const mmdebstrap = find("mmdebstrap");
  if (mmdebstrap !== undefined) {
    const quick = ["--variant=minbase", "--skip=check/qemu", "--dpkgopt=force-unsafe-io", "--quiet"];
    return {
      path: mmdebstrap,
      arguments: (recipe, root) => [...quick, `--include=${packages(recipe)}`, recipe.suite, root],
    };
  }
  const debootstrap = find("debootstrap");
  if (debootstrap === undefined) return null;
  return {
    path: debootstrap,
    arguments: (recipe, root) => ["--variant=minbase", `--include=${packages(recipe)}`, recipe.suite, root],
  };
}

function failed(message: string, cause?: unknown): HindcastError {
  return new HindcastError({ code: "ENVIRONMENT_SETUP_FAILED", boundary: "environment", message, cause });
}
