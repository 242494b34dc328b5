import type { AuditValue } from "./audit-event.ts";
import { isList } from "./canonical-json.ts";
import type { Damage, DamageKind, Place } from "./chain-report.ts";
import type { ChainLine } from "./verify-chain.ts";

/**
 * One line of the daily files of kars (github.com/Azure/kars, `inference-router/src/audit_jsonl.rs`), which it appends
 * from the chain of its library (`agentmesh`, `audit.rs`). A log that only claims to be one may hold any text here.
 */
interface KarsEntry {
  readonly sandbox: string;
  readonly seq: number;
  /** RFC 3339 in whole seconds; it is hashed as it stands here. */
  readonly ts: string;
  readonly agent_id: string;
  readonly action: string;
  readonly decision: string;
  readonly prev_hash: string;
  readonly hash: string;
}

export interface KarsMark {
  readonly place: Place;
  readonly seq: number;
  readonly ts: string;
}

/** What the lines were found to be; after a break the check goes on from the next entry that stands for itself. */
export interface KarsReport {
  readonly entries: number;
  /** Each start of kars begins one. */
  readonly chains: number;
  /** Lines that are no entries, that do not hash to what they say, or that do not follow the one before. */
  readonly breaks: number;
  /** Entries whose number does not rise, though their hash follows: kars had dropped older ones from its memory. */
  readonly repeats: number;
  /** Entries with a "|" in a field: another entry, with its texts parted elsewhere, has the same hash. */
  readonly ambiguous: number;
  readonly firstAmbiguous: Place | undefined;
  /** The first entry is not the first of its chain: the beginning was not read. */
  readonly continues: boolean;
  readonly first: KarsMark | undefined;
  readonly last: KarsMark | undefined;
  readonly damage: Damage | undefined;
  /** Sentences for people: what nobody can learn from these files, whatever was found in them. */
  readonly cannotProve: readonly string[];
}

const MEMBERS = ["sandbox", "seq", "ts", "agent_id", "action", "decision", "prev_hash", "hash"] as const;
const HASH = /^[0-9a-f]{64}$/;

const CANNOT_PROVE: readonly string[] = [
  "Nothing is signed: whoever may write the files can write all of it anew, with hashes that fit.",
  "Entries cut off at the end leave no trace: nothing says how many there were.",
  "Each start begins a chain anew at number 0: a chain taken away whole, or cut off before a restart, leaves no trace.",
  'What is hashed is joined by "|" without escapes: two different entries can have the same hash.',
  "The name of the sandbox is outside the hash: it can be changed without trace.",
  "An entry does not say which policy was in force, which rule decided or why, nor which host was meant.",
  "agent_id is what the caller said of itself; times are whole seconds of a clock that can be set.",
  "Entries that kars failed to write are nowhere counted, and it keeps some in memory only: a gap may be its own.",
];

/** Whether a log's first line is of kars: a record of Sluice has none of these members. */
export function isKarsLine(line: string): boolean {
  if (line.startsWith('{"sandbox":')) return true;
  const value = parse(line);
  return isObject(value) && Object.hasOwn(value, "prev_hash") && Object.hasOwn(value, "agent_id");
}

/**
 * Checks such files line by line, in the order of their days, in constant memory: give it every line, then ask. `sha256`
 * is of a text's UTF-8, in lower-case hex.
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
  /** What the next entry must follow; undefined where that was no entry. */
  #before: KarsEntry | undefined;

  constructor(sha256: (text: string) => string) {
    this.#sha256 = sha256;
  }

  add({ place, text, ended }: Pick<ChainLine, "place" | "text" | "ended">): void {
    // A file may be made before its first line is written to it.
    if (!ended && text === "" && place.offset === 0) return;
    const entry = text === undefined ? undefined : parseEntry(text);
    if (!ended || entry === undefined) {
      this.#before = undefined;
      if (ended)
        this.#bad("malformed", place, null, "The line is no entry: changed, or two writes ran into each other.");
      else
        this.#bad("torn_tail", place, null, "The file ends within this line; a crash leaves this, and so does a cut.");
      return;
    }
    const mark = { place, seq: entry.seq, ts: entry.ts };
    this.#entries += 1;
    this.#first ??= mark;
    this.#last = mark;
    if ([entry.ts, entry.agent_id, entry.action, entry.decision].some((field) => field.includes("|"))) {
      this.#ambiguous += 1;
      this.#firstAmbiguous ??= place;
    }
    if (entry.seq === 0 && entry.prev_hash === "") this.#chains += 1;
    const problem = this.#asWritten(entry, text) ?? this.#follows(entry);
    if (problem !== undefined) this.#bad(problem.kind, place, entry.seq, problem.sentence);
    // What came too late, or again, is not what the next one follows.
    if (problem?.kind !== "reordered" && problem?.kind !== "duplicate") this.#before = entry;
  }

  /** The verdict; no line may be added afterwards. */
  finish(): KarsReport {
    const cannotProve = [...CANNOT_PROVE];
    const at = this.#firstAmbiguous;
    if (at !== undefined) {
      const where = `${this.#ambiguous} here, the first in line ${at.line} of ${at.file}`;
      cannotProve.push(`Entries with a "|" in a field (${where}): which text belongs to which field.`);
    }
    if (this.#repeats > 0) {
      cannotProve.push(
        `Numbers that do not rise (${this.#repeats} here): there they do not show whether any is missing.`,
      );
    }
    if (this.#continues)
      cannotProve.push("The first entry is not the first of its chain: what was before was not read.");
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
      cannotProve,
    };
  }

  #asWritten(entry: KarsEntry, text: string | undefined): Problem | undefined {
    if (JSON.stringify(entry) !== text) {
      return { kind: "not_canonical", sentence: "kars does not write its entries like this; nobody knows who did." };
    }
    const { seq, ts, agent_id, action, decision, prev_hash } = entry;
    const hash = this.#sha256(`${seq}|${ts}|${agent_id}|${action}|${decision}|${prev_hash}`);
    if (hash !== entry.hash) {
      return { kind: "edited", sentence: `It hashes to ${hash}, and says ${entry.hash}.` };
    }
    if ((seq === 0) !== (prev_hash === "")) {
      return {
        kind: "edited",
        sentence: "The first entry of a chain has number 0 and no previous hash; no other has either.",
      };
    }
    return undefined;
  }

  #follows(entry: KarsEntry): Problem | undefined {
    if (entry.prev_hash === "") return undefined;
    const before = this.#before;
    if (before === undefined) {
      if (this.#entries > 1 || this.#damage !== undefined) return undefined;
      this.#continues = true;
      this.#chains += 1;
      return undefined;
    }
    if (entry.prev_hash === before.hash) {
      if (entry.sandbox !== before.sandbox) {
        return { kind: "edited", sentence: "It follows the entry before it, and is of another sandbox." };
      }
      if (entry.seq > before.seq + 1) {
        return { kind: "edited", sentence: `It follows entry ${before.seq}, and its own number denies it.` };
      }
      if (entry.seq <= before.seq) this.#repeats += 1;
      return undefined;
    }
    if (entry.hash === before.hash) return { kind: "duplicate", sentence: "It is the entry before it once more." };
    if (entry.seq < before.seq) {
      const sentence = `It stands behind entry ${before.seq}, and belongs before it; kars itself may swap two at a time.`;
      return { kind: "reordered", sentence };
    }
    if (entry.seq === before.seq + 1) {
      const sentence = `It does not hold the hash of entry ${before.seq}: one of the two was changed, or is of another chain.`;
      return { kind: "edited", sentence };
    }
    const what = entry.seq === before.seq ? "What was" : `Entries ${before.seq + 1} to ${entry.seq - 1}, or what was`;
    return { kind: "missing", sentence: `${what} between it and the entry before it, are not there.` };
  }

  #bad(kind: DamageKind, place: Place, seq: number | null, sentence: string): void {
    this.#breaks += 1;
    this.#damage ??= { kind, place, seq, sentence };
  }
}

interface Problem {
  readonly kind: DamageKind;
  readonly sentence: string;
}

/** Undefined for what is no entry. Its form, and whether it is true, are not judged here. */
function parseEntry(line: string): KarsEntry | undefined {
  const value = parse(line);
  if (!isObject(value) || Object.keys(value).length !== MEMBERS.length) return undefined;
  const isEntry = MEMBERS.every((name) => {
    const member = Object.hasOwn(value, name) ? value[name] : undefined;
    if (name === "seq") return typeof member === "number" && Number.isSafeInteger(member) && member >= 0;
    if (typeof member !== "string" || !member.isWellFormed()) return false;
    return name === "hash" ? HASH.test(member) : name !== "prev_hash" || member === "" || HASH.test(member);
  });
  return isEntry ? (value as unknown as KarsEntry) : undefined;
}

function parse(line: string): AuditValue {
  try {
    return JSON.parse(line) as AuditValue;
  } catch {
    return null;
  }
}

function isObject(value: AuditValue): value is { readonly [key: string]: AuditValue } {
  return typeof value === "object" && value !== null && !isList(value);
}
