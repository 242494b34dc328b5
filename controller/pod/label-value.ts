const LABEL_VALUE = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
/** Characters in a label's value. */
export const LABEL_LENGTH = 63;

/** Whether Kubernetes takes a text for a label's value; an empty one, which it takes too, is not meant here. */
export function isLabelValue(text: string): boolean {
  return text.length <= LABEL_LENGTH && LABEL_VALUE.test(text);
}
