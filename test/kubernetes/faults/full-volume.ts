// The volume of one server of NATS is filled while a campaign runs: the other two go on, the server says why it does not, and it
// comes back when it has room.
import {
  applyCredentials,
  applyOverlay,
  busNamespace,
  openInstallation,
  removeInstallation,
  untilReady,
} from "../installation.ts";
import { kubectl, untilRolledOut } from "../kubectl.ts";
import { volumesOfThisMachine } from "../local-volumes.ts";
import { crashes, foundOfClaim, logged } from "../told.ts";
import { basesOnOneMachine, variantFolder } from "../variant.ts";

const claims = ["data-nats-0", "data-nats-1", "data-nats-2", "index-index-core-0"];
const filledPod = "nats-1";
const nats = { namespace: busNamespace, selector: "app.kubernetes.io/name=nats" };

export async function fullVolume(documents: number): Promise<string> {
  await removeInstallation();
  await using volumes = await volumesOfThisMachine(claims);
  using variant = variantFolder(
    basesOnOneMachine(["namespaces", "nats", "coordinator", "index-core", "rollout-agent"]),
  );
  await applyCredentials();
  await applyOverlay(variant.path);
  await untilReady();
  await using hindcast = await openInstallation(documents);
  const working = hindcast.campaign(63);
  const told = await (async () => {
    using _full = volumes.fill(`data-${filledPod}`);
    // A kubelet measures no volume of a pod whose container does not run, so this is asked before that one gives up.
    const [line, finding] = await Promise.all([
      logged(/no space left on device|out of \w+ resources/, nats),
      foundOfClaim(variant.path, `data-${filledPod}`),
    ]);
    // Its liveness probe asks for JetStream, and what cannot write does not start.
    return `${line}; ${await crashes(nats)}; ${finding}`;
  })();
  // The kubelet would start it again by itself, up to five minutes later.
  await kubectl(["-n", busNamespace, "delete", "pod", filledPod]);
  await untilRolledOut(busNamespace, "statefulset/nats");
  return `${told}; with room again all three are ready; ${await working}; ${await hindcast.judge()}`;
}
