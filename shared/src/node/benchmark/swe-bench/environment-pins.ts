// The Python environment of an instance: SWE-bench's own resolved pins (verified-env-pins.jsonl.gz), as pip can install
// them. Verified's 500 instances need 62 environments, so an environment is named by what is in it.
import { z } from "zod";
import type { PinnedPython } from "../../../domain/swe-bench.ts";
import { sha256Hex } from "../../derive-id.ts";
import { isNodeRow } from "./node-pins.ts";
import { PinnedEnvironments } from "./pinned-environments.ts";
import { checkedRow, readRows, unreadable } from "./data-file.ts";

/** One requirement of pip's, and nothing that pip would read as an option or a URL. */
const pin = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9][A-Za-z0-9.!+_-]*$/, 'must read "name==version"');

export const EnvironmentPins = z.object({
  instance_id: z.string().min(1),
  /** Published pins say whose version they are. */
  repo: z.string().optional(),
  version: z.coerce.string().optional(),
  python: z.string().regex(/^\d+\.\d+(\.\d+)?$/, 'must read "3.9" or "3.9.20"'),
  /** Name to version, of conda's packages that may be on PyPI too. */
  conda_python_packages: z.record(z.string(), z.string()).default({}),
  pip: z.array(pin),
});
export type EnvironmentPins = z.infer<typeof EnvironmentPins>;

/** Names that conda gives to packages of PyPI; null where the package is only another's part. */
const pypiNames: Record<string, string | null> = {
  "msgpack-python": "msgpack",
  "python-tzdata": "tzdata",
  "python-xxhash": "xxhash",
  "brotli-python": "brotli",
  "pyarrow-core": "pyarrow",
  "seaborn-base": "seaborn",
  "matplotlib-base": "matplotlib",
  "nbconvert-core": "nbconvert",
  "numpy-base": null,
  "python-fastjsonschema": "fastjsonschema",
  "python-eccodes": "eccodes",
  "antlr-python-runtime": "antlr4-python3-runtime",
  "pybind11-global": null,
  importlib_resources: "importlib-resources",
  pyqt: "pyqt5",
};

/** Where PyPI has no file of a version for a Python: the next release (conda built its own), or the last that has one. */
const replacements: Record<string, string> = {
  "3.6 packaging==24.0": "packaging==21.3",
  "3.9 numpy==1.19.2": "numpy==1.19.5",
  "3.9 scipy==1.5.2": "scipy==1.5.4",
};

/**
 * What builds a project in place: upstream fetches it into an environment of the build's own, here the build takes what
 * is installed. They run on Python 3.6 and newer.
 */
const buildTools = [
  "flit-core==3.9.0",
  "setuptools-scm==6.4.2",
  // What the former needs: it takes part in every build, also of projects that do without it. Setuptools 71 and newer take
  // this one instead of their own, and it may not be older than theirs; Python 3.6's needs the second.
  "packaging==24.0",
  "pyparsing==3.0.9",
  "tomli==1.2.3",
];

/**
 * What parts in C are made with besides (`[build-system]` of a pyproject.toml, `setup_requires`), by the beginning of
 * instance ids. Where a Python is too old for one, its commits do without.
 */
const compilers: Record<string, string[]> = {
  "astropy__astropy-": ["cython==0.29.37", "extension-helpers==1.1.1", "jinja2==3.0.3", "markupsafe==2.0.1"],
  "matplotlib__matplotlib-": ["pybind11==2.11.1", "setuptools-scm-git-archive==1.4"],
};

/**
 * Parts of a package that a list names without them: conda's own names of them did not make it into the pins. Of the day
 * of those pins; an empty version is the package's own version.
 */
const companions: Record<string, string[]> = {
  "python-dateutil": ["six==1.16.0"],
  pandas: ["six==1.16.0"],
  aiohttp: ["attrs==24.2.0"],
  boto3: ["botocore=="],
  cffi: ["pycparser==2.22"],
  cfgrib: ["attrs==24.2.0", "click==8.1.7"],
  cligj: ["click==8.1.7"],
  dask: ["fsspec==2024.9.0"],
  distributed: ["click==8.1.7"],
  h2: ["hpack==4.0.0"],
  jsonschema: ["attrs==24.2.0"],
  multidict: ["typing-extensions==4.12.2"],
  nbformat: ["jupyter-core==5.7.2"],
  pint: ["appdirs==1.4.4", "typing-extensions==4.12.2"],
  pydap: ["beautifulsoup4==4.12.3", "importlib-metadata==8.5.0"],
  rasterio: ["attrs==24.2.0", "click==8.1.7", "click-plugins==1.1.1"],
  zarr: ["asciitree==0.3.3"],
};

/** What upstream's images have and its pins do not name, by the beginning of instance ids. */
const unpinned: Record<string, string[]> = {
  // Namespace packages, at the versions that its own specifications allow.
  "sphinx-doc__sphinx-": [
    "sphinxcontrib-applehelp==1.0.7",
    "sphinxcontrib-devhelp==1.0.5",
    "sphinxcontrib-htmlhelp==2.0.4",
    "sphinxcontrib-jsmath==1.0.1",
    "sphinxcontrib-qthelp==1.0.6",
    "sphinxcontrib-serializinghtml==1.1.9",
  ],
  // Its own list of requirements has it, and its tests skip what they cannot import.
  "pydata__xarray-": ["sparse==0.15.4"],
  // Its gold patch adds a dependency, which upstream's evaluation fetches.
  "pylint-dev__pylint-4661": ["appdirs==1.4.4"],
};

function toolsOf(instanceId: string): string[] {
  const own = Object.entries(compilers).flatMap(([id, packages]) => (instanceId.startsWith(id) ? packages : []));
  return [...buildTools, ...own];
}

/** @param building what builds the project in place, unless the pins have another version of it */
export function pythonEnvironment(
  pins: Omit<EnvironmentPins, "instance_id" | "repo" | "version">,
  building: readonly string[] = buildTools,
): PinnedPython {
  const python = pins.python.split(".").slice(0, 2).join(".");
  const replaced = (requirement: string): string => replacements[`${python} ${requirement}`] ?? requirement;
  const packages = [...new Set(pins.pip.map(replaced))].toSorted();
  const required = new Set(packages.map(nameOf));
  const conda = Object.entries(pins.conda_python_packages).flatMap(([name, version]) => {
    const known = pypiNames[name];
    return known === null ? [] : [replaced(`${known ?? name}==${version}`)];
  });
  // An environment without packages is Python as it is.
  const tools = packages.length + conda.length === 0 ? [] : building;
  const pinned = new Set(conda.map(nameOf));
  const added = tools.map(replaced).filter((each) => !pinned.has(nameOf(each)));
  const optionalPackages = [...new Set([...conda, ...added])].filter((each) => !required.has(nameOf(each))).toSorted();
  const key = sha256Hex(JSON.stringify([python, packages, optionalPackages])).slice(0, 16);
  return { key, python, packages, optionalPackages };
}

/** @throws DOCUMENTS_UNREADABLE naming file, line and field */
export async function readEnvironmentPins(file: string): Promise<PinnedEnvironments> {
  const environments = new PinnedEnvironments();
  for (const row of await readRows(file)) {
    if (isNodeRow(row.value)) continue;
    const pins = checkedRow(EnvironmentPins, row);
    if (environments.has(pins.instance_id)) throw unreadable(`${row.place}: ${pins.instance_id} comes a second time`);
    const added = Object.entries(unpinned).flatMap(([id, packages]) =>
      pins.instance_id.startsWith(id) ? packages : [],
    );
    const pip = [...pins.pip, ...added, ...missingCompanions(pins)];
    environments.add(pins.instance_id, pythonEnvironment({ ...pins, pip }, toolsOf(pins.instance_id)), pins);
  }
  return environments;
}

function missingCompanions({ pip, conda_python_packages: conda }: EnvironmentPins): string[] {
  const versions = new Map([
    ...pip.map((pin): [string, string] => [nameOf(pin), pin.split("==")[1] ?? ""]),
    ...Object.entries(conda).map(([name, version]): [string, string] => [nameOf(name), version]),
  ]);
  const missing = Object.entries(companions).flatMap(([name, parts]) => {
    const version = versions.get(name);
    if (version === undefined) return [];
    return parts.map((part) => (part.endsWith("==") ? `${part}${version}` : part));
  });
  return [...new Set(missing)].filter((part) => !versions.has(nameOf(part)));
}

function nameOf(requirement: string): string {
  return (requirement.split("==")[0] ?? "").toLowerCase().replaceAll("_", "-");
}
