// The kernel of virtual machines and its first file system. Debian's cloud kernel boots as it is: nothing is compiled.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { limits, messageOf } from "@hindcast/shared";
import { sha256Hex } from "@hindcast/shared/node";
import { cpio, type CpioEntry } from "./cpio.ts";
import { keepNewest } from "./disks.ts";

const run = promisify(execFile);
const kernelPackage = "linux-image-cloud-amd64";
/** One of the first two finds the devices. ext4 asks for its checksum by a name that only modprobe could resolve. */
const moduleNames = ["virtio_mmio", "virtio_pci", "virtio_blk", "virtio_console", "crc32c_generic", "ext4", "overlay"];

export interface MachineKernel {
  kernelPath: string;
  initramfsPath: string;
  /** Equal exactly when kernel and first file system are equal. */
  hash: string;
}

/** Where an unpacked kernel lies: the machine's own, or one that `fetchKernel` has brought. */
export async function findKernel(folder: string): Promise<string | null> {
  for (const root of ["/", join(folder, "kernel")]) {
    const names = await readdir(join(root, "boot")).catch(() => []);
    const kernel = names
      .filter((name) => /^vmlinuz-.*-cloud-amd64$/.test(name))
      .toSorted()
      .at(-1);
    if (kernel !== undefined && existsSync(join(root, "lib/modules", versionOf(kernel))))
      return join(root, "boot", kernel);
  }
  return null;
}

/** Unpacks Debian's cloud kernel into `folder`, without installing it. */
export async function fetchKernel(folder: string, signal: AbortSignal): Promise<void> {
  const draft = join(folder, `kernel.${process.pid}`);
  await mkdir(draft, { recursive: true });
  try {
    const { stdout } = await run("apt-cache", ["depends", kernelPackage], { signal });
    const name = /Depends: (linux-image-\S+-cloud-amd64)/.exec(stdout)?.[1];
    if (name === undefined) throw new Error(`${kernelPackage} is unknown here; run apt-get update`);
    await run("apt-get", ["download", name], { cwd: draft, signal });
    const deb = (await readdir(draft)).find((each) => each.endsWith(".deb"));
    if (deb === undefined) throw new Error(`apt-get brought no ${name}`);
    await run("dpkg-deb", ["-x", join(draft, deb), draft], { signal });
    await rm(join(draft, deb));
    await rm(join(folder, "kernel"), { recursive: true, force: true });
    await rename(draft, join(folder, "kernel"));
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw new Error(`the kernel of virtual machines could not be fetched: ${messageOf(error)}`, { cause: error });
  }
}

/** Packs the guest and the modules that it loads. The same inputs give the same file. */
export async function prepareKernel(
  kernelPath: string,
  { folder, guestPath }: { folder: string; guestPath: string },
): Promise<MachineKernel> {
  const version = versionOf(basename(kernelPath));
  const modules = join(kernelPath, "../../lib/modules", version);
  const dependencies = await readDependencies(modules);
  const paths = inOrder(dependencies, moduleNames);
  const contents = await Promise.all(paths.map((path) => readFile(join(modules, path))));
  const archive = cpio([
    ...["dev", "proc", "sys", "modules"].map((path): CpioEntry => ({ path, mode: 0o40755 })),
    // What the guest says before it has mounted anything, and what its runtime opens.
    { path: "dev/console", mode: 0o20600, device: [5, 1] },
    { path: "dev/null", mode: 0o20666, device: [1, 3] },
    { path: "init", mode: 0o100755, content: await readFile(guestPath) },
    {
      path: "modules/order",
      mode: 0o100644,
      content: Buffer.from(paths.map((path) => `${basename(path)}\n`).join("")),
    },
    ...contents.map((content, index): CpioEntry => {
      return { path: `modules/${basename(paths[index] ?? "")}`, mode: 0o100644, content };
    }),
  ]);
  const hash = sha256Hex(Buffer.from(`${version} ${sha256Hex(archive)}`));
  const prefix = "initramfs-";
  const initramfsPath = join(folder, `${prefix}${hash.slice(0, 16)}`);
  if (!existsSync(initramfsPath)) {
    await mkdir(folder, { recursive: true });
    const draft = `${initramfsPath}.${process.pid}`;
    await writeFile(draft, archive);
    await rename(draft, initramfsPath);
  }
  await keepNewest(initramfsPath, { prefix, keep: limits.machineKernelsMax });
  return { kernelPath, initramfsPath, hash };
}

function versionOf(kernel: string): string {
  return basename(kernel).replace(/^vmlinuz-/, "");
}

/** Module name → its file and the files it needs. A module that is part of the kernel is not listed. */
async function readDependencies(modules: string): Promise<Map<string, { path: string; needs: string[] }>> {
  const listing = await readFile(join(modules, "modules.dep"), "utf8").catch(async () => {
    // An unpacked package has none yet.
    await run("depmod", ["-b", join(modules, "../../.."), basename(modules)]);
    return await readFile(join(modules, "modules.dep"), "utf8");
  });
  const lines = listing.split("\n").filter((line) => line !== "");
  return new Map(
    lines.map((line) => {
      const [path = "", rest = ""] = line.split(":");
      return [moduleName(path), { path, needs: rest.split(" ").filter((each) => each !== "") }];
    }),
  );
}

function moduleName(path: string): string {
  return basename(path)
    .replace(/\.ko(\..*)?$/, "")
    .replaceAll("-", "_");
}

/** Each after what it needs; depmod lists what is needed first last. */
function inOrder(dependencies: Map<string, { path: string; needs: string[] }>, names: string[]): string[] {
  const found = names.flatMap((name) => {
    const entry = dependencies.get(name);
    return entry === undefined ? [] : [...entry.needs.toReversed(), entry.path];
  });
  return [...new Set(found)];
}
