// Java with Maven: the project is compiled once, so that all plug-ins and libraries are in a repository of files. What the
// project's build runs runs on the host, as building upstream's images does.
import { existsSync, globSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { mustRun, runProgram } from "../host-program.ts";
import { checkOut } from "./base-tree.ts";
import { dependenciesInside, type DependencySource, fetchTimeoutMs } from "./dependency-source.ts";

/** Surefire asks for the one that fits the tests, when it has found some. */
const providers = ["surefire-junit3", "surefire-junit4", "surefire-junit47", "surefire-junit-platform"];

export const maven: DependencySource = {
  isManifest: (path) => /(^|\/)pom\.xml$|(^|\/)\.mvn\//.test(path),

  async fetch(tree, path, signal) {
    const [project, repository] = [join(path, "tree"), join(path, "repository")];
    await checkOut(tree, project, signal);
    const options = { timeoutMs: fetchTimeoutMs, cwd: project };
    const mvn = ["mvn", "--batch-mode", "--quiet", `-Dmaven.repo.local=${repository}`];
    await mustRun([...mvn, "test", "-DskipTests"], options, signal);
    const plugin = join(repository, "org/apache/maven/plugins/maven-surefire-plugin");
    for (const version of existsSync(plugin) ? readdirSync(plugin) : []) {
      if (globSync(join(plugin, version, "*.jar")).length === 0) continue;
      for (const provider of providers) {
        const artifact = `-Dartifact=org.apache.maven.surefire:${provider}:${version}`;
        // Not every version has each.
        await runProgram([...mvn, "dependency:get", artifact], { ...options, cwd: path }, signal);
      }
    }
    // They say from which mirror a file came, and a file of another mirror's is none to Maven.
    await mustRun(["find", repository, "-name", "_remote.repositories", "-delete"], options, signal);
    await mustRun(["rm", "-rf", project], options, signal);
    return "compiled once";
  },

  inside: () => {
    // Debian keeps in /etc what programs in /usr do not start without. Never Maven's settings, which may hold passwords.
    const settings = ["/etc/maven/m2.conf", "/etc/maven/logging", ...globSync("/etc/java-*-openjdk")];
    return Promise.resolve({
      mounts: settings
        .filter((path) => existsSync(path) && basename(path) !== "settings.xml")
        .map((path) => ({ source: path, target: path })),
      // Links, because Maven writes beside what it reads.
      script: `(
set -e
mkdir -p "$HOME/.m2"
cp -rs ${dependenciesInside}/repository "$HOME/.m2/repository"
echo '<settings><offline>true</offline></settings>' > "$HOME/.m2/settings.xml"
)`,
    });
  },
};
