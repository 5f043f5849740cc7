// A pod in another language: an image of Debian's Python with nats-py, made here and loaded into the cluster, which runs the
// program of the README as it stands there.
import { execFile } from "node:child_process";
import { readdirSync, readFileSync, rmSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { imagesOfMachine } from "../../rollout-agent/src/image/images-of-machine.ts";
import { packImage } from "../../rollout-agent/src/image/pack-image.ts";
import { ImageRecipe } from "../../rollout-agent/src/image/recipe.ts";
import { defaultGuestPath } from "../../rollout-agent/src/sandbox/bubblewrap.ts";
import { pythonWithNats } from "../support/python.ts";
import { runJob } from "./job.ts";

const run = promisify(execFile);
const image = "hindcast/python-client:test";
const never = new AbortController().signal;
const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
const program = /<!-- python:start -->[\s\S]*?```python\n([\s\S]*?)```/.exec(readme)?.[1] ?? "";

/** @returns what was found. @throws Error where nothing was, or the image cannot be made */
export async function retrievalFromPython(): Promise<string> {
  await loadImage();
  const said = await runJob({
    name: "retrieval-client",
    image,
    command: ["python3", "/files/search.py"],
    // A recipe's image asks no DNS, as a sandbox has none.
    files: { "search.py": program, "nsswitch.conf": "hosts: files dns\n" },
    places: { "/etc/nsswitch.conf": "nsswitch.conf" },
    env: { NATS_URL: "tls://nats.hindcast.svc.cluster.local:4222", SSL_CERT_FILE: "/bus/ca.crt" },
  });
  const hits = said.split("\n").filter((line) => line.includes(" -> ["));
  if (hits.length === 0) throw new Error(`nothing was found: ${said.slice(-300)}`);
  return `${hits.length} demonstrations, the first: ${hits[0]?.slice(0, 100)}`;
}

/** HINDCAST_TEST_LOAD_IMAGE is a command that is given the archive's path; without it the image has to be there. */
async function loadImage(): Promise<void> {
  const load = process.env["HINDCAST_TEST_LOAD_IMAGE"];
  if (load === undefined) return;
  const found = await pythonWithNats();
  if ("reason" in found) throw new Error(found.reason);
  const recipe = ImageRecipe.parse({
    name: "python-client",
    suite: "bookworm",
    packages: ["python3"],
    files: await libraryFiles(found.python),
  });
  const images = imagesOfMachine(
    {
      sandboxImageFolder: null,
      sandboxRecipe: null,
      sandboxDockerSocket: "/var/run/docker.sock",
      searchPath: process.env["PATH"] ?? "",
    },
    { guestPath: defaultGuestPath, log: { info: () => undefined } },
  );
  await using held = await images.acquire(recipe, never);
  const folder = mkdtempSync(join(tmpdir(), "hindcast-python-"));
  try {
    const output = join(folder, "image.tar");
    await packImage({ root: held.ref.path, guestPath: defaultGuestPath, reference: image, output }, never);
    await run("/bin/sh", ["-c", `${load} "$1"`, "load", output]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** nats-py is Python alone, so that it is files of text. */
async function libraryFiles(python: string): Promise<{ path: string; content: string }[]> {
  const { stdout } = await run(python, ["-c", "import nats, os; print(os.path.dirname(nats.__file__))"]);
  const folder = stdout.trim();
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".py"));
  return names.map((name) => ({
    path: `/usr/lib/python3/dist-packages/nats/${name}`,
    content: readFileSync(join(folder, name), "utf8"),
  }));
}
