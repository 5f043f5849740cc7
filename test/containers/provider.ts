// A provider of models that containers can reach: the emulator of Anthropic's API on this machine, at the address that a network
// of Compose gives this machine.
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startAnthropicEmulator } from "../support/emulators/anthropic.ts";
import { anthropicAnswer } from "../support/emulators/policy-behind-the-wire.ts";
import { openDoor } from "../support/open-door.ts";

/** Of the network `bus`; private, and none that Docker takes by itself. */
const [subnet, gateway] = ["10.213.77.0/24", "10.213.77.1"];
const override = "compose.test.yaml";

export interface Provider extends AsyncDisposable {
  /** Beside compose.yaml. */
  composeFile: string;
  /** Of the command line on this machine. */
  environment: Record<string, string>;
}

/** @param folder of compose.yaml, whose secrets get the key; of a copy */
export async function startProvider(folder: string): Promise<Provider> {
  const emulator = await startAnthropicEmulator();
  emulator.replyAlways(anthropicAnswer);
  const door = await openDoor(Number(new URL(emulator.url).port));
  const network = { ipam: { config: [{ subnet, gateway }] } };
  // JSON is YAML.
  writeFileSync(join(folder, override), JSON.stringify({ networks: { bus: network } }));
  const key = `ANTHROPIC_API_KEY=${emulator.apiKey}\n`;
  const secrets = join(folder, "compose/secrets/models.env");
  appendFileSync(secrets, `${key}HINDCAST_ANTHROPIC_BASE_URL=http://${gateway}:${door.port}\n`);
  return {
    composeFile: override,
    environment: { ANTHROPIC_API_KEY: emulator.apiKey, HINDCAST_ANTHROPIC_BASE_URL: emulator.url },
    [Symbol.asyncDispose]: async () => {
      await door[Symbol.asyncDispose]();
      await emulator[Symbol.asyncDispose]();
    },
  };
}
