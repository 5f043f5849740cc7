// What an image is made of, said once for every driver. Its hash names the image: equal recipes are built once.
import { z } from "zod";
import { sha256Hex } from "@hindcast/shared/node";
import { sandboxFiles } from "../sandbox/sandbox-world.ts";

/** Raised when what the builder makes of a recipe changes: images of before are then built anew. */
const layout = 1;

const packageName = z.string().regex(/^[A-Za-z0-9@][A-Za-z0-9@/._+:=<>~!,[\]^-]*$/, "expected a package's name");

export const ImageRecipe = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,40}$/, "expected a short name of small letters, digits and hyphens"),
  /** Debian's release. */
  suite: z.string().regex(/^[a-z]+$/),
  /** Debian packages, beside bash and what a minimal system has. */
  packages: z.array(packageName).max(500).default([]),
  /** Installed after the Debian packages, which must bring python3-pip or npm. */
  pip: z.array(packageName).max(500).default([]),
  npm: z.array(packageName).max(500).default([]),
  files: z
    .array(
      z.strictObject({
        path: z.string().regex(/^(?!.*\/\.\.(\/|$))\//, "expected an absolute path without .."),
        content: z.string(),
        mode: z.int().min(0).max(0o7777).default(0o644),
      }),
    )
    .max(1_000)
    .default([]),
  /** Shell commands, run last and as root inside the image, with the network of the host. */
  run: z.array(z.string().min(1)).max(100).default([]),
});
export type ImageRecipe = z.infer<typeof ImageRecipe>;

/** 64 hexadecimal digits; order and defaults do not matter. */
export function recipeHash(recipe: ImageRecipe): string {
  const { name, suite, packages, pip, npm, files, run } = recipe;
  const parts = [layout, name, suite, packages.toSorted(), pip.toSorted(), npm.toSorted(), files, run, sandboxFiles];
  return sha256Hex(Buffer.from(JSON.stringify(parts)));
}
