import { text } from "./text-shape.ts";

/** The router decides where its secrets are mounted; a policy names one of them, and nothing in it leads out. */
export const secretFile = text({
  code: "bad_file_name",
  pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/,
  hint: "a file of the secrets directory is named without slashes and does not begin with a dot.",
});
