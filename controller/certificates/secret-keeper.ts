import type { Millis } from "../../router/core/base/quantity.ts";
import { fail, ok, type Result } from "../../router/core/base/result.ts";
import { createAuthority, issueLeaf, serviceNames } from "./authority.ts";
import type { CertificateCondition, KeeperClock, KeeperEvents, KeptCertificate } from "./kept-certificate.ts";
import {
  type Authority,
  bundleOf,
  EMPTY_STATE,
  type KeptState,
  readAuthority,
  readState,
  stateData,
} from "./kept-state.ts";
import { type KubeRequests, memberOf } from "./kube-requests.ts";
import { isRecord } from "../../router/edge/kubernetes/is-record.ts";
import { Looks } from "./looks.ts";
import { type Pair, readPair } from "./pair.ts";
import { planRotation, type RotationStep } from "./plan-rotation.ts";
import { SeenSince } from "./seen-since.ts";
import { certificateCondition, isToBeServed, type Served } from "./served-pair.ts";
import { type PublishedBundles, publish, readPublished, type WebhookNames } from "./webhook-bundles.ts";

export interface SecretKeeperOptions {
  readonly kube: KubeRequests;
  readonly clock: KeeperClock;
  readonly events: KeeperEvents;
  readonly namespace: string;
  readonly service: string;
  readonly secret: string;
  readonly webhooks: WebhookNames;
  readonly caLifetime: Millis;
  readonly leafLifetime: Millis;
  /** How long a new CA stands in the bundles before a leaf of it is served: API servers follow within seconds. */
  readonly overlap: Millis;
  /** Between two looks. */
  readonly interval: Millis;
}

/** Steps of one look: each is a write, and the next look comes soon. */
const MOST_STEPS = 4;

interface Kept {
  readonly state: KeptState;
  /** The Secret as it was read; undefined: there is none. */
  readonly secret: unknown;
}

/**
 * CA and leaf made by the replicas themselves and kept in a Secret. All replicas do the same; a write holds only for the
 * version that was read. Looks begin at once.
 */
export function keepInSecret(options: SecretKeeperOptions): KeptCertificate {
  return new SecretKeeper(options);
}

class SecretKeeper implements KeptCertificate {
  readonly #options: SecretKeeperOptions;
  readonly #names: readonly string[];
  readonly #path: string;
  readonly #seen = new SeenSince();
  readonly #looks: Looks;
  #served: Served | undefined;
  #published = false;
  /** Nobody calls where there are no webhooks. */
  #called = true;
  #trouble = "";

  constructor(options: SecretKeeperOptions) {
    this.#options = options;
    this.#names = serviceNames(options.service, options.namespace);
    this.#path = `/api/v1/namespaces/${options.namespace}/secrets`;
    this.#looks = new Looks(options.interval, () => this.#look());
  }

  served(): Pair | undefined {
    return this.#served?.pair;
  }

  condition(): CertificateCondition {
    return certificateCondition(this.#served, this.#published, this.#trouble, this.#options.clock.wall());
  }

  look(): Promise<void> {
    return this.#looks.now();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#looks.end();
  }

  async #look(): Promise<void> {
    const looked = await this.#attempt();
    const trouble = looked.ok ? "" : looked.problem;
    if (trouble !== this.#trouble && trouble !== "")
      this.#options.events.event("warn", "the webhook's certificate cannot be kept in order", { problem: trouble });
    this.#trouble = trouble;
  }

  async #attempt(): Promise<Result<undefined, string>> {
    const { kube, clock, events, webhooks } = this.#options;
    // In this order: what a bundle has that the Secret has not is then old, and never another replica's news.
    const before = await readPublished(kube, webhooks);
    if (!before.ok) return before;
    this.#see(before.value);
    const kept = await this.#advance();
    if (!kept.ok) return kept;
    const { state } = kept.value;
    const after = await publish(kube, before.value, bundleOf(state));
    if (after.ok) {
      this.#see(after.value.published);
      const { repaired } = after.value;
      if (repaired.length > 0) events.event("info", "caBundle written", { webhooks: repaired.join(" ") });
    }
    if (state.pair !== undefined && state.authority !== undefined) {
      const candidate: Served = { pair: state.pair, anchor: state.authority.certificate };
      if (isToBeServed(candidate, this.#served, { now: clock.wall(), isKnown: (anchor) => this.#isKnown(anchor) }))
        this.#serve(candidate);
    }
    const anchor = this.#served?.anchor;
    this.#published ||= !this.#called || (anchor !== undefined && this.#seenFor(anchor) !== undefined);
    return after.ok ? ok(undefined) : after;
  }

  /** Reads the Secret and does what is to be done to it, until that is nothing. */
  async #advance(): Promise<Result<Kept, string>> {
    const { clock, events } = this.#options;
    let kept = await this.#read();
    for (let steps = 0; kept.ok && steps < MOST_STEPS; steps++) {
      const now = clock.wall();
      const served = this.#served;
      const serving =
        served?.anchor === undefined ? undefined : { certificate: served.anchor, until: served.pair.notAfter };
      const step = planRotation(kept.value.state, { now, serving, isKnown: (anchor) => this.#isKnown(anchor) });
      if (step === "keep") return kept;
      const wanted = await this.#take(step, kept.value.state);
      const written = await this.#write(kept.value, wanted);
      if (!written.ok) return written;
      if (written.value) events.event("info", "webhook certificate", { step });
      kept = await this.#read();
    }
    return kept;
  }

  async #take(step: Exclude<RotationStep, "keep">, state: KeptState): Promise<KeptState> {
    const { clock, caLifetime } = this.#options;
    const now = clock.wall();
    const served = this.#served;
    const own =
      served?.anchor === undefined || served.pair.notAfter <= now
        ? undefined
        : { certificate: served.anchor, until: served.pair.notAfter };
    switch (step) {
      case "create": {
        const authority = await this.#newAuthority();
        const pair = await this.#newLeaf(authority);
        return { authority, pair, next: undefined, previous: own ?? state.previous };
      }
      case "renew": {
        if (state.authority === undefined) throw new Error("only a CA renews a leaf");
        return { ...state, pair: await this.#newLeaf(state.authority) };
      }
      case "announce":
        return { ...state, next: readOwn(await createAuthority(now, caLifetime)) };
      case "promote": {
        const { authority, pair, next } = state;
        if (next === undefined) throw new Error("only an announced CA is promoted");
        const ended =
          authority === undefined || pair === undefined
            ? undefined
            : { certificate: authority.certificate, until: pair.notAfter };
        return { authority: next, pair: await this.#newLeaf(next), next: undefined, previous: ended ?? own };
      }
      case "remember":
        return { ...state, previous: own };
      case "forget":
        return { ...state, previous: undefined };
      default:
        return step satisfies never;
    }
  }

  async #newAuthority(): Promise<Authority> {
    return readOwn(await createAuthority(this.#options.clock.wall(), this.#options.caLifetime));
  }

  async #newLeaf(authority: Authority): Promise<Pair> {
    const { clock, leafLifetime } = this.#options;
    const { certificate, key } = await issueLeaf(authority, this.#names, clock.wall(), leafLifetime);
    const pair = readPair(certificate, key, this.#names[0] ?? "");
    if (!pair.ok) throw new Error(`our own leaf: ${pair.problem}`);
    return pair.value;
  }

  async #read(): Promise<Result<Kept, string>> {
    const path = `${this.#path}/${this.#options.secret}`;
    const answer = await this.#options.kube.request("GET", path);
    if (!answer.ok) return fail(answer.problem.message);
    const { status, body } = answer.value;
    if (status === 404) return ok({ state: EMPTY_STATE, secret: undefined });
    if (status !== 200 || !isRecord(body)) return fail(`GET ${path} answered ${status}.`);
    return ok({ state: readState(body, this.#names[0] ?? ""), secret: body });
  }

  /** False: somebody else was first. */
  async #write({ secret }: Kept, state: KeptState): Promise<Result<boolean, string>> {
    const { kube, namespace, secret: name } = this.#options;
    const data = stateData(state);
    const isNew = secret === undefined;
    const path = isNew ? this.#path : `${this.#path}/${name}`;
    const body = isNew
      ? { apiVersion: "v1", kind: "Secret", metadata: { name, namespace, labels: LABELS }, type: "Opaque", data }
      : { ...(isRecord(secret) ? secret : {}), metadata: memberOf(secret, "metadata"), data };
    const answer = await kube.request(isNew ? "POST" : "PUT", path, { body });
    if (!answer.ok) return fail(answer.problem.message);
    const { status } = answer.value;
    if (status === 409 || (!isNew && status === 404)) return ok(false);
    return status === 200 || status === 201 ? ok(true) : fail(`${isNew ? "POST" : "PUT"} ${path} answered ${status}.`);
  }

  #see(published: PublishedBundles): void {
    this.#called = published.configurations.length > 0;
    this.#seen.see(published.trusted, this.#options.clock.monotonic());
  }

  #seenFor(anchor: { readonly fingerprint256: string }): number | undefined {
    return this.#seen.seenFor(anchor.fingerprint256, this.#options.clock.monotonic());
  }

  #isKnown(anchor: { readonly fingerprint256: string }): boolean {
    return !this.#called || (this.#seenFor(anchor) ?? -1) >= this.#options.overlap;
  }

  #serve(candidate: Served): void {
    const isFirst = this.#served === undefined;
    this.#served = candidate;
    // What was trusted once and is trusted no more is for the alert, not for readiness.
    if (isFirst) this.#published = false;
    this.#options.events.serve(candidate.pair);
  }
}

const LABELS = { "app.kubernetes.io/name": "sluice", "app.kubernetes.io/managed-by": "sluice-controller" };

function readOwn({ certificate, key }: { readonly certificate: string; readonly key: string }): Authority {
  const authority = readAuthority(certificate, key);
  if (authority === undefined) throw new Error("our own CA cannot be read");
  return authority;
}
