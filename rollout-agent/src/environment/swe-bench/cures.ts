// What some projects' tests need beside a repository and pinned packages (benchmarks.md §1.4), by the repository's name:
// upstream's images have it, or its machines' network does. Whoever knows of another writes it here.
import type { PinnedPython } from "@hindcast/shared";
import { pythonEnvironment } from "@hindcast/shared/node";

/** A server that tests ask instead of one of the open web. */
export interface Service {
  name: string;
  /** At the loopback address of the sandbox. */
  port: number;
  /** Pins that install for the Pythons of the instances that need it (3.9 and newer). */
  packages: readonly string[];
  /** What `python` is called with. */
  arguments: string;
  /** Says where the server is. */
  environment: Readonly<Record<string, string>>;
}

export interface Cures {
  /** Some tests want a connection that times out, where a sandbox without a network refuses it at once. */
  isNetworkSilent: boolean;
  services: readonly Service[];
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

const httpbin: Service = {
  name: "httpbin",
  port: 8_087,
  packages: [
    "blinker==1.9.0",
    "brotlicffi==1.2.1.0",
    "cffi==2.0.0",
    "click==8.1.8",
    "decorator==5.3.1",
    "flask==3.1.3",
    "gunicorn==23.0.0",
    "httpbin==0.10.4",
    "importlib-metadata==8.7.1",
    "itsdangerous==2.2.0",
    "jinja2==3.1.6",
    "markupsafe==3.0.4",
    "packaging==26.3",
    "pycparser==2.23",
    "six==1.17.0",
    "werkzeug==3.1.9",
    "zipp==3.23.1",
  ],
  arguments: "-m gunicorn --bind 127.0.0.1:8087 --workers 1 --threads 4 --log-level critical httpbin:app",
  environment: { HTTPBIN_URL: "http://127.0.0.1:8087/" },
};

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

/** Its packages are installed beside those of the instance, which do not see them. */
export function serviceEnvironment({ packages }: Service, python: string): PinnedPython {
  return pythonEnvironment({ python, pip: [...packages], conda_python_packages: {} });
}
