import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { answer } from '../src/cli/api.ts';
import { csvLine, parseCsv } from '../src/cli/csv.ts';
import { type CsvInvitation, type CsvSummary, inviteFromCsv } from '../src/cli/invite-csv.ts';
import { eachDatabase } from './support/databases.ts';
import { type Corporate, corporate, passwords } from './support/passwords.ts';

const cellsOf = (text: string) => parseCsv(text).map(({ cells }) => cells);

describe('a CSV file', () => {
  test.each<[string, string, readonly (readonly string[])[]]>([
    [
      'LF',
      'a,b\nc,d\n',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    [
      'CRLF',
      'a,b\r\nc,d\r\n',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    ['no line end at the end', 'a,b', [['a', 'b']]],
    ['quotes', '"a,1","b ""x"""\n', [['a,1', 'b "x"']]],
    ['a line end within quotes', '"a\r\nb",c\n', [['a\r\nb', 'c']]],
    [
      'empty fields',
      ',\n"",x\n',
      [
        ['', ''],
        ['', 'x'],
      ],
    ],
    ['blank lines', 'a\n\n\r\nb\n', [['a'], ['b']]],
    ['nothing', '', []],
  ])('with %s is read', (_, text, rows) => {
    expect(cellsOf(text)).toEqual(rows);
  });

  test.each([
    ['a"b\n', 1],
    ['a\n"b\n', 2],
    ['a\n"b"c\n', 2],
    ['"a\nb"\n"c" ,d\n', 3],
    ['a\rb\n', 1],
  ])('%j is refused with its line', (text, line) => {
    expect(() => parseCsv(text)).toThrow(`line ${line}:`);
  });

  test('is read as it was written, whatever its cells hold, and none of them is a formula', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 2, maxLength: 5 }), (cells) => {
        const [read] = cellsOf(csvLine(cells)) as [string[]];
        expect(read.map((cell, index) => (cell === `'${cells[index]}` ? cells[index] : cell))).toEqual(cells);
        for (const cell of read) expect(cell).not.toMatch(/^\s*[=+\-@|%]/);
      }),
    );
  });

  test.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', ' =1', '|calc', '%0A=1'])(
    '%j computes nothing',
    (cell) => {
      expect(csvLine([cell])).toBe(`"'${cell}"\r\n`);
    },
  );
});

eachDatabase('credentials of a CSV file', (freshUrl) => {
  const open = async () => {
    const made = await corporate({
      databaseUrl: await freshUrl(),
      env: { COUNTERSIGN_SMTP_URL: 'smtp://127.0.0.1:1' },
      withPassword: ['cred-1'],
    });
    const directory = mkdtempSync(join(tmpdir(), 'countersign-csv-'));
    const csv = join(directory, 'people.csv');
    let requests = 0;
    const invite = async (text: string, options: Partial<CsvInvitation> = {}, broken = Number.POSITIVE_INFINITY) => {
      writeFileSync(csv, text);
      let summary: CsvSummary | undefined;
      const post = async (path: string, body?: unknown) => {
        if (++requests > broken) throw new Error('the server is away');
        return asAdministrator(made, path, body);
      };
      const done = await inviteFromCsv({ realm: '/realms/dev', post }, { csv, ...options }, (one) => {
        summary = one;
      }).then(
        () => undefined,
        (thrown: Error) => thrown.message,
      );
      const { report = '', ...counts } = summary ?? {};
      return { counts, done, lines: report === '' ? [] : cellsOf(readFileSync(report, 'utf8')).slice(1), report };
    };
    const mails = async () =>
      (await made.server.context.store.db.selectFrom('mail').select('reference').execute()).map((row) => row.reference);
    return { ...made, invite, mails };
  };
  const people = [
    '\ufeffCode,identity,type,email,id',
    'dora@acme.example,corp-1,user,,dora',
    '"erin",corp-1,ROOT,erin@acme.example,',
    'bob,corp-1,USER,,',
    'alice@acme.example,corp-1,ROOT,,',
    'carol@globex.example,corp-1,ROOT,,',
    '=cmd,corp-9,USER,x@acme.example,',
    'gus@acme.example,corp-1,KING,,',
    'no address,corp-1,USER,,',
    '',
  ].join('\r\n');
  const outcomes = [
    ['2', 'dora@acme.example', 'created', ''],
    ['3', 'erin', 'created', ''],
    ['4', 'bob', 'refused', 'credential.no_address'],
    ['5', 'alice@acme.example', 'unchanged', 'password.already_created'],
    ['6', 'carol@globex.example', 'refused', 'credential.code_taken'],
    ['7', "'=cmd", 'refused', 'identity.unknown'],
    ['8', 'gus@acme.example', 'refused', 'request.invalid'],
    ['9', 'no address', 'refused', 'credential.no_address'],
  ];
  const short = (lines: readonly (readonly string[])[]) => lines.map(([a, b, c, , d]) => [a, b, c, d]);

  test('are made and invited, each row by itself, and a repetition sends nothing', async () => {
    const { invite, mails } = await open();
    const dry = await invite(people, { dryRun: true });
    expect(short(dry.lines)).toEqual(outcomes);
    expect(await mails()).toEqual([]);
    const wet = await invite(people);
    expect(short(wet.lines)).toEqual(outcomes);
    expect(wet.counts).toEqual({ dryRun: false, rows: 8, created: 2, invited: 0, unchanged: 1, refused: 5 });
    expect(statSync(wet.report).mode & 0o077).toBe(0);
    const sent = await mails();
    expect(sent).toContain('invitation:dora');
    expect(sent).toHaveLength(2);
    const again = await invite(people);
    expect(again.counts).toMatchObject({ created: 0, invited: 0, unchanged: 3, refused: 5 });
    expect(again.lines[0]?.slice(2, 5)).toEqual(['unchanged', 'dora', 'credential.invited']);
    expect(await mails()).toHaveLength(2);
  });

  test('are done as far as the report says when the server goes away, and the rest by a repetition', async () => {
    const { invite, mails } = await open();
    const rows = Array.from({ length: 250 }, (_, i) => `user${i}@acme.example`);
    const text = ['code', ...rows].join('\n');
    const broken = await invite(text, { identity: 'corp-1' }, 2);
    expect(broken.done).toBe('the server is away');
    expect(broken.counts).toMatchObject({ rows: 200, created: 200 });
    expect(broken.lines).toHaveLength(200);
    expect(await mails()).toHaveLength(200);
    const rest = await invite(text, { identity: 'corp-1' });
    expect(rest.counts).toMatchObject({ rows: 250, created: 50, unchanged: 200 });
    expect(await mails()).toHaveLength(250);
  });

  test.each([
    ['', 'has no line with the names of its columns'],
    ['code,role\nx,y\n', 'line 1 has a column that is none of code, identity, type, email, id: "role"'],
    ['identity\nx\n', 'line 1 has no column code'],
    ['code\nx\n', 'line 1 has no column identity'],
    ['code,code,identity\nx,x,y\n', 'line 1 has the column code twice'],
    ['code,identity\nx,corp-1\ny\n', 'line 3 has 1 fields, and the first line has 2'],
    ['code,identity\nx,\n', 'line 2 has no identity'],
    ['code,identity\n,corp-1\n', 'line 2 has no code'],
    ['code,identity\nanna@acme.example,corp-1\n\n ANNA@acme.example ,corp-1\n', 'line 4 has the same code as line 2'],
    ['code,identity\n"x,corp-1\n', 'line 2: a quoted field has no end'],
  ])('%j is refused as a whole, before anything is sent', async (text, refusal) => {
    const { invite, mails } = await open();
    const { done, counts } = await invite(text);
    expect(done).toContain(refusal);
    expect(counts).toEqual({});
    expect(await mails()).toEqual([]);
  });

  test('come in batches of a hundred at most, with rows of known members', async () => {
    const { admin } = await open();
    const path = '/realms/dev/admin/credentials/invitations';
    const row = (code: string) => ({ identityId: 'corp-1', code });
    const status = async (body: object) => (await admin(path, body)).status;
    expect(await status({ rows: [] })).toBe(400);
    expect(await status({ rows: Array.from({ length: 101 }, (_, i) => row(`u${i}@a.example`)) })).toBe(400);
    expect(await status({ rows: [{ ...row('u@a.example'), password: passwords.first }] })).toBe(400);
    expect(await status({ rows: [row('x'.repeat(2_000))] })).toBe(400);
    const twice = await admin(path, { rows: [row('U@a.example'), row('u@a.example'), row('a\u0000b@a.example')] });
    expect(twice.body).toMatchObject({
      results: [{ outcome: 'created' }, { outcome: 'refused', code: 'request.invalid' }, { outcome: 'refused' }],
    });
  });
});

async function asAdministrator({ server }: Corporate, path: string, body: unknown): Promise<unknown> {
  const headers = { authorization: `Bearer ${await server.adminToken()}`, 'content-type': 'application/json' };
  return answer(await fetch(server.url + path, { method: 'POST', headers, body: JSON.stringify(body) }));
}
