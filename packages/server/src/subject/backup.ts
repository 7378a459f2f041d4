import { createHash, scrypt } from 'node:crypto';
import type { Random } from '../kernel/random.ts';
import { isKnownSchema, newestSchema } from '../store/migrate.ts';
import { type Opening, parsedHead, refused, type Sealing } from './dump.ts';
import { verifyChain } from './event.ts';
import { sealedUnder } from './secrets/vault.ts';

/**
 * A backup has the lines of a dump, sealed under a passphrase instead of the master key: who keeps backups has neither
 * the master key nor what it seals. The first line names the format, the schema and the salt, and every other line is
 * bound to all of it.
 */
const format = 'countersign-backup/1';
const refusal = 'The backup was not restored';

/** The cost belongs to the format: a hostile file cannot ask for more. 128 MiB and half a second. */
const cost = { N: 2 ** 17, r: 8, p: 1, maxmem: 256 * 1024 * 1024 } as const;

/** Characters. */
const shortestPassphrase = 12;

export async function backupSealing(passphrase: string, random: Random): Promise<Sealing> {
  if ([...passphrase].length < shortestPassphrase)
    throw new Error(`The passphrase needs at least ${shortestPassphrase} characters.`);
  const salt = random.token(16);
  return sealingOf(JSON.stringify({ format, schema: newestSchema, salt }), await keyOf(passphrase, salt));
}

/** What a restore expects of the database that was backed up. */
export interface Expected {
  readonly masterKey: Uint8Array;
  /** Restores a database whose chain of events was broken already. */
  readonly acceptBrokenChain: boolean;
}

export function backupOpening(passphrase: string, { masterKey, acceptBrokenChain }: Expected): Opening {
  let known: Sealing | undefined;
  return {
    refusal,
    wrongKey: 'The passphrase is not the one of this backup.',
    async open(head) {
      if (known?.head === head) return known;
      const { format: named, schema, salt } = parsedHead(head);
      if (named !== format || typeof salt !== 'string') throw refused(refusal, `it is not a ${format} file`);
      if (typeof schema !== 'string' || !isKnownSchema(schema))
        throw refused(refusal, 'it is of a newer version of Countersign, which can restore it');
      known = sealingOf(head, await keyOf(passphrase, salt));
      return known;
    },
    async verify(tx) {
      if ((await sealedUnder({ db: tx }, masterKey)) === 'another')
        throw refused(refusal, 'the master key is not the one of the database that was backed up');
      const verdict = await verifyChain({ store: { db: tx } });
      if (verdict.intact || acceptBrokenChain) return;
      throw refused(refusal, `the chain of events is broken at number ${verdict.seq}: ${verdict.reason}`);
    },
  };
}

function sealingOf(head: string, key: Uint8Array): Sealing {
  const named = createHash('sha256').update(head).digest('base64url');
  return { head, key, boundTo: (line) => `backup\0${named}\0${line}` };
}

function keyOf(passphrase: string, salt: string): Promise<Uint8Array> {
  return new Promise((resolve, reject) =>
    scrypt(passphrase.normalize('NFC'), salt, 32, cost, (error, key) => (error ? reject(error) : resolve(key))),
  );
}
