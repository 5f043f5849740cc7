// Answer schemas that several prompts share. Providers' structured output knows only plain types, enums and closed
// objects, so length limits and path rules are refinements: checked on the answer, absent from the wire schema.
import { z } from "zod";
import { SeedFile } from "../../domain/environment-spec.ts";

/** A string that must satisfy `schema`, shown to providers as a plain string. */
function plain(schema: z.ZodType<string>): z.ZodType<string> {
  return z.string().superRefine((value, context) => {
    const result = schema.safeParse(value);
    for (const issue of result.success ? [] : result.error.issues) {
      context.addIssue({ code: "custom", message: issue.message });
    }
  });
}

export const instructionText: z.ZodType<string> = plain(z.string().trim().min(1).max(8_000));
const commandText: z.ZodType<string> = plain(z.string().trim().min(1).max(4_000));
export const shortText: z.ZodType<string> = plain(z.string().max(4_000));

export const seedFiles: z.ZodType<SeedFile[]> = z
  .array(z.strictObject({ path: plain(SeedFile.shape.path), content: plain(SeedFile.shape.content) }))
  .refine((files) => files.length <= 200, "at most 200 files");

export const setupCommands: z.ZodType<string[]> = z
  .array(commandText)
  .refine((commands) => commands.length <= 50, "at most 50 setup commands");

export const guidanceCommands: z.ZodType<string[]> = z
  .array(commandText)
  .refine((commands) => commands.length <= 32, "at most 32 steps");
