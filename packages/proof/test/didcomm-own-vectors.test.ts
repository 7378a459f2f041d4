import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { unpack } from '../src/didcomm/index.ts';
import { expecting, type Jwk, ownKey } from './support/didcomm.ts';

/** Ours, with the expected outcome: they hold the format still, and an implementation in another language against it. */
interface Vectors {
  readonly now: number;
  readonly recipient: string;
  readonly keys: Readonly<Record<string, Jwk>>;
  readonly cases: readonly { readonly name: string; readonly packed: string; readonly outcome: { code?: string } }[];
}

const file = new URL('../../../vectors/didcomm.json', import.meta.url);
const { now, recipient, keys, cases }: Vectors = JSON.parse(readFileSync(file, 'utf8'));
const own = Object.entries(keys).map(([kid, jwk]) => ownKey(kid, jwk));

describe('our own vectors', () => {
  test.each(cases)('$name', async ({ packed, outcome }) => {
    const expected = expecting({
      now,
      recipient,
      keys: own,
      modes: ['authcrypt', 'anoncrypt'],
      curves: ['X25519', 'P-256'],
      senderKey: (kid) => own.find((key) => key.kid === kid)?.key,
    });
    const result = unpack(packed, expected);
    if (outcome.code === undefined) expect(await result).toMatchObject(outcome);
    else await expect(result).rejects.toMatchObject({ code: outcome.code });
  });
});
