import { DatabaseSync } from "node:sqlite";
import { HindcastError, messageOf } from "@hindcast/shared";
import type { BuiltSite } from "../build-site.ts";
import { forgeChangeTasks } from "./forge-change-tasks.ts";
import { forgeTasks } from "./forge-tasks.ts";
import { forgeWikiTasks } from "./forge-wiki-tasks.ts";
import { shopAdminTasks } from "./shop-admin-tasks.ts";
import { shopTasks } from "./shop-tasks.ts";
import { type MadeTask, makeTasks, type Template } from "./template.ts";
import { wikiChangeTasks } from "./wiki-change-tasks.ts";
import { wikiTasks } from "./wiki-tasks.ts";
import { wikiVisitTasks } from "./wiki-visit-tasks.ts";

/** By the name of the recipe. */
export const templates: Record<string, readonly Template[]> = {
  forge: [...forgeTasks, ...forgeChangeTasks, ...forgeWikiTasks],
  shop: [...shopTasks, ...shopAdminTasks],
  wiki: [...wikiTasks, ...wikiVisitTasks, ...wikiChangeTasks],
};

/** The same tasks for the same seed. @throws ENVIRONMENT_SETUP_FAILED where seed and templates do not fit */
export function tasksOfSite({ recipe, database }: BuiltSite): MadeTask[] {
  try {
    const opened = new DatabaseSync(database, { readOnly: true });
    try {
      return makeTasks(templates[recipe.name] ?? [], opened);
    } finally {
      opened.close();
    }
  } catch (error) {
    throw new HindcastError({
      code: "ENVIRONMENT_SETUP_FAILED",
      boundary: "environment",
      message: `no tasks of the site "${recipe.name}": ${messageOf(error)}`,
      cause: error,
    });
  }
}
