/** Runs an action that must fail, and returns the text of its error. */
export async function refusalOf(act: Promise<unknown>): Promise<string> {
  try {
    await act;
  } catch (refusal) {
    return `refused (${(refusal as { code?: string }).code}: ${(refusal as Error).message})`;
  }
  throw new Error('this should have been refused');
}
