export { verifiedBaselines, webArenaBaselines, type Baseline } from "./baselines.ts";
export { readBrowserGymMetadata, type TaskMetadata } from "./browsergym-metadata.ts";
export { evaluateWebReference, type EndedWebEpisode } from "./evaluate-web-reference.ts";
export { evaluateWebArena, type WebArenaEvaluation } from "./evaluate-webarena.ts";
export type { EvaluatedPage } from "./evaluated-page.ts";
export { modelJudge, noJudge, type FuzzyJudge, type FuzzyJudgement, type FuzzyQuestion } from "./fuzzy-judge.ts";
export { readWebArenaTasks, type AnyWebArenaTask } from "./read-tasks.ts";
export { feasibilityOf, requirementsOf, startPlaces, type TaskRequirements } from "./requirements.ts";
export { publishedShopAdmin } from "./site-helpers.ts";
export { readSiteUrls } from "./site-urls-file.ts";
export { placeholderOf, render as renderSites, SiteUrls, startPages } from "./sites.ts";
export { orderTasks, type OrderedTask } from "./task-order.ts";
export {
  readSubset,
  verifiedInstruction,
  verifiedReference,
  VerifiedTask,
  withoutResponseForm,
} from "./verified-task.ts";
export {
  evaluateVerified,
  verifiedEvaluation,
  type VerifiedEvaluation,
  type VerifiedResult,
} from "./verified/evaluate-verified.ts";
export { readHar, type NetworkEvent, type Recording } from "./verified/har.ts";
export { webArenaReference, WebArenaTask } from "./webarena-task.ts";
