import { existsSync, writeFileSync } from "node:fs";
import { HindcastError } from "@hindcast/shared";
import { Command } from "commander";
import { commentedConfigFile } from "../config/documentation.ts";
import { configFileNames } from "../config/file.ts";
import { terminalOf } from "./command-context.ts";

const fileName = "hindcast.config.yaml";

export function initCommand(): Command {
  return new Command("init")
    .description("write a commented hindcast.config.yaml into this folder")
    .option("--force", "overwrite it where it exists")
    .action((options: { force?: boolean }, command: Command) => {
      const existing = configFileNames.find((name) => existsSync(name));
      if (existing !== undefined && !(options.force === true && existing === fileName)) {
        throw new HindcastError({
          code: "CONFIG_INVALID",
          boundary: "config",
          message: `${existing} exists already and was left as it is; ${existing === fileName ? "--force overwrites it" : "remove it first"}`,
        });
      }
      writeFileSync(fileName, commentedConfigFile());
      terminalOf(command).result(
        { event: "config.written", path: fileName },
        () => `wrote ${fileName}; next: hindcast doctor`,
      );
    });
}
