/** Ends an exhaustive switch: a new variant stops the build here, and a forged one throws. */
export function assertNever(value: never): never {
  throw new Error(`unexpected variant: ${JSON.stringify(value)}`);
}
