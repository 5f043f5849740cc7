export { SitesEvent, SitesRequest, type TaskVerdict } from "./sites-messages.ts";
