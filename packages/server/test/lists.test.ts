import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pagesOf, printList, type ReadPage } from '../src/cli/list.ts';
import { createProgram } from '../src/cli/program.ts';
import { registerClient } from '../src/registry/client-administration.ts';
import { applyNetwork } from '../src/registry/network-file/apply.ts';
import { insertRows } from '../src/store/tables.ts';
import { tester } from './support/context.ts';
import { eventually } from './support/eventually.ts';
import { keyOf } from './support/network.ts';
import { administrator, type TestServer, testServer } from './support/server.ts';

const count = 260;
const numbers = Array.from({ length: count }, (_, number) => String(number).padStart(4, '0'));

/** Every list of the command line that the server pages. */
const paged: readonly (readonly string[])[] = [
  ['participant', 'list'],
  ['participant', 'applications'],
  ['product', 'list'],
  ['product-network', 'list'],
  ['lender-network-filter', 'list'],
  ['server-whitelisting-item', 'list'],
  ['client', 'list'],
  ['identity', 'list'],
  ['identity-profile', 'list'],
  ['credential', 'list'],
  ['credential', 'list', '--identity', 'i-0000'],
  ['events', 'list'],
  ['realm', 'list'],
  ['wallet', 'admin', 'list'],
];

/** Every list that is short by its nature, and comes as a whole. */
const whole: readonly (readonly string[])[] = [
  ['keys', 'list'],
  ['pepper', 'list'],
  ['factor', 'list', '--credential', 'c-0000'],
  ['sessions', 'list', '--credential', 'c-0000'],
];

/** Lists of a participant and of a device, which need their own credentials. */
const others: readonly (readonly string[])[] = [
  ['participant', 'keys', 'list'],
  ['wallet', 'list'],
  ['wallet', 'recovery', 'list'],
];

interface Said {
  readonly out: string;
  readonly error: string;
}

/** What `act` writes. */
async function captured(act: () => Promise<unknown>): Promise<Said> {
  const said = { out: '', error: '' };
  const [out, error] = [process.stdout.write, process.stderr.write];
  process.stdout.write = ((text: string) => {
    said.out += text;
    return true;
  }) as typeof out;
  process.stderr.write = ((text: string) => {
    said.error += text;
    return true;
  }) as typeof error;
  try {
    await act();
  } finally {
    process.stdout.write = out;
    process.stderr.write = error;
  }
  return said;
}

describe('the lists of the command line', () => {
  let server: TestServer;
  let profile: string;
  const folder = mkdtempSync(join(tmpdir(), 'countersign-lists-'));
  beforeAll(async () => {
    server = await testServer();
    profile = join(folder, 'profile.json');
    const { id: clientId, secret: clientSecret } = administrator;
    writeFileSync(profile, JSON.stringify({ url: server.url, clientId, clientSecret }));
    await fill(server);
  }, 120_000);
  afterAll(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });

  const list = (args: readonly string[]) =>
    captured(async () =>
      (await createProgram(args[0])).parseAsync(['node', 'countersign', ...args, '--profile', profile]),
    );
  const itemsOf = (text: string) => Object.values(JSON.parse(text) as object)[0] as { id?: string }[];

  test('are all here', async () => {
    const names = listsOf(await createProgram()).sort();
    const known = [...paged, ...whole, ...others].map((args) => args.join(' ').replace(/ --.*/, ''));
    expect(names).toEqual([...new Set(known)].sort());
    for (const command of listCommandsOf(await createProgram())) {
      expect(command.options.map(({ long }) => long)).toEqual(expect.arrayContaining(['--limit', '--after', '--all']));
    }
  });

  test.each(paged.map((args) => [args.join(' '), args] as const))('countersign %s pages', async (_, args) => {
    const first = await list(args);
    expect(itemsOf(first.out)).toHaveLength(50);
    const { next } = JSON.parse(first.out) as { next: string };
    expect(first.error).toBe(`50 of more: --all, or --after ${next}\n`);

    const all = await list([...args, '--all']);
    expect(all.error).toBe('');
    const everything = itemsOf(all.out);
    expect(everything.length).toBeGreaterThanOrEqual(count);
    expect(all.out).toBe(`${JSON.stringify(JSON.parse(all.out), null, 2)}\n`);
    expect(new Set(everything.map((item) => JSON.stringify(item))).size).toBe(everything.length);
    expect(everything.slice(0, 50)).toEqual(itemsOf(first.out));

    const rest = await list([...args, '--after', next, '--limit', '205']);
    expect(itemsOf(rest.out)).toEqual(everything.slice(50, 255));
  });

  test.each(whole.map((args) => [args.join(' '), args] as const))(
    'countersign %s takes the same options',
    async (_, args) => {
      const all = itemsOf((await list([...args, '--all'])).out);
      const one = await list([...args, '--limit', '1']);
      expect(itemsOf(one.out)).toEqual(all.slice(0, 1));
      if (all.length > 1) {
        expect(one.error).toMatch(/^1 of more: --all, or --after \S+\n$/);
        const { next } = JSON.parse(one.out) as { next: string };
        expect(itemsOf((await list([...args, '--after', next])).out)).toEqual(all.slice(1));
      }
    },
  );
});

test.each([['0'], ['-1'], ['1.5'], ['x'], ['']])('--limit %j is refused', async (limit) => {
  const program = await createProgram('realm');
  for (const command of listCommandsOf(program)) command.exitOverride().configureOutput({ writeErr: () => {} });
  await expect(program.parseAsync(['node', 'countersign', 'realm', 'list', '--limit', limit])).rejects.toThrow(
    /whole number from 1/,
  );
});

test('--all and --limit together are refused', async () => {
  await expect(printList({ all: true, limit: 2 }, pagesOf([], String))).rejects.toThrow(/either/);
});

test('a list without a name stands alone, and an unknown place in a whole list is named', async () => {
  const letters = pagesOf(['a', 'b', 'c'], String);
  expect(await captured(() => printList({ limit: 2 }, letters))).toEqual({
    out: '[\n  "a",\n  "b"\n]\n',
    error: '2 of more: --all, or --after b\n',
  });
  expect(await captured(() => printList({ after: 'c' }, letters))).toEqual({ out: '[]\n', error: '' });
  await expect(printList({ after: 'x' }, letters)).rejects.toThrow('--after: there is no x in the list.');
});

test('no list is held as a whole: a page is printed before the next one is asked for', async () => {
  const pages: ReadPage = async (limit, after) => {
    const from = Number(after ?? 0);
    expect(limit).toBe(200);
    const items = Array.from({ length: limit }, (_, at) => from + at);
    return from + limit < 20_000 ? { items, next: String(from + limit) } : { items };
  };
  const { out } = await captured(() => printList({ all: true }, pages, 'items'));
  expect(JSON.parse(out).items).toHaveLength(20_000);
});

function listCommandsOf(command: Command): Command[] {
  const own = /^(?:list|applications)$/.test(command.name()) ? [command] : [];
  return [...own, ...command.commands.flatMap(listCommandsOf)];
}

function listsOf(command: Command, path: readonly string[] = []): string[] {
  return command.commands.flatMap((one) => {
    const here = [...path, one.name()];
    return [...(/^(?:list|applications)$/.test(one.name()) ? [here.join(' ')] : []), ...listsOf(one, here)];
  });
}

const application = {
  realm: 'dev',
  status: 'APPLIED',
  role: 'LENDER',
  base_url: null,
  organisation: '{"name":"An applicant"}',
  contact: '{"email":"a@example.org"}',
  jwk: '{}',
  thumbprint: '',
  code_digest: null,
  participant_id: null,
  client_id: null,
  decided_by: null,
  created_at: 0,
  updated_at: 0,
};

/** `count` of everything, and more where the server makes some itself. */
async function fill({ context }: TestServer): Promise<void> {
  const dev = {
    name: 'dev',
    profile: 'ocen4',
    settings: { accessTokenAlg: 'ES256' },
    participants: numbers.map((number) => ({
      id: `p-${number}`,
      role: 'LENDER',
      baseUrl: `https://p${number}.example`,
      keys: [keyOf(number)],
    })),
    products: numbers.map((number) => ({ id: `pr-${number}`, name: `Product ${number}` })),
    productNetworks: numbers.map((number) => ({ id: `n-${number}`, name: `Network ${number}` })),
    lenderNetworkFilters: numbers.map((number) => ({ id: `f-${number}` })),
    serverWhitelistingItems: numbers.map((number) => ({ id: `s-${number}`, ipAddress: '192.0.2.1', portNumber: '1' })),
    identityProfiles: numbers.map((number) => ({ id: `ip-${number}`, name: `Profile ${number}` })),
    identities: numbers.map((number) => ({ id: `i-${number}`, profileId: 'ip-0000', name: `Identity ${number}` })),
    credentials: numbers.map((number) => ({
      id: `c-${number}`,
      identityId: 'i-0000',
      type: 'USER',
      code: `code-${number}`,
    })),
  };
  await applyNetwork(context, { realms: [dev] }, tester);
  for (const number of numbers) {
    const wanted = { id: `cl-${number}`, name: `Client ${number}`, scope: '', audiences: [] };
    await registerClient(context, 'dev', wanted, tester);
  }
  const { db } = context.store;
  const wallet = {
    ...{ realm: 'dev', type: 'individual' as const, description: '', roles: '[]', created_at: 0, opened_at: 0 },
    ...{ owner_did: null, owner_long_did: null, signing_key: null, web_did: null, sealed_keys: null },
    read_only_until: null,
  } as const;
  await db
    .insertInto('wallet')
    .values(numbers.map((number) => ({ ...wallet, id: `w-${number}` })))
    .execute();
  const realm = await db.selectFrom('realm').selectAll().where('name', '=', 'dev').executeTakeFirstOrThrow();
  await insertRows(
    db,
    'realm',
    numbers.map((number) => ({ ...realm, name: `r-${number}` })),
  );
  await insertRows(
    db,
    'application',
    numbers.map((number) => ({ ...application, id: `a-${number}` })),
  );
  // The sealer gives the events their numbers, by which they are listed.
  const sealed = async () =>
    (await db.selectFrom('event').select('id').where('seq', 'is', null).execute()).length === 0;
  await eventually(sealed, 30_000);
}
