/** Unique in all pods: a random part for this process, then a count. No secret. */
export function requestIds(random: string): () => string {
  let count = 0;
  return () => {
    count += 1;
    return `${random}-${count.toString(36)}`;
  };
}
