// `hindcast image`: the images that sandboxes are opened from. The work is the agent's, in a process of its own.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join, resolve } from "node:path";
import { HindcastError } from "@hindcast/shared";
import { Command } from "commander";
import { formatBytes } from "../report/format.ts";
import { type CommandContext, commandContext } from "./command-context.ts";
import { sandboxEnvironment } from "./session.ts";

const root = resolve(import.meta.dirname, "../../..");

interface ListedImage {
  hash: string;
  name: string;
  bytes: number;
  lastUsedAt: string;
  isUsed: boolean;
}

export function imageCommand(): Command {
  const command = new Command("image").description(
    "build, pack, list and evict the images that sandboxes are opened from",
  );
  command
    .command("build")
    .description(
      "build the image of a recipe (JSON: name, suite, packages, pip, npm, files, run) where it is not there",
    )
    .argument("[recipe]", "file; without it, sandbox.recipe or a small Debian")
    .action(async (recipe: string | undefined, _options: unknown, self: Command) => {
      const context = commandContext(self);
      const built = await ask<{ name: string; hash: string; path: string }>(context, ["build", ...paths(recipe)]);
      context.terminal.result({ event: "image", ...built }, () => `${built.name} ${built.hash} is in ${built.path}`);
    });
  command
    .command("pack")
    .description("write the image with the sandbox's guest to a file that docker load, ctr and skopeo read: for pods")
    .argument("[recipe]", "file; without it, sandbox.recipe or a small Debian")
    .option("--output <file>", "where to", "image.tar")
    .action(async (recipe: string | undefined, { output }: { output: string }, self: Command) => {
      const context = commandContext(self);
      const args = ["pack", resolve(output), ...paths(recipe)];
      const packed = await ask<{ reference: string; output: string }>(context, args);
      context.terminal.result({ event: "image", ...packed }, () => `${packed.reference} is in ${packed.output}`);
    });
  command
    .command("list")
    .description("what is here, the image used last first")
    .action(async (_options: unknown, self: Command) => {
      const context = commandContext(self);
      const { images } = await ask<{ images: ListedImage[] }>(context, ["list"]);
      context.terminal.result({ event: "images", images }, () => table(context, images));
    });
  command
    .command("evict")
    .description("remove the images used longest ago until the rest fits its budget; none that is in use")
    .action(async (_options: unknown, self: Command) => {
      const context = commandContext(self);
      const { evicted } = await ask<{ evicted: string[] }>(context, ["evict"]);
      context.terminal.result({ event: "evicted", evicted }, () =>
        evicted.length === 0 ? "the images are within their budget" : `removed ${evicted.join(", ")}`,
      );
    });
  command
    .command("kernel")
    .description("fetch Debian's cloud kernel for virtual machines, without installing it")
    .action(async (_options: unknown, self: Command) => {
      const context = commandContext(self);
      const { kernel } = await ask<{ kernel: string }>(context, ["kernel"]);
      context.terminal.result({ event: "kernel", kernel }, () => `virtual machines boot ${kernel}`);
    });
  return command;
}

function paths(recipe: string | undefined): string[] {
  return recipe === undefined ? [] : [resolve(recipe)];
}

function table({ terminal }: CommandContext, images: ListedImage[]): string {
  if (images.length === 0) return "no image is built; `hindcast image build` makes one";
  return terminal.table(
    [{ header: "image" }, { header: "hash" }, { header: "size" }, { header: "last used" }, { header: "in use" }],
    images.map(({ name, hash, bytes, lastUsedAt, isUsed }) => [
      name,
      hash.slice(0, 12),
      formatBytes(bytes),
      lastUsedAt.slice(0, 16).replace("T", " "),
      isUsed ? "yes" : "no",
    ]),
  );
}

/** @throws ENVIRONMENT_SETUP_FAILED with what the agent's tool says. */
async function ask<T>(context: CommandContext, args: string[]): Promise<T> {
  const { env, interruption } = context;
  const tool = spawn(
    process.execPath,
    ["--conditions=source", join(root, "rollout-agent/src/image-tool.ts"), ...args],
    {
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...Object.fromEntries(["PATH", "HOME", "HINDCAST_GUEST_PATH"].map((name) => [name, env[name]])),
        ...sandboxEnvironment(context),
      },
    },
  );
  // A terminal sends its Ctrl-C to both; whoever ends this process alone means the tool too. The second one is also the
  // tool's, because it alone knows what has to end with it.
  for (const asked of [interruption.asked, interruption.forced]) {
    asked.addEventListener("abort", () => tool.kill("SIGINT"), { once: true });
  }
  let [answer, said] = ["", ""];
  tool.stdout.on("data", (chunk: Buffer) => (answer += chunk.toString()));
  tool.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const [code, killedBy] = (await once(tool, "close")) as [number | null, NodeJS.Signals | null];
  if (code === 0) return JSON.parse(answer) as T;
  interruption.asked.throwIfAborted();
  const message = said.trim() || `the image tool ended by itself (${killedBy ?? `exit code ${code}`})`;
  throw new HindcastError({ code: "ENVIRONMENT_SETUP_FAILED", boundary: "environment", message });
}
