import { isDeepStrictEqual } from 'node:util';
import { expect } from 'vitest';
import { ProofError, verifyInvocation } from '../../src/index.ts';
import { expecting } from './wallet.ts';

/** The document with one byte replaced, refused with a code unless it still says the same. */
export async function checkTampered(text: string, at: number, byte: number): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  if (bytes[at] === byte) return;
  bytes[at] = byte;
  const refusal = await verifyInvocation(bytes, expecting()).catch((error: unknown) => error);
  if (refusal instanceof ProofError) return;
  const what = `${text.slice(Math.max(0, at - 20), at)}[${text[at]} → ${String.fromCharCode(byte)}]`;
  expect(isDeepStrictEqual(JSON.parse(new TextDecoder().decode(bytes)), JSON.parse(text)), what).toBe(true);
}
