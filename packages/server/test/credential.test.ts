import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Context } from '../src/context.ts';
import { mailAddressOf } from '../src/mail/owner.ts';
import {
  createCredential,
  lookUpCredential,
  lookUpCredentialByCode,
  type NewCredential,
  stepCredential,
} from '../src/passwords/identity/credential.ts';
import { changeCredential } from '../src/passwords/identity/credential-change.ts';
import { applyNetwork } from '../src/registry/network-file/apply.ts';
import { credentialCode, credentialMail, foldCredentialCode } from '../src/subject/credential-code.ts';
import { credentialSubjectId, lookUpSubjectState } from '../src/subject/subject.ts';
import { openContext } from './support/context.ts';
import { eachDatabase } from './support/databases.ts';
import { caller, eventsOf } from './support/network.ts';

const network = {
  realms: [
    {
      name: 'dev',
      settings: { accessTokenAlg: 'ES256' },
      identityProfiles: [{ id: 'ip-1', name: 'Corporates' }],
      identities: [
        { id: 'corp-1', profileId: 'ip-1', name: 'Acme Travel' },
        { id: 'corp-2', profileId: 'ip-1', name: 'Globex' },
      ],
      credentials: [
        { id: 'cred-1', identityId: 'corp-1', type: 'ROOT', code: ' Alice@Acme.example' },
        { id: 'cred-2', identityId: 'corp-2', type: 'USER', code: 'bob', email: 'bob@globex.example' },
      ],
    },
    { name: 'bank', settings: { accessTokenAlg: 'ES256' } },
  ],
};

async function open(databaseUrl: string): Promise<Context> {
  const context = await openContext(databaseUrl);
  await applyNetwork(context, network, caller);
  return context;
}

const wanted: NewCredential = { identityId: 'corp-1', type: 'USER', code: 'carol' };
const live = async (context: Context, id: string) => lookUpSubjectState(context, 'dev', credentialSubjectId(id));

describe('the code of a credential', () => {
  test('is folded once and for all', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(foldCredentialCode(foldCredentialCode(text))).toBe(foldCredentialCode(text));
      }),
    );
  });

  test.each([
    ['ALICE@Acme.Example', 'alice@acme.example'],
    ['  alice ', 'alice'],
    ['ａｌｉｃｅ', 'alice'],
    ['Zoe\u0308', 'zo\u00eb'],
  ])('%j is %j', (given, folded) => {
    expect(credentialCode.parse(given)).toBe(folded);
  });

  test.each([
    ['nothing', ''],
    ['blanks', '   '],
    ['two lines', 'a\nb'],
    ['NUL', 'a\0'],
    ['half a character', 'a\ud800'],
    ['more than its bound', 'a'.repeat(256)],
    ['what grows beyond it', '\ufdfa'.repeat(255)],
  ])('is not %s', (_, given) => {
    expect(credentialCode.safeParse(given).success).toBe(false);
  });

  test.each(['a@b', 'alice+1@acme.example', 'zoe@exämple.org'])('%s is a mail address', (given) => {
    expect(credentialMail.safeParse(given).success).toBe(true);
  });

  test.each([
    'alice',
    '@b',
    'a@',
    'a@b@c',
    'a,c@b',
    'A <a@b>',
    'a@b\r\nbcc: c@d',
    'a b@c',
    'a;c@b',
    `${'a'.repeat(260)}@b`,
  ])('%j is none', (given) => {
    expect(credentialMail.safeParse(given).success).toBe(false);
  });
});

eachDatabase('a credential', (freshUrl) => {
  test('is found by id and by code however it is written, and only in its realm', async () => {
    const context = await open(await freshUrl());
    const expected = {
      id: 'cred-1',
      type: 'ROOT',
      code: 'alice@acme.example',
      email: null,
      identity: { id: 'corp-1', profileId: 'ip-1', name: 'Acme Travel', disabledAt: null },
      disabledAt: null,
      live: true,
    };
    expect(await lookUpCredential(context, 'dev', 'cred-1')).toMatchObject(expected);
    expect(await lookUpCredentialByCode(context, 'dev', 'ALICE@acme.example ')).toMatchObject(expected);
    expect(await lookUpCredential(context, 'bank', 'cred-1')).toBeUndefined();
    expect(await lookUpCredentialByCode(context, 'bank', 'alice@acme.example')).toBeUndefined();
    expect(await lookUpCredentialByCode(context, 'dev', '')).toBeUndefined();
  });

  test('gets its mail at its address, else at a code that is one', async () => {
    const context = await open(await freshUrl());
    const [alice, bob] = await Promise.all(['cred-1', 'cred-2'].map((id) => lookUpCredential(context, 'dev', id)));
    expect(mailAddressOf(alice as never)).toBe('alice@acme.example');
    expect(mailAddressOf(bob as never)).toBe('bob@globex.example');
    expect(mailAddressOf({ code: 'carol', email: null })).toBeUndefined();
  });

  test('is made with a live subject, and with an event that says what it is', async () => {
    const context = await open(await freshUrl());
    const made = await createCredential(context, 'dev', wanted, caller);
    expect(made).toMatchObject({ type: 'USER', code: 'carol', live: true, identity: { id: 'corp-1' } });
    expect(await live(context, made.id)).toEqual({ generation: 1, live: true });
    const events = (await eventsOf(context)).filter(({ object }) => object === `credential:${made.id}`);
    expect(events.map(({ type }) => type)).toEqual(['credential.created']);
    expect(events[0]?.text).toContain('corp-1');
    expect(events[0]?.text, 'it stays when the credential is removed').not.toContain('carol');
  });

  test.each([
    ['a code that another has', { code: 'alice@acme.example' }, 'credential.code_taken'],
    ['an id that another has', { id: 'cred-1' }, 'registry.conflict'],
    ['an identity that is not there', { identityId: 'corp-9' }, 'identity.unknown'],
  ])('is refused with %s, and leaves nothing', async (_, change, code) => {
    const context = await open(await freshUrl());
    const before = (await eventsOf(context)).length;
    await expect(createCredential(context, 'dev', { ...wanted, ...change }, caller)).rejects.toMatchObject({ code });
    expect((await eventsOf(context)).length).toBe(before);
    expect(await lookUpCredentialByCode(context, 'dev', 'carol')).toBeUndefined();
  });

  test('of two with the same code at once one is made', async () => {
    const context = await open(await freshUrl());
    const tries = Array.from({ length: 6 }, () => createCredential(context, 'dev', wanted, caller));
    const outcomes = await Promise.allSettled(tries);
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(refused.map(({ reason }) => reason.code)).toEqual(Array(5).fill('credential.code_taken'));
    const { count } = await context.store.db
      .selectFrom('subject')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .where('kind', '=', 'credential')
      .executeTakeFirstOrThrow();
    expect(count).toBe(3);
  });

  test('is disabled and enabled again: its subject follows, in a new generation, and a second time changes nothing', async () => {
    const context = await open(await freshUrl());
    for (let i = 0; i < 2; i++) await stepCredential(context, 'dev', 'cred-1', 'disable', caller);
    expect(await lookUpCredential(context, 'dev', 'cred-1')).toMatchObject({ live: false });
    expect(await live(context, 'cred-1')).toEqual({ generation: 2, live: false });
    for (let i = 0; i < 2; i++) await stepCredential(context, 'dev', 'cred-1', 'enable', caller);
    expect(await lookUpCredential(context, 'dev', 'cred-1')).toMatchObject({ live: true, disabledAt: null });
    expect(await live(context, 'cred-1')).toEqual({ generation: 2, live: true });
    expect(await live(context, 'cred-2')).toEqual({ generation: 1, live: true });
    const types = (await eventsOf(context))
      .filter(({ object }) => object === 'credential:cred-1')
      .map(({ type }) => type);
    expect(types.sort()).toEqual(['credential.created', 'credential.disabled', 'credential.enabled']);
    await expect(stepCredential(context, 'bank', 'cred-1', 'disable', caller)).rejects.toMatchObject({
      code: 'credential.unknown',
    });
  });

  test('may change its code, which ends its sessions, and its address, which does not', async () => {
    const context = await open(await freshUrl());
    await changeCredential(context, 'dev', 'cred-2', { email: null }, caller);
    expect(await live(context, 'cred-2')).toEqual({ generation: 1, live: true });
    await changeCredential(context, 'dev', 'cred-2', { code: 'robert' }, caller);
    expect(await live(context, 'cred-2')).toEqual({ generation: 2, live: true });
    await changeCredential(context, 'dev', 'cred-2', { code: 'robert', email: null }, caller);
    expect(await lookUpCredentialByCode(context, 'dev', 'bob')).toBeUndefined();
    expect(await lookUpCredentialByCode(context, 'dev', 'robert')).toMatchObject({ id: 'cred-2', email: null });
    const changes = (await eventsOf(context)).filter(({ type }) => type === 'credential.changed');
    expect(changes.length).toBe(2);
    await expect(
      changeCredential(context, 'dev', 'cred-2', { code: 'alice@acme.example' }, caller),
    ).rejects.toMatchObject({ code: 'credential.code_taken' });
  });
});
