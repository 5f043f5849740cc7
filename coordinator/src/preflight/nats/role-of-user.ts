import type { Pool, WorkerId } from "@hindcast/shared";
import { HindcastError } from "@hindcast/shared";
import type { RoleOptions } from "@hindcast/shared/node";

const roles = ["coordinator", "index-core", "client", "backup"] as const;
const agentPrefix = "rollout-agent-";

/**
 * What a user is for, by its name: a role's, or `rollout-agent-<pool>`, as in deploy/kubernetes/bases/nats/accounts.conf.
 * @throws CONFIG_INVALID for another name
 */
export function roleOfUser(user: string, role: string = user): RoleOptions {
  const inboxPrefix = `_INBOX_${user}`;
  const known = roles.find((each) => each === role);
  if (known !== undefined) return { role: known, inboxPrefix };
  if (role.startsWith(agentPrefix)) {
    const pools: Pool[] = [role.slice(agentPrefix.length)];
    // Its pods come and go: any of them may be any worker of the pool.
    return { role: "rollout-agent", workerId: "preflight" as WorkerId, pools, inboxPrefix };
  }
  throw new HindcastError({
    code: "CONFIG_INVALID",
    boundary: "config",
    message: `user ${user} is of no known role; say which with --role: ${roles.join(", ")} or ${agentPrefix}POOL`,
  });
}
