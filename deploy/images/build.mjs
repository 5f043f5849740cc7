// Makes the images on this machine without pulling anything: Debian bases from packages (mmdebstrap), our parts from what
// `npm run build` left here. Where images can be pulled, docker-bake.hcl builds the same Dockerfiles for both platforms.
//   node deploy/images/build.mjs [--tag dev] [--base IMAGE] [--agent-base IMAGE] [--shell-base IMAGE]
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { childEnvironment, findOnPath, nodePath } from "../local/processes.mjs";
import { assemble } from "./assemble.mjs";
import { natsCli } from "./nats-cli.mjs";
import { natsExporter } from "./nats-exporter.mjs";
import { suiteFor } from "./suite.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(dirname(here));
const own = ["coordinator", "rollout-agent", "index-core"];
const libraries = ["base-files", "base-passwd", "ca-certificates", "libstdc++6", "netbase", "tzdata"];
/** What an agent's sandboxes find in /usr. */
const sandboxTools = [
  "bash",
  "bubblewrap",
  "coreutils",
  "dash",
  "diffutils",
  "file",
  "findutils",
  "gawk",
  "git",
  "grep",
];
const moreSandboxTools = ["gzip", "hostname", "less", "procps", "sed", "tar", "util-linux"];
const bases = {
  base: libraries,
  "agent-base": [...libraries, ...sandboxTools, ...moreSandboxTools],
  "shell-base": [...libraries, "coreutils", "dash"],
};
/** What /bin/sh is, where there is one. */
const shells = { "agent-base": "bash", "shell-base": "dash" };
/** Of an image that is not made from `base`. */
const baseOf = { "rollout-agent": "agent-base", backup: "shell-base" };

/** Of this machine, for compose.yaml where prom/prometheus cannot be pulled. */
const prometheus = ["prometheus", "promtool"];
const hasPrometheus = prometheus.every((name) => findOnPath(name) !== null);

const { values } = parseArgs({
  options: {
    tag: { type: "string", default: "dev" },
    base: { type: "string" },
    "agent-base": { type: "string" },
    "shell-base": { type: "string" },
  },
});
const { tag } = values;
const docker = (args, options = {}) =>
  execFileSync("docker", args, { stdio: ["ignore", "inherit", "inherit"], cwd: root, ...options });
const hasImage = (name) => spawnSync("docker", ["image", "inspect", name], { stdio: "ignore" }).status === 0;

/** Bytes go from one program into the other, not through this process. */
function importImage(program, args, image) {
  // An engine takes an empty stream for an empty image, which the next run would find and build on.
  const script = `set -o pipefail; "$@" | docker import - ${image} || { docker rmi ${image} >/dev/null 2>&1; exit 1; }`;
  execFileSync("bash", ["-c", script, "bash", program, ...args], { stdio: ["ignore", "ignore", "inherit"] });
}

function baseImage(name) {
  if (values[name] !== undefined) return values[name];
  const suite = suiteFor(process.report.getReport().header.glibcVersionRuntime);
  const image = `hindcast/${name}:${suite}`;
  if (hasImage(image)) return image;
  if (findOnPath("mmdebstrap") === null) {
    throw new Error(
      `${image} is made by mmdebstrap: install that package, or name images (--base, --agent-base, --shell-base)`,
    );
  }
  console.log(`${image}: installing Debian packages`);
  // Unpacked and not configured: neither apt nor dpkg is in the image. Certificates are the one thing that a script makes.
  const certificates = `cat "$1"/usr/share/ca-certificates/mozilla/*.crt > "$1"/etc/ssl/certs/ca-certificates.crt`;
  const shell = shells[name];
  const links = `ln -sf ${shell} "$1"/bin/sh; mkdir -p "$1"/tmp; chmod 1777 "$1"/tmp`;
  const hook = shell === undefined ? certificates : `${certificates}; ${links}`;
  const args = [
    "--variant=extract",
    "--quiet",
    `--include=${bases[name].join(",")}`,
    `--customize-hook=${hook}`,
    suite,
    "-",
  ];
  importImage("mmdebstrap", args, image);
  return image;
}

/** @throws Error where the base has older libraries than this machine, against which the addon was linked */
function assertAddonLoads(image, base) {
  const script = `for (const name of require("fs").readdirSync("/app/index-core"))
    if (name.endsWith(".node")) require("/app/index-core/" + name);`;
  const run = spawnSync("docker", ["run", "--rm", "--network", "none", image, "-e", script], { encoding: "utf8" });
  if (run.status === 0) return;
  const why = /^(?:Error|docker): .*$/m.exec(run.stderr)?.[0] ?? run.stderr.trim();
  throw new Error(
    `${image} does not load what was compiled here (${why}): take a base as new as this machine, not ${base}`,
  );
}

/** Of others, by the image's name: what lies in it, and as what. */
const tools = { backup: [natsCli(), "nats"], "nats-exporter": [natsExporter(), "prometheus-nats-exporter"] };
const builtTools = Object.entries(tools).filter(([, [path]]) => path !== null);
const folder = mkdtempSync(join(tmpdir(), "hindcast-images-"));
try {
  for (const name of own) console.log(`${name}: ${assemble(name, join(folder, name))} packages`);
  mkdirSync(join(folder, "nats/app"), { recursive: true });
  const find = ["--conditions=source", "deploy/images/nats-server-path.mjs"];
  const natsServer = execFileSync(nodePath(), find, { cwd: root, env: childEnvironment(), encoding: "utf8" }).trim();
  copyFileSync(natsServer, join(folder, "nats/app/nats-server"));
  for (const [name, [path, program]] of builtTools) {
    mkdirSync(join(folder, name, "app"), { recursive: true });
    copyFileSync(path, join(folder, name, "app", program));
  }
  mkdirSync(join(folder, "empty"));
  if (!hasPrometheus) console.log(`prometheus: left out, because ${prometheus.join(" and ")} are not on PATH`);
  else {
    mkdirSync(join(folder, "prometheus/app"), { recursive: true });
    for (const name of prometheus) copyFileSync(realpathSync(findOnPath(name)), join(folder, "prometheus/app", name));
  }
  importImage(
    "tar",
    ["-C", folder, "--owner=0", "--group=0", "--mtime=@1767225600", "--sort=name", "-cf", "-", "."],
    `hindcast/build:${tag}`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
const revision = execFileSync("git", ["rev-parse", "HEAD"], { cwd: root, encoding: "utf8" }).trim();
console.log("building by Docker's legacy builder, which takes no plug-in and says of itself that it is deprecated");
const others = ["nats", ...builtTools.map(([name]) => name), ...(hasPrometheus ? ["prometheus"] : [])];
for (const name of [...own, ...others]) {
  const base = baseImage(baseOf[name] ?? "base");
  const settings = { BUILD: `hindcast/build:${tag}`, BASE: base, VERSION: tag, REVISION: revision };
  const args = Object.entries(settings).flatMap(([key, value]) => ["--build-arg", `${key}=${value}`]);
  docker(
    [
      "build",
      "--quiet",
      "--network",
      "none",
      "-f",
      join(here, `${name}.Dockerfile`),
      "-t",
      `hindcast/${name}:${tag}`,
      ...args,
      here,
    ],
    {
      env: { ...process.env, DOCKER_BUILDKIT: "0" },
    },
  );
  if (name === "index-core") assertAddonLoads(`hindcast/${name}:${tag}`, base);
}
docker(["images", "--filter", `reference=hindcast/*:${tag}`, "--format", "table {{.Repository}}\t{{.Tag}}\t{{.Size}}"]);
