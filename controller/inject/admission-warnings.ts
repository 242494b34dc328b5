/** How many are said one by one; the API server cuts off behind 4096 characters. */
const MAXIMUM_COUNT = 12;
/** Characters of a name that are shown; with the longest sentence, 256, which every API server hands on unshortened. */
const MAXIMUM_NAME = 80;

/**
 * `warnings` of an AdmissionResponse as they come up: what concerns several containers alike is said once. Names in them
 * are the pod's author's choice and cut.
 */
export class AdmissionWarnings {
  readonly #containers = new Map<string, Set<string>>();

  /** `what` is a sentence's end without a full stop, `subject` its beginning: the name of a variable, a container. */
  add(subject: string, what: string, container?: string): void {
    const sentence = `${shown(subject)} ${what}`;
    const containers = this.#containers.get(sentence) ?? new Set();
    if (container !== undefined) containers.add(container);
    this.#containers.set(sentence, containers);
  }

  list(): readonly string[] {
    const all = [...this.#containers].map(([sentence, containers]) => {
      const [first, ...others] = containers;
      const more = others.length === 0 ? "" : ` and ${others.length} more`;
      const where = first === undefined ? "" : ` (container ${shown(first)}${more})`;
      return `sluice: ${sentence}${where}.`;
    });
    if (all.length <= MAXIMUM_COUNT) return all;
    return [...all.slice(0, MAXIMUM_COUNT - 1), `sluice: ${all.length - MAXIMUM_COUNT + 1} more of the kind.`];
  }
}

function shown(name: string): string {
  return name.length > MAXIMUM_NAME ? `${name.slice(0, MAXIMUM_NAME)}...` : name;
}
