import { parsePodLabels } from "../../core/governance/pod-labels.ts";
import { readRegularFile } from "../../edge/sources/regular-file.ts";
import type { Log } from "../../edge/log/log.ts";

const MOST_OCTETS = 256 * 1024;
/** The kubelet itself needs up to a minute until a changed label is in the file. */
const LOOK_MILLIS = 15_000;

/** The pod's labels, read again and again: what cannot be read is not known. */
export class PodLabelsFile {
  labels: ReadonlyMap<string, string> | undefined;
  readonly #path: string | undefined;
  readonly #log: Log;
  readonly #changed: () => void;
  #timer: NodeJS.Timeout | undefined;
  #text: string | undefined;

  constructor(path: string | undefined, log: Log, changed: () => void) {
    this.#path = path;
    this.#log = log;
    this.#changed = changed;
  }

  async watch(): Promise<void> {
    if (this.#path === undefined) return;
    await this.#look(this.#path);
    this.#timer = setInterval(() => void this.#look(this.#path ?? ""), LOOK_MILLIS);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #look(path: string): Promise<void> {
    const read = await readRegularFile(path, MOST_OCTETS);
    const text = read.ok ? read.value.bytes.toString("utf8") : undefined;
    if (text !== undefined && text === this.#text) return;
    const parsed = text === undefined ? undefined : parsePodLabels(text);
    const known = this.labels !== undefined;
    this.#text = text;
    this.labels = parsed?.ok === true ? parsed.value : undefined;
    if (this.labels === undefined && (known || text !== undefined)) {
      this.#log.event("error", "the pod's labels cannot be read: rules about them find none", { path });
    }
    this.#changed();
  }
}
