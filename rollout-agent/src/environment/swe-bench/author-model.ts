// The model that helps to make tasks, ready to be asked by a program without a bus: its answers are kept in the cache
// folder and never bought twice, and what it costs stays within its budget.
import { join } from "node:path";
import { HindcastError } from "@hindcast/shared";
import {
  CappedAdmission,
  type ConfigOf,
  createModel,
  folderJournal,
  journaled,
  Lanes,
  LocalAdmission,
  type MakeTasksRequest,
  type Model,
  modelSettings,
  type modelVariables,
  systemClock,
} from "@hindcast/shared/node";

/** @throws CONFIG_INVALID, MODEL_UNKNOWN, MODEL_UNAUTHORIZED before anything is spent */
export function authorModel(
  { model: id, ...budget }: NonNullable<MakeTasksRequest["author"]>,
  cache: string,
  config: ConfigOf<typeof modelVariables>,
): Model {
  const admission = new CappedAdmission(new LocalAdmission(new Lanes(), systemClock, Math.random), budget);
  const model = createModel(id, modelSettings(config), { admission });
  if (model.isOffline) {
    throw new HindcastError({
      code: "CONFIG_INVALID",
      boundary: "config",
      message: `--model is ${id}, whose rules write no programs; name a language model, or leave --model out`,
    });
  }
  return journaled(model, folderJournal(join(cache, "answers")));
}
