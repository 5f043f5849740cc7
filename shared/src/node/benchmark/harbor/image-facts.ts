// What a Dockerfile makes of an image, as far as a sandbox that shares the host's system can stand in for it: files of
// the workspace, variables and commands. Everything else is a reason why the task cannot run here.
import { posix } from "node:path";
import type { SeedFile } from "../../../domain/environment-spec.ts";
import { type DockerInstruction, parseDockerfile, variablesOf, wordsOf } from "./dockerfile.ts";

/** What the sandbox's own system can pass for. */
export interface HostFacts {
  /** "3.11"; null where there is none. */
  python: string | null;
  /** Major version; null where there is none. */
  node: string | null;
}

export interface ImageFacts {
  workingDirectory: string;
  files: SeedFile[];
  setup: string[];
  /** A command has run that may look at files, or write them. */
  hasRun: boolean;
}

/** Why a task cannot run here: a sentence for a table. */
export class Unavailable extends Error {}

/** Plain systems, of whose packages a task that installs none can only expect the basic ones. */
const plainBases = new Set(["debian", "ubuntu", "buildpack-deps"]);
/** Programs that fetch something: there is no network in a sandbox, and no root to install anything. */
const fetching =
  /(^|[\s;&|(`])(apt-get|apt|apk|yum|dnf|pip3?|pipx|uvx?|conda|npm|npx|yarn|pnpm|curl|wget|gem|cargo|git\s+(clone|fetch|pull)|go\s+(get|install))(?=[\s;&|)]|$)/m;
const ignored = new Set([
  "LABEL",
  "EXPOSE",
  "CMD",
  "ENTRYPOINT",
  "STOPSIGNAL",
  "MAINTAINER",
  "HEALTHCHECK",
  "VOLUME",
  "USER",
]);

/** The first program that `script` would fetch something with; null where it needs none. */
export function fetcherIn(script: string): string | null {
  return fetching.exec(script.replaceAll(/^\s*#.*$/gm, ""))?.[2] ?? null;
}

/**
 * @param context files of the task's `environment/`, by path
 * @throws Unavailable
 */
export function imageFacts(dockerfile: string, context: ReadonlyMap<string, Uint8Array>, host: HostFacts): ImageFacts {
  const instructions = parseDockerfile(dockerfile);
  const froms = instructions.filter(({ keyword }) => keyword === "FROM");
  const [from] = froms;
  if (from === undefined) throw new Unavailable("its Dockerfile has no FROM");
  if (froms.length > 1) throw new Unavailable("its image is built in several stages");
  assertBase(from.value, host);
  const image: ImageFacts = { workingDirectory: "/", files: [], setup: [], hasRun: false };
  for (const instruction of instructions) apply(instruction, image, context);
  return image;
}

function assertBase(value: string, { python, node }: HostFacts): void {
  const reference = wordsOf(value).find((word) => !word.startsWith("--")) ?? "";
  const [, name = "", tag = "latest"] = /^(?:docker\.io\/)?(?:library\/)?([^:@]+)(?::([^@]+))?/.exec(reference) ?? [];
  if (plainBases.has(name)) return;
  if (
    name === "python" &&
    python !== null &&
    (tag === python || tag.startsWith(`${python}-`) || tag.startsWith(`${python}.`))
  )
    return;
  if (name === "node" && node !== null && (tag === node || tag.startsWith(`${node}-`) || tag.startsWith(`${node}.`)))
    return;
  const here = [`python ${python ?? "none"}`, `node ${node ?? "none"}`].join(", ");
  throw new Unavailable(`its image is based on ${reference}, and the system here (${here}) cannot stand in for it`);
}

function apply(
  { keyword, value, heredoc }: DockerInstruction,
  image: ImageFacts,
  context: ReadonlyMap<string, Uint8Array>,
): void {
  if (keyword === "FROM" || ignored.has(keyword)) return;
  switch (keyword) {
    case "WORKDIR":
      image.workingDirectory = posix.resolve(image.workingDirectory, wordsOf(value)[0] ?? "/");
      image.setup.push(`mkdir -p ${quoted(image.workingDirectory)} && cd ${quoted(image.workingDirectory)}`);
      return;
    case "ENV":
    case "ARG": {
      const variables = keyword === "ENV" || value.includes("=") ? variablesOf(value) : {};
      image.setup.push(...Object.entries(variables).map(([name, text]) => `export ${name}=${expanded(text)}`));
      return;
    }
    case "COPY":
    case "ADD":
      // Here all files come first: copied later, they would be seen, or overwritten, by commands that Docker runs before.
      if (image.hasRun) throw new Unavailable("it copies files after its commands have run");
      image.files.push(...copied(value, image.workingDirectory, context));
      return;
    case "RUN": {
      const command = commandOf(value, heredoc);
      image.setup.push(command);
      image.hasRun ||= !/^mkdir [^;&|<>`$\n]*$/.test(command);
      return;
    }
    default:
      throw new Unavailable(`its Dockerfile has ${keyword}, which is not known here`);
  }
}

/** Docker puts earlier variables in the place of `$NAME` and `${NAME}`; the rest of the text means nothing to a shell. */
function expanded(text: string): string {
  if (!/\$[A-Za-z_{]/.test(text)) return quoted(text);
  return `"${text.replaceAll(/[\\"`]|\$(?![A-Za-z_{])/g, String.raw`\$&`)}"`;
}

function commandOf(value: string, heredoc: string | null): string {
  const command = value.replace(/^(--\S+\s+)+/, "");
  const fetcher = fetcherIn(heredoc ?? command);
  if (fetcher !== null) throw new Unavailable(`its image is built with ${fetcher}, which needs a network or root`);
  if (heredoc !== null) return heredoc;
  const words = command.startsWith("[") ? wordsOf(command) : null;
  if (words === null) return command;
  const [shell, flag, script] = words;
  if (words.length === 3 && script !== undefined && /(^|\/)(ba)?sh$/.test(shell ?? "") && flag === "-c") return script;
  return words.map(quoted).join(" ");
}

/** Paths relative to the root, without the slash: which of them lie in the workspace is known only at the end. */
function copied(value: string, workingDirectory: string, context: ReadonlyMap<string, Uint8Array>): SeedFile[] {
  const words = wordsOf(value);
  const flags = words.filter((word) => word.startsWith("--"));
  if (flags.some((flag) => flag.startsWith("--from"))) throw new Unavailable("it copies files out of another image");
  const paths = words.filter((word) => !word.startsWith("--"));
  const target = paths.pop() ?? "";
  const isFolder = target.endsWith("/") || target === "." || paths.length > 1;
  return paths.flatMap((source) => {
    if (/^https?:|[*?[]/.test(source)) throw new Unavailable(`it copies ${source}`);
    const from = posix
      .normalize(source)
      .replace(/^(\.?\/)+|\/$/g, "")
      .replace(/^\.$/, "");
    const to = posix.resolve(workingDirectory, target);
    const one = context.get(from);
    if (one !== undefined) return [textFile(isFolder ? posix.join(to, posix.basename(from)) : to, one)];
    const below = [...context].filter(
      ([path]) => path !== "Dockerfile" && (from === "" || path.startsWith(`${from}/`)),
    );
    if (below.length === 0) throw new Unavailable(`it copies ${source}, which is not in its environment folder`);
    return below.map(([path, content]) =>
      textFile(posix.join(to, path.slice(from === "" ? 0 : from.length + 1)), content),
    );
  });
}

function textFile(path: string, content: Uint8Array): SeedFile {
  return { path: path.slice(1), content: textOf(path, content) };
}

/** @throws Unavailable for what is no UTF-8 text: tasks carry texts */
export function textOf(path: string, content: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content);
  } catch {
    throw new Unavailable(`its file ${path} is no text`);
  }
}

export function quoted(text: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
