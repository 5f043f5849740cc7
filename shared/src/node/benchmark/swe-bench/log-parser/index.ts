// The parsers by the names that instances give them.
import type { LogParser } from "./log-parser.ts";
import { parseCargo, parseGoogleTest, parseGoTest, parseJq, parseMicropython, parseRedis } from "./compiled.ts";
import { parseDjango } from "./django.ts";
import { parseDoctest } from "./doctest.ts";
import { parseAnt, parseGradle, parseMaven } from "./java.ts";
import { parseImmutableJs, parseJest, parseJestJson, parseKarma, parseTap, parseVitest } from "./javascript.ts";
import { parseCucumber, parseJekyll, parseMinitest, parsePhpUnit, parseRspec, parseRubyUnit } from "./php-and-ruby.ts";
import { parseMatplotlib, parsePytest, parsePytestOptions, parsePytestV2, parseSeaborn } from "./pytest.ts";
import { parseSympy } from "./sympy.ts";

const parsers: Record<string, LogParser> = {
  pytest: parsePytest,
  astroid: parsePytest,
  flask: parsePytest,
  marshmallow: parsePytest,
  pvlib: parsePytest,
  pyvista: parsePytest,
  sqlfluff: parsePytest,
  xarray: parsePytest,
  pytest_options: parsePytestOptions,
  pydicom: parsePytestOptions,
  requests: parsePytestOptions,
  pylint: parsePytestOptions,
  pytest_v2: parsePytestV2,
  astropy: parsePytestV2,
  scikit: parsePytestV2,
  sphinx: parsePytestV2,
  django: parseDjango,
  seaborn: parseSeaborn,
  sympy: parseSympy,
  matplotlib: parseMatplotlib,
  cargo: parseCargo,
  gotest: parseGoTest,
  jest: parseJest,
  jest_json: parseJestJson,
  vitest: parseVitest,
  karma: parseKarma,
  tap: parseTap,
  immutable_js: parseImmutableJs,
  redis: parseRedis,
  jq: parseJq,
  doctest: parseDoctest,
  micropython_test: parseMicropython,
  googletest: parseGoogleTest,
  maven: parseMaven,
  ant: parseAnt,
  gradle_custom: parseGradle,
  phpunit: parsePhpUnit,
  rspec_transformed_json: parseRspec,
  ruby_unit: parseRubyUnit,
  minitest: parseMinitest,
  cucumber: parseCucumber,
  jekyll: parseJekyll,
};

const prefix = "parse_log_";

/** @returns the parser that an instance names (`parse_log_django`), or null where there is none of that name */
export function logParserNamed(name: string): LogParser | null {
  return Object.hasOwn(parsers, name.slice(prefix.length)) && name.startsWith(prefix)
    ? (parsers[name.slice(prefix.length)] ?? null)
    : null;
}

export const logParserNames: readonly string[] = Object.keys(parsers).map((name) => `${prefix}${name}`);
