import { readFileSync } from 'node:fs';

/** A key that must be refused, and the check that refuses it. */
interface HostileKey {
  readonly name: string;
  readonly multikey: string;
  readonly stage: string;
}

const published = JSON.parse(
  readFileSync(new URL('../../../../vectors/multikey.json', import.meta.url), 'utf8'),
) as readonly (HostileKey & { readonly outcome: string })[];

export const hostileMultikeys: readonly HostileKey[] = [
  ...published.filter(({ outcome }) => outcome === 'refused'),
  { name: 'ten million characters', multikey: `z${'2'.repeat(10_000_000)}`, stage: 'multikey.too_large' },
];
