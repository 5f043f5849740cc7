export { pythonEnvironment, readEnvironmentPins } from "./environment-pins.ts";
export { PinnedEnvironments } from "./pinned-environments.ts";
export { nodePackages, readNodePins } from "./node-pins.ts";
export { readEvalLog } from "./eval-log.ts";
export { assembleLog, compileOnly, fitEvalScript } from "./eval-script.ts";
export { type PackageSource, packageSource, pypiName, repositoryOfPackage } from "./package-source.ts";
export { gradeInstance } from "./grade.ts";
export { type InfraFailure, infraFailureOf } from "./infra-failure.ts";
export { SweBenchInstance } from "./instance.ts";
export { modelPatchName, type Prediction, readPredictions, writePredictions } from "./predictions.ts";
export { readSweBenchInstances } from "./read-instances.ts";
export { type InstanceRequirements, instanceRequirements, programsOf, sweBenchSpec } from "./requirements.ts";
export {
  BugKind,
  InstanceAdmission,
  type MakingCosts,
  MakeTasksRequest,
  PatchVerdict,
  SweBenchRequest,
  VerificationEvent,
  VerificationRequest,
} from "./verification.ts";
export { type JudgedInstance, judgedByReference, judgedInstance, sweBenchReference } from "./judged-instance.ts";
