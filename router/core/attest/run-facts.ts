import type { AuditValue } from "../audit/audit-event.ts";

/** The DSSE payload type of every in-toto statement (in-toto Attestation Framework, "Envelope"). */
export const PAYLOAD_TYPE = "application/vnd.in-toto+json";
export const STATEMENT_TYPE = "https://in-toto.io/Statement/v1";
/** What a run of the router was, said by the router itself. */
export const RUN_PREDICATE_TYPE = "https://sluice.dev/attestation/run/v1";

/** A policy document in force. */
export interface RunPolicy {
  readonly kind: string;
  /** Its metadata name, or its file's where it has none. */
  readonly name: string;
  readonly version: number;
  /** `sha256:` and 64 lower-case hex digits, over the document's octets. */
  readonly digest: string;
  /** Ids of the signers by whose signatures it was accepted; empty where none was asked for. */
  readonly signers: readonly string[];
  /** RFC 3339 UTC with milliseconds, like every time here. */
  readonly loadedAt: string;
}

/** The predicate: every member is always there; what is not known is null. */
export interface RunFacts {
  readonly router: {
    readonly version: string;
    /** Of Node.js. */
    readonly node: string;
    /** Where somebody told the router: it cannot see its own image. `name` without tag; `digest` as above. */
    readonly image: { readonly name: string; readonly digest: string } | null;
  };
  readonly identity: { readonly namespace: string; readonly pod: string; readonly agent: string };
  readonly policies: readonly RunPolicy[];
  /** The audit log as its newest signed head has it. */
  readonly audit: {
    /** `sluice.dev/audit/<namespace>/<pod>/<stream>`, also the name of the key. */
    readonly origin: string;
    /** 32 lower-case hex digits. */
    readonly stream: string;
    /** Records under the head. */
    readonly size: number;
    /** RFC 6962 tree hash over them, 64 lower-case hex digits. */
    readonly root: string;
    /** The head: a C2SP checkpoint, the whole signed note. */
    readonly checkpoint: string;
    /** The key as a C2SP vkey; the same key signs this statement. */
    readonly key: string;
    readonly mode: "strict" | "blocking" | "best_effort";
  };
  /** Whether the pod was shown to be closed, for which UID, and over which families; null and empty where it was not. */
  readonly guard: {
    readonly expected: boolean;
    readonly proved: boolean;
    readonly uid: number | null;
    readonly families: readonly ("ipv4" | "ipv6")[];
  };
  /** What is left of each budget; there are none yet. */
  readonly budgets: readonly { readonly [name: string]: AuditValue }[];
  /** `sha256:` and 64 hex digits, over `configurationForm` of the settings in force. */
  readonly configuration: string;
  readonly startedAt: string;
  readonly madeAt: string;
}

export interface RunSubject {
  readonly name: string;
  readonly digest: { readonly sha256: string };
}

export interface RunStatement {
  readonly subjects: readonly RunSubject[];
  readonly predicate: RunFacts;
}

/**
 * What a statement of these facts is about: each policy document as `<kind>/<name>` (two kinds may share a name), and
 * the image under its own.
 */
export function subjectsOf({ policies, router }: RunFacts): readonly RunSubject[] {
  const subjects = policies.map(({ kind, name, digest }) => subject(`${kind}/${name}`, digest));
  return router.image === null ? subjects : [...subjects, subject(router.image.name, router.image.digest)];
}

function subject(name: string, digest: string): RunSubject {
  return { name, digest: { sha256: digest.slice("sha256:".length) } };
}

/** The image of `name@sha256:...`, the form in which the settings give it. */
export function imageFact(reference: string | undefined): RunFacts["router"]["image"] {
  if (reference === undefined) return null;
  const [name = "", digest = ""] = reference.split("@", 2);
  return { name, digest };
}
