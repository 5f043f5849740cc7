// What the CronJobs of deploy/kubernetes/bases/backup run, for another folder than their volume.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import { kubernetesFolder } from "./manifests.ts";

const CronJob = z.looseObject({
  spec: z.looseObject({
    jobTemplate: z.looseObject({
      spec: z.looseObject({
        template: z.looseObject({
          spec: z.looseObject({ containers: z.array(z.looseObject({ command: z.array(z.string()) })) }),
        }),
      }),
    }),
  }),
});

/** @param file `cron-job.yaml` or `restore.yaml` @param folder stands for /backup @param temporary stands for /tmp */
export function backupScript(file: string, folder: string, temporary: string): string {
  const manifest = readFileSync(join(kubernetesFolder, "bases/backup", file), "utf8");
  const job = CronJob.parse(parseAllDocuments(manifest)[0]?.toJS());
  const script = job.spec.jobTemplate.spec.template.spec.containers[0]?.command.at(-1) ?? "";
  return script.replaceAll(/\/(backup|tmp)\//g, (_, name) => `${name === "tmp" ? temporary : folder}/`);
}
