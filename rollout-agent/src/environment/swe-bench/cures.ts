// What some projects' tests need beside a repository and pinned packages (benchmarks.md §1.4), by the repository's name:
// upstream's images have it, or its machines' network does. Whoever knows of another writes it here.
import { httpbin, type WebService } from "./web-service.ts";

export interface Cures {
  /** Some tests want a connection that times out, where a sandbox without a network refuses it at once. */
  isNetworkSilent: boolean;
  services: readonly WebService[];
  /** For a build that would fetch libraries: a file of settings, and the variable that names it. */
  buildSettings: { variable: string; text: string } | null;
  /**
   * Installs a project with parts in C, which takes minutes: what it leaves is kept for each commit. The evaluation scripts
   * have the same line and find it done. Null: nothing is worth keeping.
   */
  build: string | null;
  /** Files that clones are known to lack. */
  lostFiles: readonly LostFile[];
}

export interface LostFile {
  path: string;
  /** "astropy==5.3": a release on PyPI whose wheel holds a later edition. */
  requirement: string;
}

const none: Cures = { isNetworkSilent: false, services: [], buildSettings: null, build: null, lostFiles: [] };
const cures: Readonly<Record<string, Partial<Cures>>> = {
  "astropy/astropy": {
    build: "python -m pip install -e .[test] --verbose",
    // 4.9 MB; no release has the editions of January to June 2023.
    lostFiles: [{ path: "astropy/utils/iers/data/eopc04.1962-now", requirement: "astropy==5.3" }],
  },
  // The system's libraries (Debian's libfreetype-dev and libqhull-dev) instead of those that it would download.
  "matplotlib/matplotlib": {
    buildSettings: { variable: "MPLSETUPCFG", text: "[libs]\nsystem_freetype = True\nsystem_qhull = True\n" },
    build: "python -m pip install -e .",
  },
  "scikit-learn/scikit-learn": { build: "python -m pip install -v --no-use-pep517 --no-build-isolation -e ." },
  "psf/requests": { isNetworkSilent: true, services: [httpbin] },
};

export function curesOf(repository: string): Cures {
  return { ...none, ...(Object.hasOwn(cures, repository) ? cures[repository] : {}) };
}
