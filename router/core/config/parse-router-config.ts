import type { DocumentProblem } from "../base/problem.ts";
import type { Result } from "../base/result.ts";
import { API_VERSION, readDocument } from "../document/document-kind.ts";
import { nodeOf } from "../document/node-of.ts";
import { readYaml, type SourceTree } from "../document/read-yaml.ts";
import { Report } from "../document/report.ts";
import { nodeAt, overlay, type Setting, settingsOf } from "../document/settings.ts";
import type { RouterConfig } from "./router-config.ts";
import { routerConfig, routerConfigSpec } from "./router-config-shape.ts";

/** Every setting that the environment and the command line can give; `resolver.hosts` stands in the file only. */
export const routerConfigSettings: readonly Setting[] = settingsOf(routerConfigSpec);

/** A value from outside the file. `origin` is where its problems are reported: `SLUICE_AUDIT_MODE`, `--audit-mode`. */
export interface SettingText {
  readonly path: string;
  readonly text: string;
  readonly origin: string;
}

/**
 * The complete configuration: the file (undefined: there is none, and problems of the whole are reported under `file`
 * all the same), overlaid with the settings, later ones winning, and with every default filled in; or every problem
 * at once. A setting whose path is none of `routerConfigSettings` is a bug.
 */
export function parseRouterConfig(
  file: string,
  source: string | undefined,
  settings: readonly SettingText[] = [],
): Result<RouterConfig, readonly DocumentProblem[]> {
  return readConfig(source === undefined ? noFile(file) : readYaml(file, source), settings);
}

/** The problems of a file by itself: the identity, which a pod gets from its environment, may be missing. */
export function checkRouterConfig(file: string, source: string): readonly DocumentProblem[] {
  const tree = readYaml(file, source);
  const { root } = tree;
  const absent = routerConfigSettings.filter(({ path: setting }) => {
    // Only what must be there: an image may also be unknown.
    return (
      setting.startsWith("identity.") &&
      setting !== "identity.image" &&
      root.kind === "map" &&
      nodeAt(root, inSpec(setting)) === undefined
    );
  });
  const checked = readConfig(
    tree,
    absent.map(({ path: setting }) => ({ path: setting, text: "any", origin: file })),
  );
  return checked.ok ? [] : checked.problem;
}

function readConfig(
  tree: SourceTree,
  settings: readonly SettingText[],
): Result<RouterConfig, readonly DocumentProblem[]> {
  let { root } = tree;
  for (const { path: setting, text: given, origin } of settings) {
    const known = routerConfigSettings.find((candidate) => candidate.path === setting);
    if (known === undefined) throw new Error(`no setting is called ${setting}`);
    if (root.kind === "map") root = overlay(root, inSpec(setting), known.node(given, origin));
  }
  return readDocument(routerConfig, { ...tree, root });
}

function inSpec(setting: string): readonly string[] {
  return ["spec", ...setting.split(".")];
}

function noFile(origin: string): SourceTree {
  const document = { apiVersion: API_VERSION, kind: routerConfig.kind, spec: {} };
  return { root: nodeOf(document, origin), report: new Report(origin, "") };
}
