import { join } from "node:path";
import { streamOfOrigin } from "../core/audit/log-origin.ts";
import { type Millis, millis } from "../core/base/quantity.ts";
import { endpointOrigin } from "../core/config/endpoint-shape.ts";
import type { CheckpointConfig, WitnessConfig } from "../core/config/router-config.ts";
import type { VerifierKey } from "../core/tlog/verifier-key.ts";
import type { SignedCheckpoint } from "../edge/audit/checkpoints.ts";
import { inTime } from "../edge/audit/in-time.ts";
import { checkpointFile } from "../edge/audit/note-file.ts";
import type { Log } from "../edge/log/log.ts";
import { Lane, NewestFile } from "./newest-file.ts";
import { type PostCheckpoint, WitnessOutput } from "./witness-output.ts";

const FILE_DEADLINE = millis(5_000);

export interface CheckpointOutputsOptions {
  /** Of the segments; the newest checkpoint is kept beside them. */
  readonly directory: string;
  readonly config: Omit<CheckpointConfig, "witnesses">;
  readonly witnesses: readonly {
    readonly config: WitnessConfig;
    readonly key: VerifierKey;
    readonly post: PostCheckpoint;
  }[];
  readonly log: Log;
}

/**
 * Where the signed heads of the audit log go: beside the log, to stdout, to files and to witnesses. None of them waits for
 * another, and the log waits for none.
 */
export class CheckpointOutputs {
  readonly #options: CheckpointOutputsOptions;
  readonly #files: readonly NewestFile[];
  readonly #witnesses: readonly WitnessOutput[];
  #beside: NewestFile | undefined;
  #cosigned: NewestFile | undefined;

  constructor(options: CheckpointOutputsOptions) {
    const { config, witnesses, log } = options;
    this.#options = options;
    const elsewhere = new Lane();
    this.#files = config.files.map((path) => this.#file(path, elsewhere));
    this.#witnesses = witnesses.map(
      ({ config: { url }, key, post }) =>
        new WitnessOutput({
          key,
          post,
          onCosigned: (note) => {
            log.checkpoint(note, "audit checkpoint, cosigned");
            this.#cosigned?.offer(note);
          },
          onProblem: (problem) => tell(log, `witness ${key.name} at ${endpointOrigin(url)}`, problem),
        }),
    );
  }

  readonly publish = (checkpoint: SignedCheckpoint): void => {
    this.#options.log.checkpoint(checkpoint.note, "audit checkpoint");
    this.#streamFiles(checkpoint);
    this.#beside?.offer(checkpoint.note);
    for (const file of this.#files) file.offer(checkpoint.note);
    for (const witness of this.#witnesses) witness.offer(checkpoint);
  };

  /** One sentence for each output that does not work now. */
  problems(): readonly string[] {
    const files = this.#allFiles().map((file) => file.problem);
    const witnesses = this.witnesses().map(({ witness, problem }) =>
      problem === undefined ? undefined : `${witness}: ${problem}`,
    );
    return [...files, ...witnesses].filter((problem) => problem !== undefined);
  }

  witnesses(): readonly ReturnType<WitnessOutput["status"]>[] {
    return this.#witnesses.map((witness) => witness.status());
  }

  /** Waits for what is under way, and tries each witness once more. */
  async close(deadline: Millis): Promise<void> {
    const all = async (): Promise<void> => {
      await Promise.all(this.#witnesses.map((witness) => witness.close()));
      await Promise.all(this.#allFiles().map((file) => file.settled()));
    };
    await inTime(all(), deadline);
  }

  #allFiles(): readonly NewestFile[] {
    return [this.#beside, this.#cosigned, ...this.#files].filter((file) => file !== undefined);
  }

  /** A process has one stream; its name is known with the first checkpoint. */
  #streamFiles({ origin }: SignedCheckpoint): void {
    const stream = streamOfOrigin(origin);
    if (this.#beside !== undefined || stream === undefined) return;
    const { directory } = this.#options;
    const here = new Lane();
    this.#beside = this.#file(join(directory, checkpointFile(stream)), here);
    this.#cosigned = this.#file(join(directory, checkpointFile(stream, true)), here);
  }

  #file(path: string, lane: Lane): NewestFile {
    return new NewestFile(path, lane, FILE_DEADLINE, (problem) => tell(this.#options.log, path, problem));
  }
}

function tell(log: Log, output: string, problem: string | undefined): void {
  if (problem === undefined) log.event("info", "audit checkpoints are kept again", { output });
  else log.event("error", "audit checkpoints are NOT kept", { output, problem });
}
