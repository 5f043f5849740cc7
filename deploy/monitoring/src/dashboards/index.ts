import type { DashboardSpec } from "../dashboard.ts";
import { campaigns } from "./campaigns.ts";
import { fleet } from "./fleet.ts";
import { models } from "./models.ts";
import { nats } from "./nats.ts";
import { retrieval } from "./retrieval.ts";
import { sandboxes } from "./sandboxes.ts";

export const dashboards: readonly DashboardSpec[] = [fleet, campaigns, models, retrieval, nats, sandboxes];
