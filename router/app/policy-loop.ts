import { join } from "node:path";
import type { Clock } from "../core/base/clock.ts";
import { type DocumentProblem } from "../core/base/problem.ts";
import { type EpochMillis, epochMillis, type Millis } from "../core/base/quantity.ts";
import type { Result } from "../core/base/result.ts";
import type { RouterConfig } from "../core/config/router-config.ts";
import { type Freshness, judgeFreshness } from "../core/policy/freshness.ts";
import type { DirectoryListing } from "../edge/sources/directory-listing.ts";
import type { HighWaterMarks } from "../edge/trust/high-water-mark.ts";
import type { Keyring } from "../edge/trust/keyring.ts";
import type { UnverifiedDocument } from "../edge/trust/verified.ts";
import { verifyDocument } from "../edge/trust/verify-document.ts";
import type { DatedDocument, Loaded, Missing, PolicyKind } from "./policy-kinds.ts";
import type { PolicyTime } from "./policy-time.ts";

const BUNDLE = ".sigstore.json";
/** How late an end is noticed where the wall clock was set forward, or the machine stood still and its timers with it. */
const LONGEST_WAIT = 5_000;

export type PolicyCondition =
  | { readonly state: "missing"; readonly problems: readonly DocumentProblem[] }
  | { readonly state: "loaded"; readonly phase: Freshness["phase"] }
  /** The last good snapshot stands, and this is why no newer one does. */
  | { readonly state: "degraded"; readonly problems: readonly DocumentProblem[] };

export interface PolicyLoopRooms<Document extends DatedDocument, Snapshot extends Loaded> {
  readonly clock: Clock;
  readonly time: PolicyTime;
  readonly kind: PolicyKind<Document, Snapshot>;
  readonly identity: RouterConfig["identity"];
  readonly directory: string;
  readonly expiryGrace: Millis;
  readonly marks: HighWaterMarks;
  /** Called in the same turn as the swap: live exchanges are judged again before anything else happens. */
  swapped(snapshot: Snapshot | Missing): void;
  accepted(snapshot: Snapshot, signers: readonly string[], freshness: Freshness): void;
  refused(problems: readonly DocumentProblem[]): void;
}

/**
 * The side loop of one kind of policy: listing of the policy directory and keyring in, frozen snapshot out. Whatever
 * is wrong, the last good snapshot stands and the condition says why; with none yet, everything is denied.
 */
export class PolicyLoop<Document extends DatedDocument, Snapshot extends Loaded> {
  readonly #rooms: PolicyLoopRooms<Document, Snapshot>;
  #snapshot: Snapshot | Missing;
  /** What the snapshot was made of, with its newest signatures. The directory may hold something else by now. */
  #standing: UnverifiedDocument | undefined;
  #condition: PolicyCondition = { state: "missing", problems: [] };
  #isAbsent = false;
  /** One has been in force in this process: from then on there must be one. */
  #followed = false;
  #loadedAt = epochMillis(0);
  #signers: readonly string[] = [];
  #listing: DirectoryListing | undefined;
  #keyring: Keyring | undefined;
  #listingProblems: readonly DocumentProblem[] = [];
  #keyringProblems: readonly DocumentProblem[] = [];
  #working: Promise<void> = Promise.resolve();
  #expiry: NodeJS.Timeout | undefined;

  constructor(rooms: PolicyLoopRooms<Document, Snapshot>) {
    this.#rooms = rooms;
    this.#snapshot = rooms.kind.missing;
  }

  get kind(): PolicyKind<Document, Snapshot>["kind"] {
    return this.#rooms.kind.kind;
  }

  get snapshot(): Snapshot | Missing {
    return this.#snapshot;
  }

  /** There is no document of this kind, there was none, and there need not be one. */
  get absent(): boolean {
    const { optional } = this.#rooms.kind;
    return optional && this.#isAbsent && !this.#followed;
  }

  get condition(): PolicyCondition {
    return this.#condition;
  }

  /** When the standing snapshot was accepted; 0: there is none. */
  get loadedAt(): EpochMillis {
    return this.#loadedAt;
  }

  /** By whose signatures the loaded document was accepted. */
  get signers(): readonly string[] {
    return this.#signers;
  }

  /** See `PolicyTime`. */
  time(): EpochMillis {
    return this.#rooms.time.now();
  }

  /** The first reading of both directories, judged once. */
  begin(
    listing: Result<DirectoryListing, readonly DocumentProblem[]>,
    keyring: Result<Keyring, readonly DocumentProblem[]>,
  ): Promise<void> {
    return this.#inTurn(() => {
      if (listing.ok) this.#listing = listing.value;
      else this.#listingProblems = listing.problem;
      if (keyring.ok) this.#keyring = keyring.value;
      else this.#keyringProblems = keyring.problem;
    });
  }

  listed(listing: DirectoryListing): Promise<void> {
    return this.#inTurn(() => {
      this.#listing = listing;
    });
  }

  /** The directory itself cannot be read: the last listing stands. */
  listingFailed(problems: readonly DocumentProblem[]): Promise<void> {
    return this.#inTurn(() => {
      this.#listingProblems = problems;
    });
  }

  /**
   * New trust. Where the standing policy's own document does not verify any more (its signer was removed), the
   * policy falls: trust that was withdrawn must not go on allowing, whatever the policy directory holds by then.
   */
  trusted(keyring: Keyring): Promise<void> {
    return this.#inTurn(() => {
      this.#keyring = keyring;
      this.#keyringProblems = [];
    }, true);
  }

  /** The trust directory is broken: the last good keyring stands. */
  trustFailed(problems: readonly DocumentProblem[]): Promise<void> {
    return this.#inTurn(() => {
      this.#keyringProblems = problems;
    });
  }

  async close(): Promise<void> {
    clearTimeout(this.#expiry);
    await this.#working;
  }

  /** Loads run one after the other; the newest state of listing and trust is what each of them sees. */
  #inTurn(change: () => void, trustChanged = false): Promise<void> {
    const run = async (): Promise<void> => {
      change();
      await this.#load(trustChanged);
    };
    this.#working = this.#working.then(run, run);
    return this.#working;
  }

  async #load(trustChanged: boolean): Promise<void> {
    const outside = [...this.#keyringProblems, ...this.#listingProblems];
    const judged = await this.#judge();
    this.#isAbsent = judged.kind === "absent";
    if (judged.kind === "absent") {
      // What keeps the directory from being read is the other kind's to tell: by the last listing there is none of this one.
      this.#condition = { state: "missing", problems: [] };
      return;
    }
    if (judged.kind === "refused") {
      this.#refuse([...outside, ...judged.problems], trustChanged && this.#lostTrust());
      return;
    }
    this.#standing = judged.unverified;
    if (judged.kind === "accepted") this.#swap(judged.snapshot, judged.signers, judged.freshness);
    this.#condition =
      outside.length > 0
        ? { state: "degraded", problems: outside }
        : { state: "loaded", phase: judged.freshness.phase };
    if (outside.length > 0) this.#rooms.refused(outside);
  }

  async #judge(): Promise<Judged<Snapshot>> {
    const { directory, kind } = this.#rooms;
    if (this.#keyring === undefined) {
      // What keeps it from being read is among the problems already.
      return refusal([]);
    }
    if (this.#listing === undefined) return refusal([]);
    const documents = [...this.#listing.files].filter(
      ([name, { bytes }]) => /\.ya?ml$/.test(name) && !name.endsWith(".cases.yaml") && kind.claims(bytes),
    );
    const [name, another] = documents.map(([one]) => one);
    if (name === undefined) {
      if (kind.optional && this.#standing === undefined) return { kind: "absent" };
      return refusal([problem(directory, "policy_absent", `The directory holds no document of kind ${kind.kind}.`)]);
    }
    if (another !== undefined) {
      return refusal([
        problem(join(directory, another), "policy_twice", `The directory holds more than one ${kind.kind}.`),
      ]);
    }
    const file = join(directory, name);
    const unverified = {
      kind: kind.kind,
      file,
      bytes: this.#listing.files.get(name)?.bytes ?? new Uint8Array(),
      bundle: this.#listing.files.get(`${name}${BUNDLE}`)?.bytes,
    };
    const verified = verifyDocument(this.#keyring, unverified);
    if (!verified.ok) return refusal([verified.problem]);

    const parsed = kind.parse(file, verified.value.text);
    if (!parsed.ok) return refusal(parsed.problem);
    const document = parsed.value;
    const { digest } = verified.value;
    // Marks are kept by name: under another one, an old document for the same audience would be a first sighting.
    const followed = this.#rooms.marks.names(kind.kind).find((known) => known !== document.name);
    if (followed !== undefined) {
      const message = `This pod follows the policy ${followed}, and this one is called ${document.name}.`;
      return refusal([problem(file, "renamed", message)]);
    }
    const fresh = judgeFreshness({
      document: { ...document, kind: kind.kind },
      digest,
      mark: this.#rooms.marks.get(kind.kind, document.name),
      identity: this.#rooms.identity,
      now: this.time(),
      expiryGrace: this.#rooms.expiryGrace,
    });
    if (!fresh.ok) return refusal([problem(file, fresh.problem.code, fresh.problem.message)]);
    if (this.#snapshot.state === "loaded" && this.#snapshot.identity.digest === digest) {
      return { kind: "unchanged", unverified, freshness: fresh.value };
    }
    // Compiled before the mark is raised: a document that cannot be compiled must not use its version up.
    const isSigned = verified.value.signers.length > 0;
    const snapshot = kind.compile(document, digest, this.#rooms.expiryGrace, isSigned);
    const raised = await this.#rooms.marks.raise(kind.kind, document.name, fresh.value.mark);
    if (!raised.ok) return refusal([problem(file, raised.problem.code, raised.problem.message)]);
    return { kind: "accepted", unverified, snapshot, signers: verified.value.signers, freshness: fresh.value };
  }

  #lostTrust(): boolean {
    if (this.#standing === undefined || this.#keyring === undefined) return false;
    return !verifyDocument(this.#keyring, this.#standing).ok;
  }

  #swap(snapshot: Snapshot, signers: readonly string[], freshness: Freshness): void {
    this.#rooms.time.atLeast(freshness.time);
    this.#snapshot = snapshot;
    this.#followed = true;
    this.#loadedAt = this.#rooms.clock.now();
    this.#signers = signers;
    this.#rooms.swapped(snapshot);
    this.#rooms.accepted(snapshot, signers, freshness);
    this.#awaitExpiry(snapshot);
  }

  #refuse(problems: readonly DocumentProblem[], falls: boolean): void {
    if (falls) {
      this.#snapshot = this.#rooms.kind.missing;
      this.#standing = undefined;
      this.#loadedAt = epochMillis(0);
      this.#signers = [];
      this.#rooms.swapped(this.#rooms.kind.missing);
    }
    this.#condition = { state: this.#snapshot.state === "loaded" ? "degraded" : "missing", problems };
    this.#rooms.refused(problems);
  }

  /** At the end of its life, and of its grace, the policy denies more by itself; what is open is judged again then. */
  #awaitExpiry(snapshot: Snapshot): void {
    clearTimeout(this.#expiry);
    const end = [snapshot.expiresAt, snapshot.deniesFrom].find((time) => time > this.time());
    if (end === undefined) return;
    const wait = Math.min(end - this.time(), LONGEST_WAIT);
    this.#expiry = setTimeout(() => {
      if (this.#snapshot !== snapshot) return;
      if (this.time() >= end) {
        this.#rooms.swapped(snapshot);
        void this.#rooms.marks.seen(this.time());
      }
      this.#awaitExpiry(snapshot);
    }, wait);
    this.#expiry.unref();
  }
}

type Judged<Snapshot> =
  /** There is none, and there need not be. */
  | { readonly kind: "absent" }
  | {
      readonly kind: "accepted";
      readonly unverified: UnverifiedDocument;
      readonly snapshot: Snapshot;
      readonly signers: readonly string[];
      readonly freshness: Freshness;
    }
  | { readonly kind: "unchanged"; readonly unverified: UnverifiedDocument; readonly freshness: Freshness }
  | { readonly kind: "refused"; readonly problems: readonly DocumentProblem[] };

function refusal(problems: readonly DocumentProblem[]): Judged<never> {
  return { kind: "refused", problems };
}

function problem(file: string, code: string, message: string): DocumentProblem {
  return { file, line: 0, column: 0, code, message };
}
