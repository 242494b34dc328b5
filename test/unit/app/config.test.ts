import assert from "node:assert/strict";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { loadConfig, processSources } from "../../../router/app/config.ts";
import { formatEndpoint } from "../../../router/core/config/endpoint-shape.ts";

/** What a pod always has. */
const POD = { SLUICE_IDENTITY_NAMESPACE: "research", SLUICE_IDENTITY_POD: "agent-0", SLUICE_IDENTITY_AGENT: "agent" };
const ABSENT = join(tmpdir(), "sluice-there-is-no-such-file.yaml");

function written(context: TestContext, content: string | Uint8Array): string {
  const directory = mkdtempSync(join(tmpdir(), "sluice-config-"));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, "router.yaml");
  writeFileSync(file, content);
  return file;
}

const document = (spec: string): string => `apiVersion: sluice.dev/v1alpha1\nkind: RouterConfig\nspec: ${spec}\n`;

interface Given {
  readonly argv?: readonly string[];
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly file?: string;
}

async function problemsOf(given: Given): Promise<readonly string[]> {
  const loaded = await loadConfig({
    argv: given.argv ?? [],
    environment: { ...POD, ...given.environment },
    defaultFile: given.file ?? ABSENT,
  });
  return loaded.ok ? [] : loaded.problem.map((problem) => `${problem.file} ${problem.code}`);
}

test("the command line wins over the environment, which wins over the file, which wins over the defaults", async (context) => {
  const file = written(
    context,
    document("{ log: { level: debug }, audit: { mode: blocking }, limits: { connections: 7 } }"),
  );
  const rows: readonly (readonly [readonly string[], Readonly<Record<string, string>>, string, readonly unknown[]])[] =
    [
      [[], {}, ABSENT, ["info", "strict", 1024]],
      [[], {}, file, ["debug", "blocking", 7]],
      [[], { SLUICE_LOG_LEVEL: "warn" }, file, ["warn", "blocking", 7]],
      [["--log-level", "error"], { SLUICE_LOG_LEVEL: "warn" }, file, ["error", "blocking", 7]],
      [
        ["--log-level=error", "--audit-mode=best_effort"],
        { SLUICE_LIMITS_CONNECTIONS: "9" },
        file,
        ["error", "best_effort", 9],
      ],
      [["--config", file], {}, ABSENT, ["debug", "blocking", 7]],
      [[`--config=${file}`, "--log-level", "silent"], {}, ABSENT, ["silent", "blocking", 7]],
    ];
  for (const [argv, environment, defaultFile, expected] of rows) {
    const loaded = await loadConfig({ argv, environment: { ...POD, ...environment }, defaultFile });
    assert.ok(loaded.ok, JSON.stringify(loaded));
    const { log, audit, limits, identity } = loaded.value;
    assert.deepEqual([log.level, audit.mode, limits.connections], expected);
    assert.deepEqual(identity, { namespace: "research", pod: "agent-0", agent: "agent", image: undefined });
  }
});

test("what is wrong is named, each thing at its place", async (context) => {
  const rows: readonly (readonly [string, Given, readonly string[]])[] = [
    ["nothing", {}, []],
    ["an unknown flag", { argv: ["--nonsense=1"] }, ["--nonsense unknown_flag"]],
    [
      "a flag that is almost one",
      { argv: ["--log-levels", "info"] },
      ["--log-levels unknown_flag", "info unexpected_argument"],
    ],
    ["a word that is no flag", { argv: ["quickstart"] }, ["quickstart unexpected_argument"]],
    ["an empty word", { argv: [""] }, [" unexpected_argument"]],
    ["the end of flags is none", { argv: ["--"] }, ["-- unknown_flag"]],
    ["a flag without its value", { argv: ["--log-level"] }, ["--log-level value_missing"]],
    ["a flag in a value's place", { argv: ["--log-level", "--audit-mode", "strict"] }, ["--log-level value_missing"]],
    ["a flag twice", { argv: ["--log-level=info", "--log-level=warn"] }, ["--log-level flag_twice"]],
    ["a bad value of a flag", { argv: ["--log-level=loud"] }, ["--log-level unknown_value"]],
    ["a misspelt variable", { environment: { SLUICE_AUDIT_MODUS: "strict" } }, ["SLUICE_AUDIT_MODUS unknown_variable"]],
    [
      "a variable by another case",
      { environment: { SLUICE_audit_mode: "strict" } },
      ["SLUICE_audit_mode unknown_variable"],
    ],
    [
      "a variable for what stands in the file only",
      { environment: { SLUICE_RESOLVER_HOSTS: "a" } },
      ["SLUICE_RESOLVER_HOSTS unknown_variable"],
    ],
    ["the bare prefix", { environment: { SLUICE_: "1" } }, ["SLUICE_ unknown_variable"]],
    ["a bad value of a variable", { environment: { SLUICE_AUDIT_MODE: "" } }, ["SLUICE_AUDIT_MODE unknown_value"]],
    [
      "a misspelt port, a number",
      { environment: { SLUICE_ADMIN_PORT: "9000" } },
      ["SLUICE_ADMIN_PORT unknown_variable"],
    ],
    [
      "variables of others",
      { environment: { HOME: "/", SLUICEX: "1", SLUICE_TEST_REQUIRE: "netns", SLUICE_UNSET: undefined } },
      [],
    ],
    ["a file that was named and is not there", { argv: ["--config", ABSENT] }, [`${ABSENT} file_missing`]],
    ["a directory", { argv: ["--config", tmpdir()] }, [`${tmpdir()} not_a_regular_file`]],
    ["a device", { file: "/dev/zero" }, ["/dev/zero not_a_regular_file"]],
  ];
  for (const [name, given, expected] of rows) assert.deepEqual(await problemsOf(given), expected, name);

  const latin = written(context, Buffer.from([0x61, 0xff]));
  assert.deepEqual(await problemsOf({ file: latin }), [`${latin} not_utf8`]);
  const dangling = `${latin}-link`;
  symlinkSync("nowhere", dangling);
  assert.deepEqual(
    await problemsOf({ file: dangling }),
    [`${dangling} file_missing`],
    "no defaults for a broken mount",
  );
  const huge = written(context, "#".repeat(1024 * 1024 + 1));
  assert.deepEqual(await problemsOf({ file: huge }), [`${huge} file_too_large`]);
});

test("everything that is wrong comes at once, from all three", async (context) => {
  const file = written(context, document("{ log: { level: loud }, nonsense: 1 }"));
  const found = await problemsOf({
    argv: ["--nonsense", "--audit-mode=lax"],
    environment: { SLUICE_NONSENSE: "1", SLUICE_LIMITS_CONNECTIONS: "-1" },
    file,
  });
  assert.deepEqual(
    new Set(found.map((problem) => problem.split(" ")[0])),
    new Set(["--audit-mode", "--nonsense", "SLUICE_LIMITS_CONNECTIONS", "SLUICE_NONSENSE", file]),
  );
});

/** What the kubelet sets for a Service (`enableServiceLinks`). */
const services = (name: string): Readonly<Record<string, string>> => ({
  [`${name}_SERVICE_HOST`]: "10.96.0.12",
  [`${name}_SERVICE_PORT`]: "443",
  [`${name}_SERVICE_PORT_WEBHOOK_TLS`]: "443",
  [`${name}_PORT`]: "tcp://10.96.0.12:443",
  [`${name}_PORT_443_TCP`]: "tcp://10.96.0.12:443",
  [`${name}_PORT_443_TCP_PROTO`]: "tcp",
  [`${name}_PORT_443_TCP_PORT`]: "443",
  [`${name}_PORT_443_TCP_ADDR`]: "10.96.0.12",
  [`${name}_PORT_53_UDP`]: "udp://[fd00::1]:53",
});

test("INV-CFG-1: Services that are called like settings neither break a pod nor set anything", async () => {
  for (const name of ["SLUICE", "SLUICE_CONTROLLER", "SLUICE_LISTENERS_ADMIN", "SLUICE_LISTENERS_FORWARD"]) {
    const loaded = await loadConfig({ argv: [], environment: { ...POD, ...services(name) }, defaultFile: ABSENT });
    assert.ok(loaded.ok, name);
    assert.equal(loaded.value.listeners.admin.port, 18_090);
    assert.equal(loaded.value.listeners.forward.port, 18_080);
  }
});

test("this process's own environment is a source", () => {
  const sources = processSources(["--config", "x"]);
  assert.equal(sources.environment["PATH"], process.env["PATH"]);
  assert.deepEqual([sources.argv, sources.defaultFile], [["--config", "x"], "/etc/sluice/router.yaml"]);
});

test("OpenTelemetry's own variables count, and ours win over them", async () => {
  const read = async (environment: Record<string, string>): Promise<unknown> => {
    const loaded = await loadConfig({ argv: [], environment: { ...POD, ...environment }, defaultFile: ABSENT });
    if (!loaded.ok) return loaded.problem.map(({ file, code }) => `${file} ${code}`);
    const { endpoint, latestNames } = loaded.value.tracing;
    return [endpoint === undefined ? undefined : formatEndpoint(endpoint), latestNames];
  };
  assert.deepEqual(await read({}), [undefined, false]);
  assert.deepEqual(await read({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318/" }), [
    "http://collector:4318",
    false,
  ]);
  const both = {
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://a:4318",
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://b:4318/v1/traces",
    OTEL_SEMCONV_STABILITY_OPT_IN: "http, gen_ai_latest_experimental",
  };
  assert.deepEqual(await read(both), ["http://b:4318", true]);
  assert.deepEqual(await read({ ...both, SLUICE_TRACING_ENDPOINT: "https://c:4318" }), ["https://c:4318", true]);
  assert.deepEqual(await read({ OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }), ["OTEL_EXPORTER_OTLP_PROTOCOL not_spoken"]);
  assert.deepEqual(await read({ OTEL_EXPORTER_OTLP_ENDPOINT: "grpc://a:4317" }), [
    "OTEL_EXPORTER_OTLP_ENDPOINT bad_endpoint",
  ]);
});

const servers: readonly (readonly [
  name: string,
  spec: string,
  environment: Readonly<Record<string, string>>,
  expected: string,
])[] = [
  ["nothing is watched", "{}", { KUBERNETES_SERVICE_HOST: "10.96.0.1", KUBERNETES_SERVICE_PORT: "443" }, "none"],
  [
    "the pod's",
    "{ kubernetes: { watch: true } }",
    { KUBERNETES_SERVICE_HOST: "10.96.0.1", KUBERNETES_SERVICE_PORT: "443" },
    "https://10.96.0.1",
  ],
  [
    "the pod's by IPv6",
    "{ kubernetes: { watch: true } }",
    { KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "6443" },
    "https://[fd00::1]:6443",
  ],
  [
    "the file's wins",
    "{ kubernetes: { watch: true, server: 'https://api.example' } }",
    { KUBERNETES_SERVICE_HOST: "10.96.0.1", KUBERNETES_SERVICE_PORT: "443" },
    "https://api.example",
  ],
  [
    "ours wins over the file's",
    "{ kubernetes: { watch: true, server: 'https://api.example' } }",
    { SLUICE_KUBERNETES_SERVER: "https://own.example" },
    "https://own.example",
  ],
  ["no pod", "{ kubernetes: { watch: true } }", {}, "KUBERNETES_SERVICE_HOST server_missing"],
  [
    "half of it",
    "{ kubernetes: { watch: true } }",
    { KUBERNETES_SERVICE_HOST: "10.96.0.1" },
    "KUBERNETES_SERVICE_HOST server_missing",
  ],
  [
    "more than a host",
    "{ kubernetes: { watch: true } }",
    { KUBERNETES_SERVICE_HOST: "a/b", KUBERNETES_SERVICE_PORT: "443" },
    "KUBERNETES_SERVICE_HOST bad_endpoint",
  ],
  [
    "more than a port",
    "{ kubernetes: { watch: true } }",
    { KUBERNETES_SERVICE_HOST: "10.96.0.1", KUBERNETES_SERVICE_PORT: "443/x?y" },
    "KUBERNETES_SERVICE_HOST bad_endpoint",
  ],
];
for (const [name, spec, environment, expected] of servers) {
  test(`the API server that is followed: ${name}`, async (context) => {
    const defaultFile = written(context, document(spec));
    const loaded = await loadConfig({ argv: [], environment: { ...POD, ...environment }, defaultFile });
    const found = loaded.ok
      ? loaded.value.kubernetes.server === undefined
        ? "none"
        : formatEndpoint(loaded.value.kubernetes.server)
      : loaded.problem.map(({ file, code }) => `${file} ${code}`).join();
    assert.equal(found, expected);
  });
}
