import type { X509Certificate } from "node:crypto";
import type { Millis } from "../../router/core/base/quantity.ts";
import { fail, ok, type Result } from "../../router/core/base/result.ts";
import { serviceNames } from "./authority.ts";
import { readBundle } from "./ca-bundle.ts";
import { readCertificateFiles } from "./directory-files.ts";
import type { CertificateCondition, KeeperClock, KeeperEvents, KeptCertificate } from "./kept-certificate.ts";
import type { KubeRequests } from "./kube-requests.ts";
import { Looks } from "./looks.ts";
import { anchorOf, type Pair, readPair } from "./pair.ts";
import { isValid } from "./plan-rotation.ts";
import { SeenSince } from "./seen-since.ts";
import { certificateCondition, isToBeServed, type Served } from "./served-pair.ts";
import { type PublishedBundles, publish, readPublished, type WebhookNames } from "./webhook-bundles.ts";

export interface DirectoryKeeperOptions {
  /** Undefined: others keep the webhooks' caBundle (cert-manager's cainjector). */
  readonly bundles: { readonly kube: KubeRequests; readonly webhooks: WebhookNames } | undefined;
  readonly clock: KeeperClock;
  readonly events: KeeperEvents;
  readonly namespace: string;
  readonly service: string;
  readonly directory: string;
  /** How long a new CA stands in the bundles before a leaf of it is served. */
  readonly overlap: Millis;
  /** Between two looks; the kubelet itself takes up to a minute to bring a change. */
  readonly interval: Millis;
}

/** Another replica may have got its files minutes before this one: what it added to a bundle is left there for so long. */
const LEFT_ALONE = 10 * 60 * 1000;

/** `tls.crt`, `tls.key` and `ca.crt` in a directory, made by somebody else. Looks begin at once. */
export function keepFromDirectory(options: DirectoryKeeperOptions): KeptCertificate {
  return new DirectoryKeeper(options);
}

class DirectoryKeeper implements KeptCertificate {
  readonly #options: DirectoryKeeperOptions;
  readonly #host: string;
  /** What every webhook trusts, and what any of them does. */
  readonly #seen = new SeenSince();
  readonly #foreign = new SeenSince();
  readonly #looks: Looks;
  #served: Served | undefined;
  #published = false;
  #trouble = "";

  constructor(options: DirectoryKeeperOptions) {
    this.#options = options;
    this.#host = serviceNames(options.service, options.namespace)[0] ?? "";
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
    const read = await this.#read();
    const kept = read.ok ? read.value : undefined;
    const bundles = await this.#keepBundles(kept);
    if (kept !== undefined) this.#consider(kept.served, bundles);
    const problems = [read, bundles].flatMap((result) => (result.ok ? [] : [result.problem]));
    const trouble = problems.join(" ");
    if (trouble !== this.#trouble && trouble !== "")
      this.#options.events.event("warn", "the webhook's certificate cannot be kept in order", { problem: trouble });
    this.#trouble = trouble;
  }

  /** What the directory holds, where it can be served. */
  async #read(): Promise<
    Result<{ readonly served: Served; readonly authorities: readonly X509Certificate[] }, string>
  > {
    const files = await readCertificateFiles(this.#options.directory);
    if (!files.ok) return files;
    const pair = readPair(files.value.certificate, files.value.key, this.#host);
    if (!pair.ok) return pair;
    const now = this.#options.clock.wall();
    if (!isValid(pair.value.leaf, now)) return fail("tls.crt is not valid at this time.");
    if (this.#options.bundles === undefined)
      return ok({ served: { pair: pair.value, anchor: undefined }, authorities: [] });
    const authorities = readBundle(files.value.authorities);
    if (!authorities.ok) return fail(`ca.crt ${authorities.problem}`);
    const valid = authorities.value.filter((certificate) => isValid(certificate, now));
    const anchor = anchorOf(pair.value, valid);
    if (anchor === undefined) return fail("tls.crt does not lead to a valid certificate of ca.crt.");
    return ok({ served: { pair: pair.value, anchor }, authorities: valid });
  }

  async #keepBundles(
    kept: { readonly authorities: readonly X509Certificate[] } | undefined,
  ): Promise<Result<PublishedBundles | undefined, string>> {
    const { bundles, events } = this.#options;
    if (bundles === undefined) return ok(undefined);
    const before = await readPublished(bundles.kube, bundles.webhooks);
    if (!before.ok) return before;
    this.#see(before.value);
    const wanted = this.#wanted(kept?.authorities ?? [], before.value);
    if (wanted.length === 0) return before;
    const after = await publish(bundles.kube, before.value, wanted);
    if (!after.ok) return after;
    this.#see(after.value.published);
    const { repaired } = after.value;
    if (repaired.length > 0) events.event("info", "caBundle written", { webhooks: repaired.join(" ") });
    return ok(after.value.published);
  }

  /** The directory's, that of what is served, and what another replica may just have added. */
  #wanted(authorities: readonly X509Certificate[], published: PublishedBundles): readonly X509Certificate[] {
    const { clock } = this.#options;
    const now = clock.wall();
    const anchor = this.#served !== undefined && isValid(this.#served.pair.leaf, now) ? this.#served.anchor : undefined;
    const own = anchor === undefined ? authorities : [...authorities, anchor];
    if (own.length === 0) return [];
    const known = new Set(own.map(({ fingerprint256 }) => fingerprint256));
    const fresh = published.anywhere.filter(
      (certificate) =>
        !known.has(certificate.fingerprint256) &&
        certificate.ca &&
        isValid(certificate, now) &&
        (this.#foreign.seenFor(certificate.fingerprint256, clock.monotonic()) ?? LEFT_ALONE) < LEFT_ALONE,
    );
    // One order for all replicas, or they would write over each other for ever.
    return [...own, ...fresh].toSorted((one, other) => (one.fingerprint256 < other.fingerprint256 ? -1 : 1));
  }

  #consider(candidate: Served, bundles: Result<PublishedBundles | undefined, string>): void {
    const { clock, events, overlap } = this.#options;
    const monotonic = clock.monotonic();
    const isCalled = bundles.ok && (bundles.value?.configurations.length ?? 0) > 0;
    const isKnown = (anchor: X509Certificate): boolean =>
      (bundles.ok && !isCalled) || (this.#seen.seenFor(anchor.fingerprint256, monotonic) ?? -1) >= overlap;
    if (isToBeServed(candidate, this.#served, { now: clock.wall(), isKnown })) {
      this.#served = candidate;
      events.serve(candidate.pair);
    }
    const anchor = this.#served?.anchor;
    this.#published ||=
      this.#options.bundles === undefined ||
      (bundles.ok && !isCalled) ||
      (anchor !== undefined && this.#seen.seenFor(anchor.fingerprint256, monotonic) !== undefined);
  }

  #see({ trusted, anywhere }: PublishedBundles): void {
    const monotonic = this.#options.clock.monotonic();
    this.#seen.see(trusted, monotonic);
    this.#foreign.see(new Set(anywhere.map(({ fingerprint256 }) => fingerprint256)), monotonic);
  }
}
