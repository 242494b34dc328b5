import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { auditRecord, auditRecords, type ReadRecord } from "./audit-records.ts";
import { type ModelOrigin, type ModelScript, type SeenRequest, startModelOrigin } from "./model-origin.ts";
import { PROVIDER_KEY } from "./model-policy.ts";
import { type Sidecar, startSidecar } from "./sidecar.ts";
import { sameDay } from "./same-day.ts";

export interface WorldOptions {
  /** Providers by id, each with an origin of its own: what it speaks, and further members of its flow map. */
  readonly providers?: Readonly<Record<string, readonly [api: string, ...members: string[]]>>;
  /** Each a flow map; see `servedModel`. */
  readonly models: readonly string[];
  readonly budgets?: readonly string[];
  readonly rateLimits?: readonly string[];
  /** Further members of the `inference` settings, as of a YAML flow map. */
  readonly inference?: readonly string[];
}

/** One HTTP request that an SDK made, its retries included. */
export interface SdkAttempt {
  readonly url: string;
  readonly headers: Headers;
  readonly at: number;
}

export interface WorldBudget {
  readonly used: number | string;
  readonly reserved: number | string;
  readonly remaining: number | string;
}

/** What came since a provider was given its script. */
export interface Scene {
  readonly requests: readonly SeenRequest[];
  /** What the SDKs sent in the meantime. */
  readonly attempts: readonly SdkAttempt[];
}

/** A sidecar between real SDKs and scripted providers. */
export interface ModelWorld extends AsyncDisposable {
  readonly sidecar: Sidecar;
  /** Of the agent API, without a path. */
  readonly url: string;
  origin(id?: string): ModelOrigin;
  /** The provider answers so from now on. */
  scene(script: ModelScript, id?: string): Scene;
  /** As an agent has it: the router's URL and no key. */
  openai(options?: ConstructorParameters<typeof OpenAI>[0]): OpenAI;
  anthropic(options?: ConstructorParameters<typeof Anthropic>[0]): Anthropic;
  /** The fetch of every client: it only counts. */
  readonly fetch: typeof fetch;
  budget(id: string): Promise<WorldBudget>;
  /** The record of a call's end, by its request id or by the model that it asked for. */
  ended(requestOrModel: string): Promise<ReadRecord>;
  records(): readonly ReadRecord[];
}

/** Milliseconds after which a test would rather fail than wait. */
const MOST_WAIT = 5_000;

/** A model of the policy; `provider` has it under the name `up-<name>`. */
export function servedModel(name: string, provider = "main", more: readonly string[] = []): string {
  const providers = provider.split(" ").map((id) => `{ provider: ${id}, model: up-${name} }`);
  const members = [
    `name: ${name}`,
    "maxOutput: 1000",
    "context: 100000",
    `targets: [${providers.join(", ")}]`,
    ...more,
  ];
  return `{ ${members.join(", ")} }`;
}

export async function startModelWorld(options: WorldOptions): Promise<ModelWorld> {
  await sameDay();
  const origins = new Map<string, ModelOrigin>();
  const lines = ["providers:"];
  for (const [id, [api, ...members]] of Object.entries(options.providers ?? { main: ["openai"] })) {
    const origin = await startModelOrigin();
    origins.set(id, origin);
    const provider = [
      `id: ${id}`,
      `api: ${api}`,
      `endpoint: "http://127.0.0.1:${origin.port}${api === "openai" ? "/v1" : ""}"`,
      "credential: { file: provider-key }",
      `addresses: ["127.0.0.1:${origin.port}"]`,
      ...members,
    ];
    lines.push(`  - { ${provider.join(", ")} }`);
  }
  for (const name of ["models", "budgets", "rateLimits"] as const) {
    const items = options[name] ?? [];
    if (items.length > 0) lines.push(`${name}:`, ...items.map((item) => `  - ${item}`));
  }
  const closeOrigins = async (): Promise<void> => {
    for (const one of origins.values()) await one.close();
  };
  const sidecar = await startSidecar({
    allow: [],
    settings: ["limits: { drain: 200ms }"],
    secrets: { "provider-key": PROVIDER_KEY },
    models: lines,
    inference: options.inference ?? [],
  }).catch(async (error: unknown) => {
    await closeOrigins();
    throw error;
  });
  const url = `http://127.0.0.1:${sidecar.agentPort}`;
  const attempts: SdkAttempt[] = [];
  const counted: typeof fetch = async (input, init) => {
    const to = typeof input === "string" ? input : input instanceof URL ? input.href : input.url;
    attempts.push({ url: to, headers: new Headers(init?.headers), at: performance.now() });
    return fetch(input, init);
  };
  const origin = (id = "main"): ModelOrigin => {
    const found = origins.get(id);
    if (found === undefined) throw new Error(`no provider ${id}`);
    return found;
  };

  return {
    sidecar,
    url,
    origin,
    scene(script, id) {
      const { requests } = origin(id);
      const [fromRequest, fromAttempt] = [requests.length, attempts.length];
      origin(id).script(script);
      return {
        get requests() {
          return requests.slice(fromRequest);
        },
        get attempts() {
          return attempts.slice(fromAttempt);
        },
      };
    },
    openai: (more) =>
      new OpenAI({ baseURL: `${url}/v1`, apiKey: "not-needed", fetch: counted, timeout: MOST_WAIT, ...more }),
    anthropic: (more) =>
      new Anthropic({ baseURL: url, apiKey: "not-needed", fetch: counted, timeout: MOST_WAIT, ...more }),
    fetch: counted,
    async budget(id) {
      const response = await fetch(`${url}/budget`, { signal: AbortSignal.timeout(MOST_WAIT) });
      const { budgets } = (await response.json()) as { budgets: ({ id: string } & WorldBudget)[] };
      const found = budgets.find((budget) => budget.id === id);
      if (found === undefined) throw new Error(`no budget ${id}`);
      return found;
    },
    ended: (which) =>
      auditRecord(
        sidecar.auditDirectory,
        ({ kind, request, target }) => kind === "inference.end" && (request === which || target === which),
      ),
    records: () => auditRecords(sidecar.auditDirectory),
    async [Symbol.asyncDispose]() {
      await sidecar[Symbol.asyncDispose]();
      await closeOrigins();
    },
  };
}

/** What the call's record says was charged. */
export function chargeOf(record: ReadRecord): { readonly tokens: unknown; readonly estimated: unknown } {
  return { tokens: record.detail["tokens"], estimated: record.detail["estimated"] };
}

/** A request's body as JSON. */
export function sentBody(request: SeenRequest | undefined): Record<string, unknown> {
  return JSON.parse(request?.body.toString("utf8") ?? "null") as Record<string, unknown>;
}
