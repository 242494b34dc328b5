import type { X509Certificate } from "node:crypto";
import { fail, ok, type Result } from "../../router/core/base/result.ts";
import { bundleText, readBundle } from "./ca-bundle.ts";
import { type KubeRequests, memberOf } from "./kube-requests.ts";
import { isRecord } from "../../router/edge/kubernetes/is-record.ts";

export interface WebhookNames {
  readonly mutatingWebhook: string;
  readonly validatingWebhook: string;
}

const API = "/apis/admissionregistration.k8s.io/v1";
/** Entries that others put into our configurations are not ours to touch. */
const OURS = ".sluice.dev";

interface Entry {
  readonly index: number;
  readonly name: string;
  /** As it stands: base64 of PEM; empty where there is none. */
  readonly bundle: string;
}

/** One webhook configuration as it was read; `version` is its resourceVersion. */
interface Configuration {
  readonly path: string;
  readonly version: string;
  readonly entries: readonly Entry[];
}

/** Both configurations at one moment; one that does not exist calls nobody, and is not among them. */
export interface PublishedBundles {
  readonly configurations: readonly Configuration[];
  /** Fingerprints of the certificates that every entry of ours trusts. */
  readonly trusted: ReadonlySet<string>;
  /** Of those that any entry trusts. */
  readonly anywhere: readonly X509Certificate[];
}

export async function readPublished(
  kube: KubeRequests,
  names: WebhookNames,
): Promise<Result<PublishedBundles, string>> {
  const paths = [
    `${API}/mutatingwebhookconfigurations/${names.mutatingWebhook}`,
    `${API}/validatingwebhookconfigurations/${names.validatingWebhook}`,
  ];
  const configurations: Configuration[] = [];
  for (const path of paths) {
    const answer = await kube.request("GET", path);
    if (!answer.ok) return fail(answer.problem.message);
    if (answer.value.status === 404) continue;
    if (answer.value.status !== 200) return fail(`GET ${path} answered ${answer.value.status}.`);
    const read = readConfiguration(path, answer.value.body);
    if (read === undefined) return fail(`GET ${path} answered something that is no webhook configuration.`);
    configurations.push(read);
  }
  return ok(published(configurations));
}

/**
 * Makes `wanted` the bundle of every entry of ours, other members untouched. Each patch holds only for the version that was
 * read: who was overtaken changes nothing, and looks again. Returns what stands afterwards.
 */
export async function publish(
  kube: KubeRequests,
  before: PublishedBundles,
  wanted: readonly X509Certificate[],
): Promise<Result<{ readonly published: PublishedBundles; readonly repaired: readonly string[] }, string>> {
  const text = Buffer.from(bundleText(wanted)).toString("base64");
  const configurations: Configuration[] = [];
  const repaired: string[] = [];
  for (const configuration of before.configurations) {
    const { path, version, entries } = configuration;
    const drifted = entries.filter(({ bundle }) => bundle !== text);
    if (drifted.length === 0) {
      configurations.push(configuration);
      continue;
    }
    const patch: object[] = [{ op: "test", path: "/metadata/resourceVersion", value: version }];
    for (const { index, name } of drifted) {
      patch.push({ op: "test", path: `/webhooks/${index}/name`, value: name });
      patch.push({ op: "add", path: `/webhooks/${index}/clientConfig/caBundle`, value: text });
    }
    const answer = await kube.request("PATCH", path, { body: patch, contentType: "application/json-patch+json" });
    if (!answer.ok) return fail(answer.problem.message);
    if (answer.value.status !== 200) return fail(`PATCH ${path} answered ${answer.value.status}.`);
    const read = readConfiguration(path, answer.value.body);
    if (read === undefined) return fail(`PATCH ${path} answered something that is no webhook configuration.`);
    configurations.push(read);
    repaired.push(...drifted.map(({ name }) => name));
  }
  return ok({ published: published(configurations), repaired });
}

function readConfiguration(path: string, body: unknown): Configuration | undefined {
  const version = memberOf(body, "metadata", "resourceVersion");
  const webhooks = memberOf(body, "webhooks") ?? [];
  if (typeof version !== "string" || !Array.isArray(webhooks)) return undefined;
  const entries: Entry[] = [];
  for (const [index, webhook] of webhooks.entries()) {
    const name = memberOf(webhook, "name");
    if (typeof name !== "string" || !name.endsWith(OURS)) continue;
    if (!isRecord(memberOf(webhook, "clientConfig"))) return undefined;
    const bundle = memberOf(webhook, "clientConfig", "caBundle");
    entries.push({ index, name, bundle: typeof bundle === "string" ? bundle : "" });
  }
  return { path, version, entries };
}

function published(configurations: readonly Configuration[]): PublishedBundles {
  const bundles = new Set(configurations.flatMap(({ entries }) => entries.map(({ bundle }) => bundle)));
  const read = [...bundles].map((bundle) => {
    const certificates = readBundle(Buffer.from(bundle, "base64").toString("latin1"));
    return certificates.ok ? certificates.value : [];
  });
  const [first = [], ...others] = read.map((list) => new Set(list.map(({ fingerprint256 }) => fingerprint256)));
  const trusted = new Set([...first].filter((print) => others.every((other) => other.has(print))));
  return { configurations, trusted, anywhere: read.flat() };
}
