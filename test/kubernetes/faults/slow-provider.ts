// A model that takes its time, for agents in the cluster: an emulator on this machine behind a Service, whose address and key
// they have as deploy/README.md says, by the Secret `model-keys`.
import { type Policy, policyModel, startPolicy } from "../../chaos/policy.ts";
import { openDoor } from "../../support/open-door.ts";
import { agentsNamespace, busNamespace, type CampaignSetup } from "../installation.ts";
import { kubectl } from "../kubectl.ts";
import { nodeService } from "../node-service.ts";

const name = "slow-provider";
const secret = "model-keys";
const namespaces = [busNamespace, agentsNamespace];

export interface SlowProvider extends AsyncDisposable {
  policy: Policy;
  /** Of a campaign whose episodes are this model's; all else is done by rules. */
  campaign: CampaignSetup;
  /** Nobody has to wait any more. */
  hurry(): void;
}

export interface SlowProviderOptions {
  stepsPerEpisode: number;
  /** Of an answer, from and to: agents that were in step are so no more. */
  answerMs: readonly [from: number, to: number];
}

/** Agents and coordinators have to be started after it. */
export async function startSlowProvider({ stepsPerEpisode, answerMs }: SlowProviderOptions): Promise<SlowProvider> {
  const [from, to] = answerMs;
  const kinds = 5;
  await using opened = new AsyncDisposableStack();
  let isSlow = true;
  const slow = (number: number): number => from + ((number % kinds) * (to - from)) / (kinds - 1);
  const policy = opened.use(await startPolicy({ stepsPerEpisode, answerMs: (number) => (isSlow ? slow(number) : 0) }));
  const { url, apiKey } = policy.emulator;
  const door = opened.use(await openDoor(Number(new URL(url).port)));
  opened.use(await nodeService({ name, namespace: busNamespace, port: 80, target: door.port }));
  const inside = `http://${name}.${busNamespace}.svc.cluster.local/v1`;
  const items = namespaces.map((namespace) => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: secret, namespace },
    stringData: { OPENAI_API_KEY: apiKey, HINDCAST_OPENAI_BASE_URL: inside },
  }));
  opened.defer(async () => {
    for (const namespace of namespaces)
      await kubectl(["-n", namespace, "delete", "secret", secret, "--ignore-not-found"]);
  });
  await kubectl(["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items }));
  const kept = opened.move();
  return {
    policy,
    campaign: {
      set: [`models.policy=${policyModel}`, "campaign.retrievalWhileLearning=false"],
      environment: { OPENAI_API_KEY: apiKey, HINDCAST_OPENAI_BASE_URL: `${url}/v1` },
    },
    hurry: () => void (isSlow = false),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
