// The command `nats`, which the image `backup` saves and restores streams with.
import { goTool } from "./go-tool.mjs";

/** As in build.Dockerfile. */
export const natsCliVersion = "0.5.1";

/** @returns its path, or null where it cannot be built */
export function natsCli() {
  const module = "github.com/nats-io/natscli/nats";
  return goTool({ image: "backup", name: "nats-cli", module, version: natsCliVersion, go: "1.26.0" });
}
