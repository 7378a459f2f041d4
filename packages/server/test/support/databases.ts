/** Runs one suite on both databases that Countersign supports, each test on a database of its own. */

import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe } from 'vitest';
import { postgresDatabases } from './postgres-databases.ts';
import { quickFolder } from './quick-folder.ts';
import { untouched } from './seed.ts';

export type DatabaseKind = 'sqlite' | 'postgres';

/**
 * Makes a database without entries and gives the URL that `openStore` takes. It has today's schema, copied from a
 * template, or no schema at all (`empty`). It is dropped when the suite has ended.
 */
export type FreshUrl = (schema?: 'empty') => Promise<string>;

/** Where the tests' PostgreSQL listens: started by `global-setup.ts`, or named by the person who runs the tests. */
const postgres = process.env.COUNTERSIGN_TEST_POSTGRES;

/** Databases with today's schema and no entries, made by `global-setup.ts`. */
const templates = {
  sqlite: process.env.COUNTERSIGN_TEST_SQLITE_TEMPLATE ?? '',
  postgres: process.env.COUNTERSIGN_TEST_POSTGRES_TEMPLATE ?? '',
};

/** See `vitest.config.ts`: CI and soak tests run every suite on both. */
const kinds = (process.env.COUNTERSIGN_TEST_DATABASES ?? 'sqlite,postgres').split(',') as readonly DatabaseKind[];

interface Maker {
  readonly fresh: FreshUrl;
  dispose(): Promise<void>;
}

const makers: Record<DatabaseKind, () => Maker> = {
  sqlite: sqliteMaker,
  postgres: () => postgresDatabases(postgres ?? '', templates.postgres),
};

/**
 * Describes the same tests once on SQLite and once on PostgreSQL. Without a PostgreSQL that half is reported as
 * skipped, which `global-setup.ts` explains, and never lets happen under CI.
 */
export function eachDatabase(name: string, tests: (freshUrl: FreshUrl, kind: DatabaseKind) => void): void {
  for (const kind of kinds) {
    describe.skipIf(kind === 'postgres' && !postgres)(`${name} on ${kind}`, () => {
      const maker = makers[kind]();
      afterAll(() => maker.dispose());
      tests(maker.fresh, kind);
    });
  }
}

/** Describes tests that need a database of each kind at once: moves from one to the other. */
export function bothDatabases(name: string, tests: (fresh: Readonly<Record<DatabaseKind, FreshUrl>>) => void): void {
  describe.skipIf(!postgres)(name, () => {
    const made = { sqlite: makers.sqlite(), postgres: makers.postgres() };
    afterAll(() => Promise.all([made.sqlite.dispose(), made.postgres.dispose()]));
    tests({ sqlite: made.sqlite.fresh, postgres: made.postgres.fresh });
  });
}

/** A new database with today's schema, under the name that a server gives to its own. */
export async function sqliteIn(folder: string): Promise<string> {
  const file = join(folder, 'countersign.db');
  await copyFile(templates.sqlite, file);
  untouched.add(`sqlite:${file}`);
  return `sqlite:${file}`;
}

function sqliteMaker(): Maker {
  const folders: string[] = [];
  return {
    async fresh(schema) {
      const folder = quickFolder('sqlite');
      folders.push(folder);
      return schema === 'empty' ? `sqlite:${join(folder, 'countersign.db')}` : sqliteIn(folder);
    },
    async dispose() {
      await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true, force: true })));
    },
  };
}
