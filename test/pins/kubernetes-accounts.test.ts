// The users of NATS in a Kubernetes cluster, with the permissions that the code gives their roles. After a change of
// permissions.ts: run this test with -u, review the file, and roll NATS before the programs.
// Requirements: 7.1.accounts
import type { WorkerId } from "@hindcast/shared";
import { permissionsOf, renderAccounts, type RoleOptions, type ServerUser } from "@hindcast/shared/node";
import { expect, it } from "vitest";

/** Agents of a pool share a user: their pods come and go, and any of them may be any worker of the pool. */
const anyWorker = "*" as WorkerId;

function userOf(user: string, options: (inboxPrefix: string) => RoleOptions): ServerUser {
  const variable = `PASSWORD_${user.toUpperCase().replaceAll("-", "_")}`;
  return { user, password: { variable }, permissions: permissionsOf(options(`_INBOX_${user}`)) };
}

it("are those of the committed configuration", async () => {
  const users = [
    ...(["coordinator", "index-core", "client", "backup"] as const).map((role) =>
      userOf(role, (inboxPrefix) => ({ role, inboxPrefix })),
    ),
    userOf("rollout-agent-shell", (inboxPrefix) => ({
      role: "rollout-agent",
      workerId: anyWorker,
      pools: ["shell"],
      inboxPrefix,
    })),
  ];
  const head = "# Made from shared/src/node/bus/permissions.ts by test/pins/kubernetes-accounts.test.ts.\n";
  await expect(`${head}${renderAccounts(users)}`).toMatchFileSnapshot(
    "../../deploy/kubernetes/bases/nats/accounts.conf",
  );
});
