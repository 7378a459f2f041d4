import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { loadConfig } from '../packages/server/src/config.ts';
import { createContext } from '../packages/server/src/server.ts';
import { codeOf, loginPassword, loginRealm } from './network.ts';

/**
 * Writes credentials with a password directly into a data directory that no server uses at the moment: the same rows as the
 * rules write, without the rules and the event log, all with the same hash. For benchmarks only.
 */
export async function populateCredentials(dataDir: string, count: number): Promise<void> {
  const { config } = loadConfig({ COUNTERSIGN_DATA_DIR: dataDir, COUNTERSIGN_LOG_LEVEL: 'warn' });
  const context = await createContext(config);
  const hash = await context.hasher.hash(loginPassword);
  const database = new DatabaseSync(join(dataDir, 'countersign.db'));
  database.exec('pragma synchronous=off; begin');
  const now = Date.now();
  const subject = database.prepare(`insert into subject (realm, id, kind, generation) values (?, ?, 'credential', 1)`);
  const credential = database.prepare(
    `insert into credential (realm, id, identity_id, type, code, created_at, updated_at) values (?, ?, 'acme', 'ROOT', ?, ?, ?)`,
  );
  const password = database.prepare(
    `insert into password (realm, credential_id, version, hash, created_at) values (?, ?, 1, ?, ?)`,
  );
  for (let n = 0; n < count; n++) {
    const id = `holder-${n}`;
    subject.run(loginRealm, `credential:${id}`);
    credential.run(loginRealm, id, codeOf(n), now, now);
    password.run(loginRealm, id, hash, now);
  }
  database.exec('commit; pragma wal_checkpoint(truncate)');
  database.close();
  await context.hasher.close();
  await context.store.close();
}
