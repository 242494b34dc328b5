const OLDEST_MAJOR = 26;

/** One line for whoever starts `sluice` on a Node that is too old; undefined where it is not. */
export function oldNodeMessage(version: string): string | undefined {
  return Number.parseInt(version, 10) >= OLDEST_MAJOR
    ? undefined
    : `sluice needs Node ${OLDEST_MAJOR} or later, and this is ${version}: run it through npm (npm start), or install Node ${OLDEST_MAJOR}.`;
}
