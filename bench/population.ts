import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { loadConfig } from '../packages/server/src/config.ts';
import { createContext } from '../packages/server/src/server.ts';

export interface Inhabitant {
  readonly participantId: string;
  readonly clientId: string;
  readonly subjectId: string;
  readonly secret: string;
}

/** The n-th participant. Its ids are as scattered as real ones, but computed from `n`. */
export function inhabitant(n: number): Inhabitant {
  const hash = createHash('sha512').update(`inhabitant ${n}`).digest();
  const hex = hash.toString('hex');
  return {
    participantId: uuid(hex.slice(0, 32)),
    clientId: uuid(hex.slice(32, 64)),
    subjectId: uuid(hex.slice(64, 96)),
    secret: hash.subarray(32).toString('base64url'),
  };
}

function uuid(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/**
 * Writes participants directly into a realm of a data directory that no server uses at the moment: the same rows as
 * `createParticipant` and `createClient` write, without the rules and the event log. For benchmarks only: make a network with
 * `countersign apply`.
 */
export async function populate(dataDir: string, realm: string, count: number): Promise<void> {
  const { config } = loadConfig({ COUNTERSIGN_DATA_DIR: dataDir, COUNTERSIGN_LOG_LEVEL: 'warn' });
  // Its vault digests the secrets.
  const context = await createContext(config);
  const database = new DatabaseSync(join(dataDir, 'countersign.db'));
  database.exec('pragma synchronous=off; begin');
  const now = Date.now();
  const subject = database.prepare(`insert into subject (realm, id, kind, generation) values (?, ?, 'participant', 1)`);
  const participant = database.prepare(
    `insert into participant (realm, id, organisation_id, role, status, base_url, organisation, resources, approved_by,
       approved_at, created_at, updated_at) values (?, ?, ?, 'LENDER', 'APPROVED', ?, ?, ?, 'bench', ?, ?, ?)`,
  );
  const client = database.prepare(
    `insert into client (realm, id, subject_id, participant_id, name, scope, audiences, secrets, created_at, updated_at)
       values (?, ?, ?, ?, ?, '', '[]', ?, ?, ?)`,
  );
  const resources = JSON.stringify([{ resource: 'loan-api', roles: ['apply'] }]);
  for (let n = 0; n < count; n++) {
    const { participantId, clientId, subjectId, secret } = inhabitant(n);
    const name = `Participant ${n}`;
    const secrets = [
      {
        id: clientId.slice(0, 12),
        digest: context.vault.digest('client-secret', secret),
        createdAt: now,
        expiresAt: null,
      },
    ];
    const organisation = JSON.stringify({ participantName: name, participantWebsite: 'https://www.example.com' });
    subject.run(realm, subjectId);
    participant.run(realm, participantId, `org-${n}`, `https://p${n}.example`, organisation, resources, now, now, now);
    client.run(realm, clientId, subjectId, participantId, name, JSON.stringify(secrets), now, now);
  }
  database.exec('commit; pragma wal_checkpoint(truncate)');
  database.close();
  await context.store.close();
}
