import type { EgressApproval } from "../../core/approval/approval.ts";
import { type Identity, isMeant } from "../../core/approval/approved-digest.ts";
import { parseEgressApproval } from "../../core/approval/parse-egress-approval.ts";
import type { DocumentProblem } from "../../core/base/problem.ts";
import { millis } from "../../core/base/quantity.ts";
import type { Result } from "../../core/base/result.ts";
import type { Log } from "../../edge/log/log.ts";
import type { DirectoryListing, SourceFile } from "../../edge/sources/directory-listing.ts";
import { watchDirectory, type WatchedDirectory } from "../../edge/sources/watched-directory.ts";

/** At most 256 documents: `document-set.ts`. */
const WATCH = {
  maximumBytes: 64 * 1024,
  maximumTotalBytes: 4 * 1024 * 1024,
  // A revocation must cut within a second also where no event comes.
  pollInterval: millis(400),
  settle: millis(50),
} as const;
const MOST_LOGGED = 16;

type Parsed = Result<EgressApproval, readonly DocumentProblem[]>;

export interface ApprovalFilesRooms {
  readonly directory: string;
  readonly identity: Identity;
  readonly log: Log;
  /** All approvals for this pod, as the directory is now. */
  apply(approvals: readonly EgressApproval[]): void;
}

/**
 * The directory where an operator's approvals are mounted. A file that cannot be read grants nothing, and neither does
 * any of a directory that cannot be read as a whole: what was revoked might be in it. None at all is in order.
 */
export class ApprovalFiles {
  readonly #rooms: ApprovalFilesRooms;
  #watched: WatchedDirectory | undefined;
  #parsed = new Map<SourceFile, Parsed>();
  #listing: DirectoryListing | undefined;
  #problems: readonly DocumentProblem[] = [];
  /** Rises with each reading that was acted on. */
  #readings = 0;

  constructor(rooms: ApprovalFilesRooms) {
    this.#rooms = rooms;
  }

  /** What keeps approvals from counting. */
  get problems(): readonly DocumentProblem[] {
    return this.#problems;
  }

  async watch(): Promise<void> {
    const { directory } = this.#rooms;
    this.#watched = watchDirectory(directory, {
      ...WATCH,
      accept: (name) => /\.ya?ml$/.test(name),
      onChange: (listing) => this.#read(listing),
      onProblem: (problems) => this.#directory(problems),
      // Nobody need mount one.
      onEvents: () => undefined,
    });
    const first = await this.#watched.initial();
    if (first.ok) this.#read(first.value);
    else this.#directory(first.problem);
  }

  async close(): Promise<void> {
    await this.#watched?.[Symbol.asyncDispose]();
  }

  #directory(problems: readonly DocumentProblem[]): void {
    if (problems.length > 0) {
      this.#readings += 1;
      const isMissing = problems.every(({ code }) => code === "directory_missing");
      this.#tell(isMissing ? [] : problems);
      this.#rooms.apply([]);
      return;
    }
    // It can be read again. Where its content is another by now, that is told in this same turn.
    const reading = this.#readings;
    queueMicrotask(() => {
      if (this.#readings === reading && this.#listing !== undefined) this.#read(this.#listing);
    });
  }

  #read(listing: DirectoryListing): void {
    this.#readings += 1;
    this.#listing = listing;
    const parsed = new Map<SourceFile, Parsed>();
    const problems: DocumentProblem[] = [];
    const files = new Map<string, { readonly file: string; readonly approval: EgressApproval }[]>();
    for (const [file, source] of listing.files) {
      const read = this.#parsed.get(source) ?? parse(file, source);
      parsed.set(source, read);
      if (!read.ok) {
        problems.push(...read.problem);
        continue;
      }
      const approval = read.value;
      files.set(approval.name, [...(files.get(approval.name) ?? []), { file, approval }]);
    }
    this.#parsed = parsed;
    const approvals: EgressApproval[] = [];
    for (const [name, [one, ...more]] of files) {
      if (one === undefined) continue;
      if (more.length === 0) approvals.push(one.approval);
      // Nobody could say which of them an operator means, or revoked.
      for (const { file } of more) {
        const message = `${one.file} holds an approval called ${name} too: neither counts.`;
        problems.push({ file, line: 0, column: 0, code: "approval_twice", message });
      }
    }
    this.#tell(problems);
    this.#rooms.apply(approvals.filter((approval) => isMeant(approval, this.#rooms.identity)));
  }

  #tell(problems: readonly DocumentProblem[]): void {
    this.#problems = problems;
    for (const { file, line, column, code, message } of problems.slice(0, MOST_LOGGED)) {
      this.#rooms.log.event("error", "an approval is refused", { file, line, column, code, problem: message });
    }
  }
}

const decoder = new TextDecoder("utf-8", { fatal: true });

function parse(file: string, { bytes }: SourceFile): Parsed {
  try {
    return parseEgressApproval(file, decoder.decode(bytes));
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return { ok: false, problem: [{ file, line: 0, column: 0, code: "not_utf8", message: "The file is no UTF-8." }] };
  }
}
