import { createHash, type KeyObject } from "node:crypto";
import { attestationBundle } from "../core/attest/attestation-bundle.ts";
import { configurationForm } from "../core/attest/configuration-form.ts";
import { imageFact, type RunFacts } from "../core/attest/run-facts.ts";
import { runStatement } from "../core/attest/run-statement.ts";
import type { Clock } from "../core/base/clock.ts";
import type { EpochMillis } from "../core/base/quantity.ts";
import type { RouterConfig } from "../core/config/router-config.ts";
import { parseVerifierKey } from "../core/tlog/verifier-key.ts";
import type { AuditLog } from "../edge/audit/audit-log.ts";
import { keyHint, octetSigner } from "../edge/audit/dsse-key.ts";
import { sha256 } from "../edge/audit/ed25519.ts";
import type { GuardWatch } from "./guard-watch.ts";
import type { AnyPolicyLoop } from "./policy-loops.ts";

/** The endpoint asks for no credential: it is not to be a way to keep us signing. */
const KEPT_MILLIS = 1_000;

export interface AttestationRooms {
  readonly config: RouterConfig;
  readonly version: string;
  readonly clock: Clock;
  readonly startedAt: EpochMillis;
  readonly audit: AuditLog;
  readonly key: KeyObject;
  readonly policies: readonly AnyPolicyLoop[];
  /** The budgets in force, and what is left of them. */
  budgets(): RunFacts["budgets"];
  readonly guard: GuardWatch;
}

/**
 * What runs here, signed with the audit log's key: a sigstore bundle with a DSSE envelope. Undefined before the first
 * checkpoint, and where neither policy nor image is known: it would be about nothing.
 */
export function runAttestation(rooms: AttestationRooms): () => string | undefined {
  const form = configurationForm(rooms.config);
  if (form === undefined) throw new Error("the configuration has no RFC 8785 form");
  const configuration = `sha256:${createHash("sha256").update(form).digest("hex")}`;
  const sign = octetSigner(rooms.key);
  const hint = keyHint(parseVerifierKey(rooms.audit.identity.key, sha256)?.publicKey ?? new Uint8Array());
  let kept: { readonly bundle: string | undefined; readonly until: number } | undefined;
  return () => {
    const now = rooms.clock.monotonic();
    if (kept !== undefined && now < kept.until) return kept.bundle;
    const facts = factsOf(rooms, configuration);
    const statement = facts === undefined ? undefined : runStatement(facts);
    const bundle = statement?.ok === true ? attestationBundle(statement.value, sign, hint) : undefined;
    kept = { bundle, until: now + KEPT_MILLIS };
    return bundle;
  };
}

function factsOf(rooms: AttestationRooms, configuration: string): RunFacts | undefined {
  const { config, version, clock, startedAt, audit, policies, guard } = rooms;
  const { checkpoint, stream } = audit.health();
  if (checkpoint === undefined) return undefined;
  const { namespace, pod, agent, image } = config.identity;
  const { origin, key } = audit.identity;
  const { size, root, note } = checkpoint;
  return {
    router: { version, node: process.version, image: imageFact(image) },
    identity: { namespace, pod, agent },
    policies: policies.flatMap(({ kind, snapshot, signers, loadedAt }) =>
      snapshot.state === "missing" ? [] : [{ kind, ...snapshot.identity, signers, loadedAt: text(loadedAt) }],
    ),
    audit: { origin, stream, size, root, checkpoint: note, key, mode: config.audit.mode },
    guard: {
      expected: config.guard.expected,
      proved: guard.proved,
      uid: guard.proof?.uid ?? null,
      families: guard.proof?.families ?? [],
    },
    budgets: rooms.budgets(),
    configuration,
    startedAt: text(startedAt),
    madeAt: text(clock.now()),
  };
}

function text(time: EpochMillis): string {
  return new Date(time).toISOString();
}
