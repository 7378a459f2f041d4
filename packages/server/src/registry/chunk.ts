/** Rows of one statement: enough to make the round trip cheap, and far below SQLite's limit of 32,766 parameters. */
const chunk = 200;

/** Runs `act` over `items` chunk by chunk and joins the results. */
export async function inChunks<T, R>(
  items: readonly T[],
  act: (items: readonly T[]) => Promise<readonly R[]>,
): Promise<R[]> {
  const results: R[] = [];
  for (let start = 0; start < items.length; start += chunk) {
    for (const result of await act(items.slice(start, start + chunk))) results.push(result);
  }
  return results;
}
