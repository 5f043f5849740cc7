// A campaign that is started by a pod: the command line of the coordinator's image, over documents from a ConfigMap.
import { runJob } from "./job.ts";

const document = "# Tags\n\nMake a tag:\n\n```sh\ngit tag v1\n```\n\nList tags:\n\n```sh\ngit tag --list\n```\n";

export async function insideCampaign(): Promise<string> {
  const said = await runJob({
    name: "campaign",
    image: "hindcast/coordinator:dev",
    args: ["/app/coordinator/dist/cli/main.js", "run", "--docs", "/files/tags.md"],
    files: { "tags.md": document },
    env: {
      HINDCAST_NATS_URL: "tls://nats.hindcast.svc.cluster.local:4222",
      HINDCAST_NATS_USER: "client",
      HINDCAST_NATS_PASSWORD_FILE: "/bus/password",
      HINDCAST_NATS_CA_FILE: "/bus/ca.crt",
    },
  });
  return /in the index +(.*)/.exec(said)?.[1]?.trim() ?? "no demonstrations";
}
