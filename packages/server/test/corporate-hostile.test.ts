import { afterAll, describe, expect, test } from 'vitest';
import { system } from '../src/kernel/caller.ts';
import { write } from '../src/store/write.ts';
import { issueOneTimeCode } from '../src/subject/secrets/one-time-code.ts';
import { corporateAt, corporateNetwork, passwords, said } from './support/passwords.ts';
import { testServer } from './support/server.ts';

/** Every member of every body of the documented calls, as the running server describes them, with everything that is wrong with it. */

interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly anyOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly additionalProperties?: unknown;
}

interface Operation {
  readonly operationId: string;
  readonly security: readonly Readonly<Record<string, unknown>>[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly responses: {
    readonly default: { readonly content: Readonly<Record<string, { readonly schema: { readonly $ref: string } }>> };
  };
}

const hostile: Readonly<Record<string, string>> = {
  null: 'null',
  'a number': '7',
  'an empty text': '""',
  'a text': '"x"',
  'an object': '{"a":1}',
  'a list': '[[]]',
  true: 'true',
  NUL: '"a\\u0000b"',
  'a lone surrogate': '"\\ud800"',
  'another lone surrogate': '"a\\udc00"',
  'a line break': '"a\\r\\nb"',
  'a megabyte': `"${'a'.repeat(1_000_000)}"`,
  'deep nesting': `${'['.repeat(2_000)}${']'.repeat(2_000)}`,
  'a huge number': '1e999',
};

describe('the documented calls', async () => {
  const server = await testServer({ network: corporateNetwork(), env: { COUNTERSIGN_LOG_LEVEL: 'warn' } });
  afterAll(() => server.close());
  const real = corporateAt(server);
  await real.admin('/passwords/cred-1/create', { password: { value: passwords.first } });
  /** What was tried before may have ended the one before, or spent the guesses. */
  const opened = async () => {
    await real.admin('/realms/dev/admin/credentials/cred-1/unlock');
    return real.session();
  };
  const admin = `Bearer ${await server.adminToken()}`;
  const { paths } = (await (await fetch(`${server.url}/openapi.json`)).json()) as {
    paths: Record<string, { post?: Operation }>;
  };
  const calls = Object.entries(paths)
    .flatMap(([path, { post }]) => (post === undefined || !isCorporate(post) ? [] : [[path, post] as const]))
    .filter(([path]) => !path.startsWith('/realms/'));

  test('are all there to be walked', () => {
    expect(calls.length).toBeGreaterThan(20);
    expect(calls.map(([path]) => path)).toEqual(
      expect.arrayContaining(['/auth/login', '/passwords/{credential_id}/update']),
    );
  });

  test.each(calls)('%s takes nothing hostile for anything else', async (path, { requestBody, security }) => {
    const schema = requestBody?.content['application/json']?.schema ?? {};
    const good = sample(schema) as Record<string, unknown>;
    const bodies = [...members(schema)].flatMap(([pointer, required]) => [
      ...(required ? [['missing', spoilt(good, pointer, undefined)] as const] : []),
      ...Object.entries(hostile).map(([what, json]) => [what, spoilt(good, pointer, json)] as const),
    ]);
    const whole = Object.entries(hostile);
    const authorization =
      security.length === 0 ? undefined : /\/(create|profiles|sessions\/terminate)/.test(path) ? admin : await opened();
    for (const [what, body] of [
      ...bodies,
      ...whole,
      ['unknown member', '{"zzz":1}'],
      ['twice', '{"a":1,"a":1}'],
    ] as const) {
      const started = performance.now();
      const answer = await real.call(place(path), authorization, body);
      const label = `${path} ${what}`;
      expect([label, answer.status, answer.status < 500]).toEqual([label, answer.status, true]);
      expect([label, performance.now() - started < 10_000]).toEqual([label, true]);
      expect([label, answer.status === 401 && what !== 'null']).toEqual([label, false]);
      if (answer.status !== 400) continue;
      const { validation } = answer.body as { validation: { fields: { name: unknown; errors: unknown[] }[] } };
      expect([label, validation.fields]).toEqual([label, [{ name: expect.any(String), errors: [expect.any(String)] }]]);
    }
    expect(server.logged.filter((line) => /"level":"?(50|60|error)/.test(line))).toEqual([]);
  });

  test('a member that is wrong is named', async () => {
    for (const [path, { requestBody, security }] of calls) {
      if (security.length > 0) continue;
      const schema = requestBody?.content['application/json']?.schema ?? {};
      for (const [pointer] of members(schema)) {
        const answer = await real.call(
          path,
          undefined,
          spoilt(sample(schema) as Record<string, unknown>, pointer, 'true'),
        );
        expect([path, said(answer)]).toEqual([path, expect.stringMatching(`^400 ${pointer[0]}`)]);
      }
    }
  });

  test.each([
    '%00',
    '%ED%A0%80',
    'a'.repeat(5_000),
    '%0A',
    '%2F',
    '..%2F..',
    "'; drop table credential; --",
    '%F0%9F%94%91',
  ])(
    'an id like %j is the name of nothing',
    async (id) => {
      const session = await opened();
      for (const [path, { security }] of calls) {
        if (!path.includes('{')) continue;
        const authorization = /\{credential_id\}\/(authenticated_)?update$/.test(path)
          ? session
          : security.length === 0
            ? undefined
            : admin;
        const answer = await real.call(
          path.replace(/\{[a-z_]+\}/g, encodeURI(id).replaceAll('%25', '%')),
          authorization,
          {},
        );
        expect([path, [400, 404, 409, 414, 431].includes(answer.status), answer.status]).toEqual([
          path,
          true,
          answer.status,
        ]);
      }
    },
    15_000,
  );

  test('a token of one kind is none of another', async () => {
    const session = await opened();
    const signed = String((await real.call('/auth/subject', session)).body.token);
    const { context } = server;
    const codeFor = (purpose: 'lost-password' | 'password-invite') =>
      write(context, system, (tx) => issueOneTimeCode(context, tx, 'dev', purpose, 'cred-2', 60_000));
    const [lost, invite] = [(await codeFor('lost-password')).code, (await codeFor('password-invite')).code];
    for (const token of [signed, lost, invite, `${session}A`, session.slice(0, -1), session.toUpperCase()]) {
      for (const [path, { security }] of calls) {
        if (security.length === 0 || path.endsWith('/{credential_id}/create')) continue;
        const answer = await real.call(place(path), token, {});
        expect([path, answer.status]).toEqual([path, 401]);
      }
    }
    const access = await fetch(`${server.issuer()}/admin/credentials`, {
      headers: { authorization: `Bearer ${session}` },
    });
    expect(access.status).toBe(401);
  });

  test('an invitation works once, for its credential, however many come at once', async () => {
    const { context } = server;
    const { code } = await write(context, system, (tx) =>
      issueOneTimeCode(context, tx, 'dev', 'password-invite', 'cred-2', 60_000),
    );
    const first = (id: string) => real.call(`/passwords/${id}/create`, code, { password: { value: passwords.second } });
    expect(said(await first('cred-3'))).toBe('401 TOKEN_INVALID');
    expect(
      said(await real.call('/realms/bank/passwords/cred-2/create', code, { password: { value: passwords.second } })),
    ).toBe('401 TOKEN_INVALID');
    const answers = await Promise.all([1, 2, 3].map(() => first('cred-2')));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    for (const answer of answers)
      expect(said(answer)).toMatch(/^(200|401 TOKEN_INVALID|409 PASSWORD_ALREADY_CREATED)$/);
    expect(said(await first('cred-2'))).toBe('401 TOKEN_INVALID');
  });

  test('of two first passwords at once one is made', async () => {
    const answers = await Promise.all(
      [1, 2, 3].map((i) => real.admin('/passwords/cred-3/create', { password: { value: `${passwords.third} ${i}` } })),
    );
    expect(answers.map(said).sort()).toEqual(['200', '409 PASSWORD_ALREADY_CREATED', '409 PASSWORD_ALREADY_CREATED']);
    expect(server.logged.filter((line) => /"level":"?(50|60|error)/.test(line))).toEqual([]);
  });

  test('header, path and body that name different realms are refused, by every call', async () => {
    const session = await opened();
    for (const [path, { security }] of calls) {
      const authorization = security.length === 0 ? undefined : session;
      const at = `/realms/bank${place(path)}`;
      const schema =
        calls.find(([known]) => known === path)?.[1].requestBody?.content['application/json']?.schema ?? {};
      const good = security.length === 0 ? sample(schema) : {};
      const answer = await real.call(at, authorization, good, { 'x-programmekey': 'acme|dev' });
      expect([path, said(answer)]).toEqual([path, expect.stringMatching(/^400 X-programmeKey/)]);
    }
  });
});

function isCorporate({ responses }: Operation): boolean {
  return responses.default.content['application/json']?.schema.$ref.endsWith('/CorporateRefusal') === true;
}

function place(path: string): string {
  const names: Record<string, string> = {
    credential_id: 'cred-1',
    identity_id: 'corp-1',
    identity_profile_id: 'ip-1',
    version: '7',
    session_id: 'nobody',
  };
  return path.replace(/\{([a-z_]+)\}/g, (_, name: string) => names[name] ?? 'x');
}

/** Where its members are, and whether they must be there. */
function* members(schema: Schema, at: readonly string[] = []): Generator<readonly [readonly string[], boolean]> {
  for (const [name, of] of Object.entries(schema.properties ?? {})) {
    yield [[...at, name], true];
    yield* members(of.anyOf?.find(({ properties }) => properties !== undefined) ?? of, [...at, name]);
  }
}

/** Something that the schema takes, as far as a schema can say. */
function sample(schema: Schema): unknown {
  if (schema.enum !== undefined) return schema.enum[0];
  if (schema.anyOf !== undefined) return sample(schema.anyOf.find(({ type }) => type !== 'null') ?? {});
  if (schema.properties !== undefined) {
    const entries = Object.entries(schema.properties).filter(([name]) => name !== 'programmeId' && name !== 'email');
    return Object.fromEntries(entries.map(([name, of]) => [name, sample(of)]));
  }
  return schema.type === 'integer' || schema.type === 'number' ? 20 : 'something long enough';
}

/** The body as text, with this member left out or replaced by this JSON. */
function spoilt(good: Record<string, unknown>, pointer: readonly string[], json: string | undefined): string {
  const marker = '@@spoilt@@';
  const put = (value: unknown, [name, ...rest]: readonly string[]): unknown => {
    if (name === undefined) return json === undefined ? undefined : marker;
    const object = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
    return { ...object, [name]: put(object[name], rest) };
  };
  return JSON.stringify(put(good, pointer)).replace(`"${marker}"`, () => json ?? '');
}
