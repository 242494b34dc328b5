import { createHash } from "node:crypto";
import type { AuditValue } from "../../router/core/audit/audit-event.ts";
import type { DocumentProblem } from "../../router/core/base/problem.ts";
import { isRecord } from "../../router/edge/kubernetes/is-record.ts";
import type { Keyring } from "../../router/edge/trust/keyring.ts";
import { verifyDocument } from "../../router/edge/trust/verify-document.ts";
import { canonicalDocument } from "../policies/canonical-document.ts";
import { parsePolicy } from "../policies/parse-policy.ts";
import { isTakenTarget } from "../pod/policy-target.ts";
import { policyFile, type PolicyResource } from "./policy-resource.ts";
import { signatureFile } from "./policy-signatures.ts";
import type { StatusCondition } from "./status-condition.ts";

/** What is written of an accepted policy. */
export interface RenderedPolicy {
  readonly file: string;
  readonly text: string;
  /** Of `<file>.sigstore.json`; undefined: there is none. */
  readonly signatures: string | undefined;
  readonly version: number;
  /** `sha256:` and hex, of the text. */
  readonly digest: string;
}

/** `rendered` undefined: nothing new of it is written, and what was written last stands. */
export interface PolicyVerdict {
  readonly accepted: StatusCondition;
  readonly verified: StatusCondition | undefined;
  readonly rendered: RenderedPolicy | undefined;
}

const MOST_KEY = 253;
const MOST_TOLD = 16;
const MOST_TEXT = 3_500;
const TARGET = /^[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?$/;

/**
 * What becomes of one policy resource by itself. `keyring`: undefined where no trust could be read, and then nothing new
 * is rendered.
 */
export function judgePolicy(resource: PolicyResource, keyring: Keyring | undefined): PolicyVerdict {
  const { kind, name, apiVersion, spec } = resource;
  const file = policyFile(resource);
  const target = targetProblem(resource.target);
  if (target !== undefined) return refused("BadTarget", target);
  if (`${file}.sigstore.json`.length > MOST_KEY)
    return refused("NameTooLong", "No key of a ConfigMap can hold its name.");
  const text = spec === undefined ? undefined : canonicalDocument({ apiVersion, kind, name, spec: spec as AuditValue });
  if (text === undefined) {
    return refused("NotCanonical", "The document has no RFC 8785 form: a lone surrogate, or nested deeper than 32.");
  }
  const parsed = parsePolicy(kind, file, text);
  if (!parsed.ok) return refused("Invalid", problemsText(parsed.problem));
  const { version } = parsed.value;
  const digest = `sha256:${createHash("sha256").update(text).digest("hex")}`;
  const before = resource.status;
  const { version: known, digest: knownDigest } = before;
  if (typeof known === "number" && version < known) {
    return refused(
      "Rollback",
      `Version ${version} is lower than ${known}, which was accepted before. What was rendered last stands.`,
    );
  }
  if (typeof known === "number" && version === known && typeof knownDigest === "string" && knownDigest !== digest) {
    return refused("SameVersion", `Version ${version} was accepted with another content before: raise spec.version.`);
  }
  const signatures = signatureFile(resource.signatures);
  if (!signatures.ok) return refused("BadSignatures", signatures.problem);
  const rendered = { file, text, signatures: signatures.value, version, digest };
  const accepted = condition("Accepted", "True", "Valid", "The document is valid.");
  if (keyring === undefined) {
    const message = "The trust directory cannot be read, so nobody could verify it.";
    return { accepted, verified: condition("Verified", "Unknown", "NoTrust", message), rendered: undefined };
  }
  const bundle = signatures.value === undefined ? undefined : Buffer.from(signatures.value);
  const verified = verifyDocument(keyring, { kind, file, bytes: Buffer.from(text), bundle });
  if (verified.ok) {
    const { signers } = verified.value;
    const message = signers.length === 0 ? "It may be unsigned." : `Signed by ${signers.join(", ")}.`;
    return { accepted, verified: condition("Verified", "True", "Verified", message), rendered };
  }
  const { code, message } = verified.problem;
  const why = condition("Verified", "False", "NotVerified", `${code}: ${message}`);
  if (code !== "unsigned") return { accepted, verified: why, rendered: undefined };
  const unsigned = `A ${kind} must be signed. Sign what "sluice policy canonical" prints, and put the bundle into the annotation sluice.dev/signatures.`;
  return { accepted: condition("Accepted", "False", "Unsigned", unsigned), verified: why, rendered: undefined };
}

/** Why nothing is rendered into a ConfigMap of that name: pods could not name it, or it is ours or the cluster's for something else. */
export function targetProblem(target: string): string | undefined {
  if (!TARGET.test(target)) return "The annotation sluice.dev/policy names no ConfigMap that a pod could name.";
  return isTakenTarget(target) ? `Nothing is rendered into the ConfigMap ${target}: that name is taken.` : undefined;
}

/** Positions in a text that nobody wrote help nobody. */
function problemsText(problems: readonly DocumentProblem[]): string {
  const told = problems.slice(0, MOST_TOLD).map(({ code, message }) => `${code}: ${message}`);
  const text = told.join(" ");
  const more = problems.length > told.length ? ` And ${problems.length - told.length} more.` : "";
  return `${text.length > MOST_TEXT ? `${text.slice(0, MOST_TEXT)}…` : text}${more}`;
}

function refused(reason: string, message: string): PolicyVerdict {
  return { accepted: condition("Accepted", "False", reason, message), verified: undefined, rendered: undefined };
}

function condition(type: string, status: StatusCondition["status"], reason: string, message: string): StatusCondition {
  return { type, status, reason, message };
}

/** Of a ConfigMap as it stands: the texts and nothing else of it. */
export function textsOf(data: unknown): Readonly<Record<string, string>> {
  const texts: Record<string, string> = {};
  for (const [key, value] of isRecord(data) ? Object.entries(data) : [])
    if (typeof value === "string") texts[key] = value;
  return texts;
}
