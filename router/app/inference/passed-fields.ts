import { isOriginCredential } from "../../core/credential/client-credentials.ts";
import { holdsSecret } from "../../core/credential/secret-forms.ts";
import type { Field } from "../../core/wire/message-head.ts";

/** Of a provider's head, what would not tell the agent of the credential, whatever form (`secretForms`) it comes in. */
export function passedFields(fields: readonly Field[], forms: readonly string[]): readonly Field[] {
  return fields.filter(
    ({ name, value }) => !isOriginCredential(name) && !holdsSecret(name, forms) && !holdsSecret(value, forms),
  );
}
