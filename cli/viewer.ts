/** Who looks at what a verb prints. */
export interface Viewer {
  /** Of the terminal; undefined where standard output is none. */
  readonly columns: number | undefined;
  /** It is a terminal that shows colours, and NO_COLOR is not set. */
  readonly colors: boolean;
  /** Aborted once nobody wants more: a signal came, or the pipe was closed. */
  readonly gone: AbortSignal;
}

/** Of this process. Each signal ends the verb cleanly at first, and the process where it comes again. */
export function processViewer(signals: readonly NodeJS.Signals[]): Viewer {
  const gone = new AbortController();
  for (const signal of signals) process.once(signal, () => gone.abort());
  // `| head` has read enough.
  process.stdout.on("error", () => gone.abort());
  const { stdout } = process;
  return stdout.isTTY
    ? { columns: stdout.columns, colors: stdout.hasColors(), gone: gone.signal }
    : { columns: undefined, colors: false, gone: gone.signal };
}
