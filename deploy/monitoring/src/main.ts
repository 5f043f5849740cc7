// Writes the files of deploy/monitoring that are made from its sources.
import { writeFileSync } from "node:fs";
import { monitoringFiles } from "./files.ts";

for (const [path, text] of monitoringFiles()) writeFileSync(new URL(`../${path}`, import.meta.url), text);
