import { lstat } from "node:fs/promises";
import { assertNever } from "../core/base/assert-never.ts";
import type { DocumentProblem } from "../core/base/problem.ts";
import { fail, ok, type Result } from "../core/base/result.ts";
import { parseEndpoint } from "../core/config/endpoint-shape.ts";
import { parseRouterConfig, routerConfigSettings, type SettingText } from "../core/config/parse-router-config.ts";
import type { RouterConfig } from "../core/config/router-config.ts";
import { readRegularFile } from "../edge/sources/regular-file.ts";

export interface ConfigSources {
  /** What follows the verb: `--config FILE`, `--audit-mode strict`, `--audit-mode=strict`. */
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Read where `--config` names none; it need not exist. */
  readonly defaultFile: string;
}

const DEFAULT_FILE = "/etc/sluice/router.yaml";
const MAXIMUM_FILE_BYTES = 1024 * 1024;
const PREFIX = "SLUICE_";
/** Variables with our prefix that are no settings of the sidecar. */
const OTHER_VARIABLES: ReadonlySet<string> = new Set(["SLUICE_TEST_REQUIRE"]);

/** The sources of this process. Nothing else reads its environment. */
export function processSources(argv: readonly string[]): ConfigSources {
  return { argv, environment: process.env, defaultFile: DEFAULT_FILE };
}

/**
 * The configuration of the sidecar: the command line wins over the environment, which wins over the file. Everything
 * that is wrong with any of them comes back at once; a flag or a `SLUICE_` variable that is no setting is wrong too,
 * since a misspelt one would silently leave a default in force.
 */
export async function loadConfig(sources: ConfigSources): Promise<Result<RouterConfig, readonly DocumentProblem[]>> {
  const problems: DocumentProblem[] = [];
  const flags = readFlags(sources.argv, problems);
  const settings = [
    ...readOpenTelemetry(sources.environment, problems),
    ...readEnvironment(sources.environment, problems),
    ...flags.settings,
  ];
  const file = flags.file ?? sources.defaultFile;
  const source = await readSource(file, flags.file === undefined);
  // Without the file nobody can say what is missing from it.
  if (!source.ok) return fail([...problems, source.problem]);
  const parsed = parseRouterConfig(file, source.value, settings);
  if (!parsed.ok) return fail([...problems, ...parsed.problem]);
  const config = withServer(parsed.value, sources.environment, problems);
  return problems.length === 0 ? ok(config) : fail(problems);
}

/** What every pod is told of its API server counts last: it is always there. */
function withServer(
  config: RouterConfig,
  environment: ConfigSources["environment"],
  problems: DocumentProblem[],
): RouterConfig {
  const { kubernetes } = config;
  if (!kubernetes.watch || kubernetes.server !== undefined) return config;
  const [HOST, PORT] = ["KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"];
  const { [HOST]: host = "", [PORT]: port = "" } = environment;
  if (host === "" || port === "") {
    const message = "There is no API server to follow: name it in kubernetes.server, or switch kubernetes.watch off.";
    problems.push(problem(HOST, "server_missing", message));
    return config;
  }
  const server = parseEndpoint(`https://${host.includes(":") ? `[${host}]` : host}:${port}`);
  if (!server.ok || server.value.path !== "" || server.value.query !== "") {
    problems.push(problem(HOST, "bad_endpoint", `${HOST} and ${PORT} name no API server.`));
    return config;
  }
  return { ...config, kubernetes: { ...kubernetes, server: server.value } };
}

interface Flags {
  readonly file: string | undefined;
  readonly settings: readonly SettingText[];
}

function readFlags(argv: readonly string[], problems: DocumentProblem[]): Flags {
  const paths = new Map(routerConfigSettings.map(({ flag, path }) => [flag, path]));
  const settings: SettingText[] = [];
  const seen = new Set<string>();
  let file: string | undefined;
  for (let index = 0; index < argv.length; index += 1) {
    const argument = argv[index] ?? "";
    const equals = argument.indexOf("=");
    const flag = equals === -1 ? argument : argument.slice(0, equals);
    const path = paths.get(flag);
    if (flag !== "--config" && path === undefined) {
      const code = flag.startsWith("--") ? "unknown_flag" : "unexpected_argument";
      problems.push(problem(flag, code, "No setting is called so."));
      continue;
    }
    const text = equals === -1 ? argv[index + 1] : argument.slice(equals + 1);
    if (text === undefined || (equals === -1 && text.startsWith("--"))) {
      problems.push(problem(flag, "value_missing", "The flag needs a value."));
      continue;
    }
    if (equals === -1) index += 1;
    if (seen.has(flag)) problems.push(problem(flag, "flag_twice", "The flag is given more than once."));
    seen.add(flag);
    if (path === undefined) file = text;
    else settings.push({ path, text, origin: flag });
  }
  return { file, settings };
}

function readEnvironment(
  environment: ConfigSources["environment"],
  problems: DocumentProblem[],
): readonly SettingText[] {
  const paths = new Map(routerConfigSettings.map((setting) => [setting.environment, setting.path]));
  const settings: SettingText[] = [];
  for (const [name, text] of Object.entries(environment).toSorted(([one], [other]) => (one < other ? -1 : 1))) {
    if (!name.startsWith(PREFIX) || text === undefined || OTHER_VARIABLES.has(name) || isServiceVariable(name, text))
      continue;
    const path = paths.get(name);
    if (path === undefined) problems.push(problem(name, "unknown_variable", "No setting is called so."));
    else settings.push({ path, text, origin: name });
  }
  return settings;
}

/** OpenTelemetry's own variables, which clusters set for all their containers; ours win over them. */
function readOpenTelemetry(
  environment: ConfigSources["environment"],
  problems: DocumentProblem[],
): readonly SettingText[] {
  const settings: SettingText[] = [];
  const protocol = "OTEL_EXPORTER_OTLP_PROTOCOL";
  if (environment[protocol] === "grpc") {
    problems.push(problem(protocol, "not_spoken", "Spans are sent as http/json only: name the collector's HTTP port."));
  }
  for (const origin of ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]) {
    const text = environment[origin];
    // The second is the whole URL, the first what `/v1/traces` is put behind; ours is the first.
    const base = text?.replace(/\/v1\/traces\/?$/, "").replace(/\/$/, "");
    if (base !== undefined && base !== "") settings.push({ path: "tracing.endpoint", text: base, origin });
  }
  const optIn = environment["OTEL_SEMCONV_STABILITY_OPT_IN"]?.split(",").map((name) => name.trim()) ?? [];
  if (optIn.includes("gen_ai_latest_experimental")) {
    settings.push({ path: "tracing.latestNames", text: "true", origin: "OTEL_SEMCONV_STABILITY_OPT_IN" });
  }
  return settings;
}

/**
 * The kubelet gives every container variables for the Services of its namespace, and one of those may be called
 * `sluice-controller`, or even `sluice-listeners-admin`. They are told by name and value: `SLUICE_ADMIN_PORT=9000`
 * is a misspelt setting, `SLUICE_ADMIN_PORT=tcp://10.0.0.1:443` a Service.
 */
function isServiceVariable(name: string, text: string): boolean {
  if (/_PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_PROTO|_PORT|_ADDR)?$/.test(name)) return true;
  if (name.endsWith("_SERVICE_HOST")) return /^[0-9a-f.:]+$/.test(text);
  if (/_SERVICE_PORT(?:_[A-Z0-9_]+)?$/.test(name)) return /^[0-9]+$/.test(text);
  return name.endsWith("_PORT") && /^(?:tcp|udp|sctp):\/\//.test(text);
}

/** The text of the file; undefined where there is none and none is needed. */
async function readSource(file: string, mayBeAbsent: boolean): Promise<Result<string | undefined, DocumentProblem>> {
  const read = await readRegularFile(file, MAXIMUM_FILE_BYTES);
  if (read.ok) {
    try {
      return ok(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(read.value.bytes));
    } catch {
      return fail(problem(file, "not_utf8", "The file is not UTF-8."));
    }
  }
  switch (read.problem.kind) {
    case "moved":
      // A link that leads nowhere is a broken mount, and not the wish for defaults.
      if (mayBeAbsent && !(await isThere(file))) return ok(undefined);
      return fail(problem(file, "file_missing", "The file does not exist, or is just being changed."));
    case "not_a_file":
      return fail(problem(file, "not_a_regular_file", "The configuration must be a regular file."));
    case "too_large":
      return fail(problem(file, "file_too_large", `The file is larger than ${MAXIMUM_FILE_BYTES} octets.`));
    case "unreadable":
      return fail(problem(file, "file_unreadable", `The file cannot be read (${read.problem.code}).`));
    default:
      return assertNever(read.problem);
  }
}

function isThere(file: string): Promise<boolean> {
  return lstat(file).then(
    () => true,
    () => false,
  );
}

function problem(file: string, code: string, message: string): DocumentProblem {
  return { file, line: 0, column: 0, code, message };
}
