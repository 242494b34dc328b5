import { required } from "./field.ts";
import { object } from "./object-shape.ts";
import { text } from "./text-shape.ts";

/** `metadata` of every signed document: a name, as Kubernetes names objects. */
export const metadata = object({
  name: required(
    text({
      code: "bad_name",
      pattern: /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/,
      hint: "a name is made of a-z 0-9 . - and begins and ends with a letter or a digit.",
    }),
    "The name in audit, metrics and refusals; versions are counted per name.",
  ),
});
