// Where a path of an image's lies on this machine: with links followed as the image sees them, so that Debian's absolute
// ones (`/var/run` to `/run`) lead nowhere into the host.
import { lstat, readlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { HindcastError } from "@hindcast/shared";

/** As Linux's own bound. */
const linksMax = 40;

/** @param path absolute, of something that need not be there @throws ENVIRONMENT_SETUP_FAILED for links in a circle */
export async function pathInRoot(root: string, path: string): Promise<string> {
  const names = path.split("/");
  let [at, links] = [root, 0];
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    if (name === "" || name === ".") continue;
    if (name === "..") {
      at = at === root ? root : dirname(at);
      continue;
    }
    const next = join(at, name);
    const found = await lstat(next).catch(() => null);
    if (found?.isSymbolicLink() !== true) {
      at = next;
      continue;
    }
    if (++links > linksMax) throw circle(path);
    const target = await readlink(next);
    if (target.startsWith("/")) at = root;
    names.unshift(...target.split("/"));
  }
  return at;
}

function circle(path: string): HindcastError {
  const message = `${path} cannot be written into the image: its links lead in a circle`;
  return new HindcastError({ code: "ENVIRONMENT_SETUP_FAILED", boundary: "environment", message });
}
