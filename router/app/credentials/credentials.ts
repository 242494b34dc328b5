import type { Clock } from "../../core/base/clock.ts";
import { type Millis, millis } from "../../core/base/quantity.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { type Credential, credentialHeaders, type HeaderList } from "../../core/credential/inject.ts";
import type { SignablePart } from "../../core/credential/sigv4-canonical.ts";
import type { CredentialSource, Provider } from "../../core/models/inference-policy.ts";
import type { CredentialEvent, CredentialProblem } from "./credential-problem.ts";
import { type LeakRules, NO_LEAK_RULES } from "./known-secrets.ts";
import { openSource } from "./open-source.ts";
import { RequestSigner } from "./request-signer.ts";
import type { Obtained, Source } from "./source.ts";
import type { TokenRequest } from "./token-request.ts";

export interface CredentialRooms {
  readonly clock: Clock;
  /** `/run/secrets/sluice` */
  readonly secretsDirectory: string;
  readonly request: TokenRequest;
  /** In [0, 1); spreads renewals. */
  readonly random: () => number;
  /** Nothing of a secret is in an event. */
  readonly event: (event: CredentialEvent) => void;
  /** Names the pod in AWS's own logs; what cannot stand there is replaced. */
  readonly sessionName: string;
  /** For one look at a file and for one renewal. */
  readonly deadline?: Millis;
}

/** A request as it will be sent, but for its credential. */
export interface OutgoingRequest extends Omit<SignablePart, "headers" | "bodySha256"> {
  /** The value of `host`, with the port where it is sent. */
  readonly host: string;
  /** Of those that will be sent: the ones a signature should cover, names in lower case, `host` not among them. */
  readonly headers: HeaderList;
  /** Of the body's octets, 64 lower-case hex digits; asked for where the request is signed. */
  readonly bodySha256: () => string;
}

export type CredentialHeaders = Result<HeaderList, CredentialProblem>;

export interface Credentials {
  /**
   * The headers that give the request its credential; the caller has removed what `isClientCredential` names. At once
   * where the credential is at hand, which is nearly always; a promise ends within the deadline.
   */
  headersFor(provider: Provider, request: OutgoingRequest): CredentialHeaders | Promise<CredentialHeaders>;
  /** What an answer of this provider must not hold; ask after `headersFor`. The same object while nothing has changed. */
  leakRules(provider: Provider): LeakRules;
  /** `leakRules(provider).secrets` */
  secrets(provider: Provider): readonly Uint8Array[];
  /** The provider answered 401 or 403. */
  rejected(provider: Provider): void;
  /** A policy was swapped in: what none of its providers use is closed. */
  retain(providers: readonly Provider[]): void;
  close(): void;
}

const DEADLINE = millis(5_000);
const NO_HEADERS: CredentialHeaders = ok([]);

export function createCredentials(rooms: CredentialRooms): Credentials {
  const sourceRooms = {
    ...rooms,
    deadline: rooms.deadline ?? DEADLINE,
    sessionName: sessionNameOf(rooms.sessionName),
  };
  /** By what they say: providers that name the same source share it, and policies that follow each other too. */
  const sources = new Map<string, Source>();
  const bindings = new WeakMap<Provider, Binding>();
  let closed = false;

  function bindingOf(provider: Provider): Binding | undefined {
    const bound = bindings.get(provider);
    if (bound !== undefined) return bound;
    const { credential } = provider;
    if (credential.kind === "none") return undefined;
    const key = keyOf(provider);
    let source = sources.get(key);
    if (source === undefined) {
      source = openSource({ ...sourceRooms, addresses: provider.addresses }, credential);
      if (closed) source.close();
      sources.set(key, source);
    }
    const made = new Binding(provider, source, new RequestSigner(rooms.clock, regionOf(credential)));
    bindings.set(provider, made);
    return made;
  }

  const leakRules = (provider: Provider): LeakRules => bindingOf(provider)?.source.rules() ?? NO_LEAK_RULES;

  return {
    headersFor(provider, request) {
      const binding = bindingOf(provider);
      if (binding === undefined) return NO_HEADERS;
      const obtained = binding.source.get();
      if (obtained instanceof Promise) return obtained.then((settled) => binding.headers(settled, request));
      return binding.headers(obtained, request);
    },
    leakRules,
    secrets: (provider) => leakRules(provider).secrets,
    rejected(provider) {
      bindingOf(provider)?.source.rejected();
    },
    retain(providers) {
      const kept = new Set(providers.map(keyOf));
      for (const [key, source] of sources) {
        if (kept.has(key)) continue;
        sources.delete(key);
        source.close();
      }
    },
    close() {
      closed = true;
      for (const source of sources.values()) source.close();
    },
  };
}

/** A provider with its source, and the headers made last, which serve until the credential changes. */
class Binding {
  readonly source: Source;
  readonly #provider: Provider;
  readonly #signer: RequestSigner;
  #credential: Credential | undefined;
  #headers: CredentialHeaders = NO_HEADERS;

  constructor(provider: Provider, source: Source, signer: RequestSigner) {
    this.source = source;
    this.#provider = provider;
    this.#signer = signer;
  }

  headers(obtained: Obtained, request: OutgoingRequest): CredentialHeaders {
    if (!obtained.ok) return obtained;
    const credential = obtained.value;
    if (credential.kind === "aws") {
      const { headers, host, method, path, query } = request;
      const whole: SignablePart = {
        method,
        path,
        query,
        headers: [["host", host], ...headers],
        bodySha256: request.bodySha256(),
      };
      const signed = this.#signer.sign(whole, credential.keys);
      return signed.ok ? signed : fail({ code: "unsignable", message: signed.problem });
    }
    if (this.#credential !== credential) {
      this.#credential = credential;
      this.#headers = ok(credentialHeaders(this.#provider.api, credential.kind, credential.value));
    }
    return this.#headers;
  }
}

/** Equal where two sources are the same: they are plain data, and their parser writes the fields in one order. */
function keyOf({ addresses, credential }: Provider): string {
  return JSON.stringify([credential, addresses]);
}

function regionOf(source: CredentialSource): string {
  return source.kind === "awsFile" || source.kind === "awsWebIdentity" ? source.region : "";
}

/** STS, `RoleSessionName`: 2 to 64 of `[\w+=,.@-]`. */
function sessionNameOf(name: string): string {
  return `sluice-${name}`.replace(/[^A-Za-z0-9_+=,.@-]/g, "-").slice(0, 64);
}
