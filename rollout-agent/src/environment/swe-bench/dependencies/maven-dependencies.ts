// Java with Maven: the project is compiled once, so that all plug-ins and libraries are in a repository of files. What the
// project's build runs, runs where it is fetched: in a sandbox.
import { existsSync, globSync } from "node:fs";
import { basename } from "node:path";
import { fetchedInside } from "../fetch-inside.ts";
import { mavenRegistries } from "../registries/maven-registries.ts";
import { dependenciesInside, type DependencySource } from "./dependency-source.ts";

/** Surefire asks for the one that fits the tests, when it has found some. Not every version has each. */
const providers = ["surefire-junit3", "surefire-junit4", "surefire-junit47", "surefire-junit-platform"];

const repository = `${fetchedInside}/repository`;
// They say from which mirror a file came, and a file of another mirror's is none to Maven.
const fetching = `mvn="mvn --batch-mode --quiet -Dmaven.repo.local=${repository}"
$mvn test -DskipTests
cd /tmp
for jar in ${repository}/org/apache/maven/plugins/maven-surefire-plugin/*/*.jar; do
  [[ -e $jar ]] || continue
  version=$(basename "$(dirname "$jar")")
  for provider in ${providers.join(" ")}; do
    $mvn dependency:get "-Dartifact=org.apache.maven.surefire:$provider:$version" || true
  done
done
find ${repository} -name _remote.repositories -delete`;

export const maven: DependencySource = {
  isManifest: (path) => /(^|\/)pom\.xml$|(^|\/)\.mvn\//.test(path),

  client: mavenRegistries,

  plan: () => Promise.resolve({ script: fetching, note: "compiled once" }),

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
