export * from "./bus/bus.ts";
export * from "./derive-id.ts";
export * from "./model/model.ts";
export * from "./prompt/prompt.ts";
