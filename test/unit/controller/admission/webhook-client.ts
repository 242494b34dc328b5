import { createPrivateKey, X509Certificate } from "node:crypto";
import type { TestContext } from "node:test";
import { Agent, request } from "undici";
import type { AdmissionLimits } from "../../../../controller/admission/admission-limits.ts";
import {
  type AdmissionServer,
  type Observation,
  openAdmissionServer,
  type ServedPair,
  type Webhook,
} from "../../../../controller/admission/admission-server.ts";
import { createAuthority, issueLeaf, serviceNames } from "../../../../controller/certificates/authority.ts";
import { epochMillis, millis } from "../../../../router/core/base/quantity.ts";

export const NAMES = serviceNames("sluice-webhook", "sluice-system");
const DAY = 24 * 60 * 60 * 1000;

export interface OpenWebhook {
  readonly server: AdmissionServer;
  readonly ca: string;
  readonly observed: Observation[];
  readonly faults: unknown[];
  readonly agent: Agent;
  post(path: string, body: string | Uint8Array, headers?: Record<string, string>): Promise<WebhookAnswer>;
}

export interface WebhookAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** A CA and a pair of it, valid now. */
export async function servedPair(): Promise<{ readonly ca: string; readonly pair: ServedPair }> {
  const now = epochMillis(Date.now());
  const authority = await createAuthority(now, millis(DAY));
  const parsed = { certificate: new X509Certificate(authority.certificate), key: createPrivateKey(authority.key) };
  return { ca: authority.certificate, pair: await issueLeaf(parsed, NAMES, now, millis(DAY)) };
}

/** A server on loopback, and a client that verifies it as the API server does; both end with the test. */
export async function openWebhook(
  t: Pick<TestContext, "after">,
  webhooks: ReadonlyMap<string, Webhook>,
  limits: Partial<AdmissionLimits> = {},
): Promise<OpenWebhook> {
  const { ca, pair } = await servedPair();
  const observed: Observation[] = [];
  const faults: unknown[] = [];
  const server = await openAdmissionServer({
    port: 0,
    host: "127.0.0.1",
    webhooks,
    limits,
    observe: (observation) => observed.push(observation),
    fault: (thrown) => faults.push(thrown),
  });
  server.serve(pair);
  const agent = clientOf(ca);
  t.after(async () => {
    await agent.destroy();
    await server[Symbol.asyncDispose]();
  });
  return {
    server,
    ca,
    observed,
    faults,
    agent,
    post: (path, body, headers = {}) => post(agent, server.port, path, body, headers),
  };
}

export function clientOf(ca: string, connections = 64): Agent {
  return new Agent({ connections, pipelining: 1, connect: { ca, servername: NAMES[0] ?? "" } });
}

export async function post(
  agent: Agent,
  port: number,
  path: string,
  body: string | Uint8Array,
  headers: Record<string, string> = {},
): Promise<WebhookAnswer> {
  const answer = await request(`https://127.0.0.1:${port}${path}`, {
    dispatcher: agent,
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
  });
  return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() };
}

/** A review as the API server sends it; members of `request` are merged over the usual ones. */
export function reviewOf(request: Readonly<Record<string, unknown>> = {}): object {
  return {
    kind: "AdmissionReview",
    apiVersion: "admission.k8s.io/v1",
    request: {
      uid: "705ab4f5-6393-11e8-b7cc-42010a800002",
      kind: { group: "", version: "v1", kind: "Pod" },
      resource: { group: "", version: "v1", resource: "pods" },
      requestKind: { group: "", version: "v1", kind: "Pod" },
      requestResource: { group: "", version: "v1", resource: "pods" },
      name: "",
      namespace: "research",
      operation: "CREATE",
      userInfo: { username: "alice", uid: "014fbff9a07c", groups: ["system:authenticated"], extra: { some: ["x"] } },
      object: { apiVersion: "v1", kind: "Pod", metadata: {}, spec: {} },
      oldObject: null,
      dryRun: false,
      options: { kind: "CreateOptions", apiVersion: "meta.k8s.io/v1" },
      ...request,
    },
  };
}
