import { parseGovernancePolicy } from "../../router/core/governance/parse-governance-policy.ts";
import { parseInferencePolicy } from "../../router/core/models/parse-inference-policy.ts";
import type { AddressAndPort } from "../../router/core/policy/egress-policy.ts";
import { parseEgressPolicy } from "../../router/core/policy/parse-egress-policy.ts";
import { isRecord } from "../../router/edge/kubernetes/is-record.ts";
import type { EgressNeeds } from "./network-policies.ts";

const URL_TEXT = /^(?<scheme>https?|wss?|rediss?):\/\//;
const PORT_OF: Readonly<Record<string, number>> = { http: 80, https: 443, ws: 80, wss: 443, redis: 6379, rediss: 6379 };
const MOST_VALUES = 50_000;

/**
 * What the documents of a policy ConfigMap make a pod send to: ports and addresses of allow rules, and the ports of every URL that
 * models, tools and peers have. A text that is no policy needs nothing; one that the sidecar refuses too.
 */
export function needsOfTexts(texts: readonly string[], more: readonly number[] = []): EgressNeeds {
  const ports = new Set<number>(more);
  const addresses: AddressAndPort[] = [];
  let isEvery = false;
  for (const text of texts) {
    const egress = parseEgressPolicy("policy", text);
    if (egress.ok) {
      isEvery ||= egress.value.mode === "learn";
      for (const rule of egress.value.allow) {
        addresses.push(...rule.addresses);
        if (rule.hosts.length > 0) for (const port of rule.ports) ports.add(port);
      }
    } else if (parseInferencePolicy("policy", text).ok || parseGovernancePolicy("policy", text).ok) {
      for (const port of portsOfText(text)) ports.add(port);
    }
  }
  return { ports: isEvery ? "every" : ports, addresses };
}

/** Of every URL in a JSON value, at whatever place: more than is used is no harm, the router judges. */
export function urlPorts(value: unknown): ReadonlySet<number> {
  const ports = new Set<number>();
  let level: readonly unknown[] = [value];
  for (let count = 0; level.length > 0 && count < MOST_VALUES; count += level.length) {
    for (const one of level) {
      const port = typeof one === "string" ? urlPort(one) : undefined;
      if (port !== undefined) ports.add(port);
    }
    level = level.flatMap((one): readonly unknown[] =>
      Array.isArray(one) ? one : isRecord(one) ? Object.values(one) : [],
    );
  }
  return ports;
}

/** Any text of a document that reads as a URL: every place where one may stand begins so. */
function portsOfText(text: string): ReadonlySet<number> {
  return urlPorts(text.split(/["'\s,{}[\]]+/));
}

function urlPort(text: string): number | undefined {
  const scheme = URL_TEXT.exec(text)?.groups?.["scheme"];
  if (scheme === undefined) return undefined;
  const url = URL.parse(text);
  if (url === null) return undefined;
  return url.port === "" ? PORT_OF[scheme] : Number(url.port);
}
