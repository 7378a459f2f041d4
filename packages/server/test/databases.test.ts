import { DatabaseSync } from 'node:sqlite';
import pg from 'pg';
import { expect, test } from 'vitest';
import { eachDatabase } from './support/databases.ts';

async function query(url: string, statements: readonly string[]): Promise<unknown> {
  if (url.startsWith('sqlite:')) {
    const database = new DatabaseSync(url.slice('sqlite:'.length));
    try {
      return statements.map((statement) => database.prepare(statement).all()).at(-1);
    } finally {
      database.close();
    }
  }
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    let rows: unknown;
    for (const statement of statements) rows = (await client.query(statement)).rows;
    return rows;
  } finally {
    await client.end();
  }
}

eachDatabase('a fresh database', (freshUrl, kind) => {
  test('is of the kind it says', async () => {
    const version = kind === 'sqlite' ? 'select sqlite_version() as version' : 'select version() as version';
    const expected = kind === 'sqlite' ? /^3\./ : /^PostgreSQL \d/;
    expect(await query(await freshUrl(), [version])).toEqual([{ version: expect.stringMatching(expected) }]);
  });

  test('is nobody else’s, however many are made at once', async () => {
    const urls = await Promise.all(Array.from({ length: 8 }, () => freshUrl()));
    expect(new Set(urls).size).toBe(8);
    const rows = await Promise.all(
      urls.map((url, i) =>
        query(url, ['create table mark (n integer)', `insert into mark values (${i})`, 'select n from mark']),
      ),
    );
    expect(rows).toEqual(urls.map((_, n) => [{ n }]));
  });
});
