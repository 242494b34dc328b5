import type { Damage, DamageKind, Place } from "./chain-report.ts";
import { hashedText, isAmbiguous, type KarsEntry, parseKarsEntry } from "./kars-entry.ts";
import type { ChainLine } from "./verify-chain.ts";

export interface KarsMark {
  readonly place: Place;
  readonly seq: number;
  readonly ts: string;
}

/** What the lines were found to be. Behind a break the check goes on, from what stands there. */
export interface KarsReport {
  readonly entries: number;
  /** How many chains there are, or parts of one: each start of kars begins another. */
  readonly chains: number;
  /** Lines that are no entries, that do not hash to what they say, or that do not follow the one before. */
  readonly breaks: number;
  /** Entries whose number does not rise, though their hash follows. */
  readonly repeats: number;
  /** Entries that share their hash with others that could be in their place. */
  readonly ambiguous: number;
  readonly firstAmbiguous: Place | undefined;
  /** The first entry is not the first of its chain. */
  readonly continues: boolean;
  readonly first: KarsMark | undefined;
  readonly last: KarsMark | undefined;
  /** The first break. */
  readonly damage: Damage | undefined;
  /** For people, a sentence each: what nobody can learn from such files, intact or not. */
  readonly cannotProve: readonly string[];
}

interface Break {
  readonly kind: DamageKind;
  readonly sentence: string;
}

const CANNOT_PROVE: readonly string[] = [
  "Nothing is signed: whoever may write the files can write all of it anew, with hashes that fit.",
  "Entries cut off at the end leave no trace: nothing says how many there were.",
  "Each start begins a chain anew at number 0: a chain taken away whole, or cut off before a restart, leaves no trace.",
  'The hashed fields are joined by "|" without escapes: two different entries can have the same hash.',
  "The name of the sandbox is outside the hash: it can be changed without trace.",
  "An entry does not say which policy was in force, which rule decided or why, nor which host was meant.",
  "agent_id is what the caller said of itself; times are whole seconds of a clock that can be set.",
  "Entries that kars failed to write are nowhere counted, and it keeps some in memory only: a gap may be its own doing.",
];

/**
 * Checks the daily files of kars line by line, in the order of their days, in constant memory: give it every line, then
 * ask. `sha256` is of a text's UTF-8, in lower-case hex.
 */
export class KarsVerifier {
  readonly #sha256: (text: string) => string;
  #entries = 0;
  #chains = 0;
  #breaks = 0;
  #repeats = 0;
  #ambiguous = 0;
  #firstAmbiguous: Place | undefined;
  #continues = false;
  #first: KarsMark | undefined;
  #last: KarsMark | undefined;
  #damage: Damage | undefined;
  /** What the next entry may follow: the one before it, and where that had come out of order, also the one before that. */
  #before: readonly KarsEntry[] = [];

  constructor(sha256: (text: string) => string) {
    this.#sha256 = sha256;
  }

  add({ place, text, ended }: Pick<ChainLine, "place" | "text" | "ended">): void {
    // A file is made before its first line is written.
    if (!ended && text === "" && place.offset === 0) return;
    const parsed = ended && text !== undefined ? parseKarsEntry(text) : undefined;
    if (parsed?.ok !== true) {
      this.#before = [];
      this.#bad(place, null, ended ? UNREADABLE[parsed?.problem ?? "malformed"] : TORN);
      return;
    }
    const entry = parsed.value;
    const mark = { place, seq: entry.seq, ts: entry.ts };
    this.#entries += 1;
    this.#first ??= mark;
    this.#last = mark;
    if (isAmbiguous(entry)) {
      this.#ambiguous += 1;
      this.#firstAmbiguous ??= place;
    }
    if (entry.prev_hash === "") {
      this.#chains += 1;
    } else if (this.#entries === 1) {
      this.#chains += 1;
      this.#continues = true;
    }
    const found = this.#contradiction(entry) ?? this.#misplacement(entry);
    if (found !== undefined) this.#bad(place, entry.seq, found);
    if (found?.kind === "reordered") this.#before = [...this.#before.slice(0, 1), entry];
    else if (found?.kind !== "duplicate") this.#before = [entry];
  }

  /** The verdict; no line may be added afterwards. */
  finish(): KarsReport {
    return {
      entries: this.#entries,
      chains: this.#chains,
      breaks: this.#breaks,
      repeats: this.#repeats,
      ambiguous: this.#ambiguous,
      firstAmbiguous: this.#firstAmbiguous,
      continues: this.#continues,
      first: this.#first,
      last: this.#last,
      damage: this.#damage,
      cannotProve: [...CANNOT_PROVE, ...this.#cannotProveHere()],
    };
  }

  #cannotProveHere(): string[] {
    const sentences: string[] = [];
    const at = this.#firstAmbiguous;
    if (at !== undefined) {
      const where = `${this.#ambiguous} here, the first in line ${at.line} of ${at.file}`;
      sentences.push(`Of entries with a "|" in a field (${where}), nobody can say which text belongs to which field.`);
    }
    if (this.#repeats > 0) {
      const where = `${this.#repeats} here`;
      sentences.push(`Where numbers do not rise (${where}), because kars forgot older entries, they tell no order.`);
    }
    if (this.#continues)
      sentences.push("The first entry read is not the first of its chain: what was before is unknown.");
    return sentences;
  }

  /** What is wrong with an entry by itself. */
  #contradiction(entry: KarsEntry): Break | undefined {
    const hash = this.#sha256(hashedText(entry));
    if (hash !== entry.hash) return { kind: "edited", sentence: `It hashes to ${hash}, and says ${entry.hash}.` };
    if ((entry.seq === 0) !== (entry.prev_hash === "")) {
      return {
        kind: "edited",
        sentence: "Number 0 and no previous hash go together, and it has one without the other.",
      };
    }
    return undefined;
  }

  /** What is wrong with it where it stands. */
  #misplacement(entry: KarsEntry): Break | undefined {
    const [last] = this.#before;
    if (entry.prev_hash === "" || last === undefined) return undefined;
    const followed = this.#before.find(({ hash }) => hash === entry.prev_hash);
    if (followed !== undefined) {
      if (entry.sandbox !== followed.sandbox) {
        return { kind: "edited", sentence: `It follows entry ${followed.seq}, which is of another sandbox.` };
      }
      if (entry.seq > followed.seq + 1) {
        return { kind: "edited", sentence: `It follows entry ${followed.seq}, and its own number denies it.` };
      }
      if (entry.seq <= followed.seq) this.#repeats += 1;
      return undefined;
    }
    const { seq } = last;
    if (this.#before.some(({ hash }) => hash === entry.hash)) {
      return { kind: "duplicate", sentence: `Entry ${entry.seq} has been before.` };
    }
    if (entry.seq < seq) {
      const sentence = `It stands behind entry ${seq}: kars may swap two at a time, or the beginning of its chain is not there.`;
      return { kind: "reordered", sentence };
    }
    if (entry.seq === seq + 1) {
      return { kind: "edited", sentence: `It does not hold the hash of entry ${seq}: one of the two was changed.` };
    }
    const what = entry.seq === seq ? "What it follows is" : `Entries ${seq + 1} to ${entry.seq - 1} are`;
    return { kind: "missing", sentence: `${what} not there; kars itself leaves out its updates of trust.` };
  }

  #bad(place: Place, seq: number | null, { kind, sentence }: Break): void {
    this.#breaks += 1;
    this.#damage ??= { kind, place, seq, sentence };
  }
}

const TORN: Break = {
  kind: "torn_tail",
  sentence: "The file ends within this line; a crash leaves this, and so does a cut.",
};

const UNREADABLE: { readonly [Problem in "malformed" | "not_canonical"]: Break } = {
  malformed: {
    kind: "malformed",
    sentence: "The line is no entry: changed, too long, or two writes ran into each other.",
  },
  not_canonical: { kind: "not_canonical", sentence: "kars does not write its entries like this; somebody else did." },
};
