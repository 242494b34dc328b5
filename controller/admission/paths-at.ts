type Step = string | number;

const MAXIMUM_KEY = 80;
const PLAIN = /^[A-Za-z_$][A-Za-z0-9_$-]*$/;

/**
 * Where in an object the offsets of its JSON text are, as Kubernetes writes it: `spec.allow[0].ports`. `text` is JSON as
 * `JSON.stringify` or RFC 8785 write it, `offsets` rise. One pass, however many offsets there are.
 */
export function pathsAt(text: string, offsets: readonly number[]): readonly string[] {
  const paths: string[] = [];
  const steps: Step[] = [];
  /** The next text in an object is a key. */
  let isKey = false;
  let found = "";
  for (let at = 0; at < text.length && paths.length < offsets.length; at++) {
    const letter = text[at];
    const isText = letter === '"';
    const end = isText ? textEnd(text, at) : at;
    if (isText && isKey) {
      steps[steps.length - 1] = JSON.parse(text.slice(at, end + 1)) as string;
      isKey = false;
    }
    // What is written up to here belongs to the step that is open now.
    while (paths.length < offsets.length && (offsets[paths.length] ?? 0) <= end) {
      found = pathText(letter === "}" || letter === "]" ? steps.slice(0, -1) : steps);
      paths.push(found);
    }
    at = end;
    if (letter === "{") {
      steps.push("");
      isKey = true;
    } else if (letter === "[") steps.push(0);
    else if (letter === "}" || letter === "]") {
      steps.pop();
      isKey = false;
    } else if (letter === ",") {
      const last = steps.at(-1);
      if (typeof last === "number") steps[steps.length - 1] = last + 1;
      else isKey = true;
    }
  }
  while (paths.length < offsets.length) paths.push("");
  return paths;
}

/** The offset of the quote that ends the text that begins at `at`. */
function textEnd(text: string, at: number): number {
  let end = at + 1;
  while (end < text.length && text[end] !== '"') end += text[end] === "\\" ? 2 : 1;
  return end;
}

function pathText(steps: readonly Step[]): string {
  let path = "";
  for (const step of steps) {
    if (typeof step === "number") path += `[${step}]`;
    else if (PLAIN.test(step) && step.length <= MAXIMUM_KEY) path += path === "" ? step : `.${step}`;
    else path += `[${step.length <= MAXIMUM_KEY ? step : `${step.slice(0, MAXIMUM_KEY)}...`}]`;
  }
  return path;
}
