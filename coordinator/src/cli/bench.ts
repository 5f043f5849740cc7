import { Command } from "commander";
import { harborCommand } from "./bench-harbor.ts";
import { webArenaBenchCommand } from "./bench-webarena.ts";
import { sweBenchCommand } from "./bench-swe-bench.ts";

export function benchCommand(): Command {
  return new Command("bench")
    .description("published benchmarks: what there is, what can run here, and scores of recorded runs")
    .addCommand(sweBenchCommand())
    .addCommand(webArenaBenchCommand())
    .addCommand(harborCommand());
}
