import { calculateJwkThumbprint, type JWK } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, type Applicant, ask, askSigned, createApplicant, proxied } from './support/applicant.ts';
import { eachDatabase } from './support/databases.ts';
import {
  entryOf,
  keysPath,
  type Member,
  member,
  type RotationWishes,
  registryEntry,
  rotate,
  rotationBody,
  tokenOf,
} from './support/rotation.ts';
import { type TestServer, testServer } from './support/server.ts';

const day = 86_400;
const outcome = ({ status, body }: Answer) => (status < 300 ? status : `${status} ${body.code}`);
const networkOf = (...members: readonly object[]) => ({
  realms: [
    { name: 'dev', profile: 'ocen4', participants: members },
    { name: 'elsewhere', profile: 'ocen4', participants: members.slice(0, 1) },
  ],
});
const only = (list: readonly Applicant[]) => list[0] as Applicant;

eachDatabase('a participant replaces its key by itself', (freshUrl) => {
  test('next, current and previous show in the registry, each in its time', async () => {
    const agent = await member('agent', 'org-agent');
    const server = await testServer({ databaseUrl: await freshUrl(), network: networkOf(entryOf(agent)) });
    try {
      const token = await tokenOf(server, 'agent');
      const old = only(agent.keys);
      const start = Math.floor(Date.now() / 1000);
      const states = async () => {
        const { publicKey, publicKeys } = await registryEntry(server, 'agent', token);
        const current = publicKey === null ? null : await calculateJwkThumbprint(JSON.parse(publicKey));
        const keys = await Promise.all(
          publicKeys.keys.map(async (jwk: JWK & { nbf: number; exp?: number }) => ({
            thumbprint: await calculateJwkThumbprint(jwk),
            exp: jwk.exp,
            nbf: jwk.nbf,
          })),
        );
        return { current, keys };
      };

      const next = await createApplicant('RS256');
      const planned = await rotate(server, 'agent', next, old, { nbf: start + 3_600, overlapSeconds: 600, token });
      expect(planned.status).toBe(201);
      expect(planned.body).toMatchObject({ thumbprint: next.thumbprint, nbf: start + 3_600, exp: null, valid: false });
      expect(planned.body.previous).toEqual([{ thumbprint: old.thumbprint, exp: start + 4_200 }]);
      const waiting = await states();
      expect(waiting.current).toBe(old.thumbprint);
      expect(waiting.keys).toMatchObject([
        { thumbprint: old.thumbprint, exp: start + 4_200 },
        { thumbprint: next.thumbprint, nbf: start + 3_600, exp: undefined },
      ]);

      const now = await createApplicant('EdDSA');
      const taken = await rotate(server, 'agent', now, old, { token });
      expect(taken.status).toBe(201);
      expect(taken.body.valid).toBe(true);
      const after = await states();
      expect(after.current).toBe(now.thumbprint);
      const ends = Object.fromEntries(after.keys.map((key) => [key.thumbprint, key.exp]));
      // What was to end earlier still does; what had no end has one now.
      expect(ends[old.thumbprint]).toBe(start + 4_200);
      expect(ends[next.thumbprint]).toBeGreaterThanOrEqual(start + day);
      expect(ends[now.thumbprint]).toBeUndefined();

      const events = await server.context.store.db
        .selectFrom('event')
        .selectAll()
        .where('type', '=', 'participant.key_rotated')
        .orderBy('id')
        .execute();
      expect(events.map(({ object, actor }) => [object, actor])).toEqual([
        ['participant:agent', 'agent'],
        ['participant:agent', 'agent'],
      ]);
      expect(JSON.parse(events[1]?.after ?? '')).toMatchObject({
        thumbprint: now.thumbprint,
        provenBy: old.thumbprint,
      });
      expect(JSON.stringify(events)).not.toMatch(/eyJ/);
    } finally {
      await server.close();
    }
  });

  test('two rotations at once: whatever each is told, the registry holds exactly what was granted', async () => {
    const agent = await member('agent', 'org-agent');
    const url = await freshUrl();
    const server = await testServer({ databaseUrl: url, network: networkOf(entryOf(agent)) });
    try {
      const token = await tokenOf(server, 'agent');
      const old = only(agent.keys);
      const rivals = await Promise.all(Array.from({ length: 5 }, () => createApplicant()));
      const answers = await Promise.all(rivals.map((next) => rotate(server, 'agent', next, old, { token })));
      const granted = rivals.filter((_, index) => answers[index]?.status === 201);
      expect(granted.length).toBeGreaterThan(0);
      for (const answer of answers) expect([201, '409 write.conflict']).toContain(outcome(answer));
      const rows = await server.context.store.db
        .selectFrom('participant_key')
        .selectAll()
        .where('realm', '=', 'dev')
        .execute();
      expect(rows.map((row) => row.thumbprint).sort()).toEqual(
        [old, ...granted].map(({ thumbprint }) => thumbprint).sort(),
      );
      // One has no end: the last that was granted.
      expect(rows.filter((row) => row.not_after === null)).toHaveLength(1);
    } finally {
      await server.close();
    }
  });

  test('two rotations at once that leave the old key no time: one of them', async () => {
    const agent = await member('agent', 'org-agent');
    const server = await testServer({ databaseUrl: await freshUrl(), network: networkOf(entryOf(agent)) });
    try {
      const token = await tokenOf(server, 'agent');
      const rivals = await Promise.all(Array.from({ length: 4 }, () => createApplicant()));
      const answers = await Promise.all(
        rivals.map((next) => rotate(server, 'agent', next, only(agent.keys), { token, overlapSeconds: 0 })),
      );
      const outcomes = answers.map(outcome);
      expect(outcomes.filter((one) => one === 201)).toHaveLength(1);
      for (const one of outcomes) expect([201, '409 write.conflict', '401 registry.proof']).toContain(one);
      const { publicKey } = await registryEntry(server, 'agent', token);
      const winner = rivals[outcomes.indexOf(201)] as Applicant;
      expect(await calculateJwkThumbprint(JSON.parse(publicKey))).toBe(winner.thumbprint);
    } finally {
      await server.close();
    }
  });

  test('two organisations register the same key at once: one of them gets it', async () => {
    const [one, two] = [await member('one', 'org-1'), await member('two', 'org-2')];
    const server = await testServer({ databaseUrl: await freshUrl(), network: networkOf(entryOf(one), entryOf(two)) });
    try {
      for (let round = 0; round < 4; round++) {
        const shared = await createApplicant();
        const answers = await Promise.all([one, two].map(({ id, keys }) => rotate(server, id, shared, only(keys))));
        expect(answers.map(outcome).sort()).toEqual([201, '409 registry.key_taken']);
        const owners = await server.context.store.db
          .selectFrom('participant_key')
          .select('participant_id')
          .where('thumbprint', '=', shared.thumbprint)
          .execute();
        expect(owners.map(({ participant_id }) => participant_id)).toEqual([
          answers[0]?.status === 201 ? 'one' : 'two',
        ]);
      }
    } finally {
      await server.close();
    }
  });

  test('two retirements at once leave one key', async () => {
    const members = await Promise.all(
      Array.from({ length: 8 }, (_, index) => member(`agent-${index}`, 'org-agent', 2)),
    );
    const server = await testServer({
      databaseUrl: await freshUrl(),
      network: networkOf(...members.map((one) => entryOf(one))),
    });
    try {
      for (const { id, keys } of members) {
        const token = await tokenOf(server, id);
        const answers = await Promise.all(
          keys.map((key) => askSigned(server, `${keysPath(id)}/${key.thumbprint}/retire`, key)),
        );
        const outcomes = answers.map(outcome);
        expect(outcomes.filter((one) => one === 200)).toHaveLength(1);
        for (const one of outcomes) expect([200, '409 write.conflict', '409 registry.transition']).toContain(one);
        expect((await registryEntry(server, id, token)).publicKey).not.toBeNull();
      }
    } finally {
      await server.close();
    }
  });
});

describe('retiring', () => {
  let server: TestServer;
  let agent: Member;
  let other: Member;
  let rotated: Applicant;
  const retire = (key: { readonly thumbprint: string }, by: Applicant, body: object = {}) =>
    askSigned(server, `${keysPath('agent')}/${key.thumbprint}/retire`, by, body);

  beforeAll(async () => {
    agent = await member('agent', 'org-agent', 2);
    other = await member('other', 'org-2');
    server = await testServer({ network: networkOf(entryOf(agent), entryOf(other)) });
  });
  afterAll(() => server.close());

  test('the last valid key stays, unless it is compromised; then the feed names it and its tokens die', async () => {
    const [first, last] = agent.keys as [Applicant, Applicant];
    const gone = await retire(first, first);
    expect([gone.status, gone.body.valid]).toEqual([200, false]);
    expect(outcome(await retire(first, first))).toBe('401 registry.proof');
    expect(outcome(await retire(first, last))).toBe(200);
    expect(outcome(await retire(last, last))).toBe('409 registry.transition');

    const token = await tokenOf(server, 'agent');
    expect(outcome(await retire(last, last, { compromised: true }))).toBe(200);
    const revoked = await server.context.store.db
      .selectFrom('revocation')
      .selectAll()
      .where('kind', '=', 'key')
      .execute();
    expect(revoked.map(({ key }) => key)).toEqual([last.thumbprint]);
    const dead = await ask(server, '/realms/dev/service/participant-roles/agent', { token });
    expect(dead.status).toBe(401);

    // Without a valid key it cannot speak for itself: an administrator has to vouch for the new one.
    const next = await createApplicant();
    for (const current of [undefined, last]) {
      expect(outcome(await rotate(server, 'agent', next, current))).toBe('409 registry.transition');
    }
    const admin = await server.adminToken();
    expect(outcome(await rotate(server, 'agent', next, undefined, { token: admin, newClaims: { jti: 1 } }))).toBe(
      '401 registry.proof',
    );
    expect(outcome(await rotate(server, 'agent', next, undefined, { token: admin }))).toBe(201);
    rotated = next;
    // With a valid key nobody can go without its proof, not even an administrator.
    const refused = await rotate(server, 'agent', await createApplicant(), undefined, { token: admin });
    expect([outcome(refused), refused.body.pointer]).toEqual(['400 request.invalid', '/proofs/current']);
  });

  test('as compromised ends the key for every participant of the organisation that signs with it', async () => {
    const [shared, kept] = [await createApplicant(), await createApplicant()];
    const keys = [shared.publicKey, kept.publicKey];
    const roles = ['one', 'two'].map((id) => entryOf({ id, organisation: 'org-both', keys: [] }, { keys }));
    const both = await testServer({ network: networkOf(...roles) });
    try {
      const sibling = await tokenOf(both, 'two');
      const valid = async (id: string) => {
        const detail = await ask(both, `/realms/dev/admin/participants/${id}`, { token: await both.adminToken() });
        const views = detail.body.keys as { thumbprint: string; valid: boolean }[];
        return views.filter((key) => key.valid).map((key) => key.thumbprint);
      };
      const retireAs = (compromised: boolean, key: Applicant) =>
        askSigned(both, `${keysPath('one')}/${key.thumbprint}/retire`, shared, { compromised });
      expect(outcome(await retireAs(false, kept))).toBe(200);
      expect(await valid('two')).toHaveLength(2);
      expect(outcome(await retireAs(true, shared))).toBe(200);
      expect([await valid('one'), await valid('two')]).toEqual([[], [kept.thumbprint]]);
      expect((await ask(both, '/realms/dev/service/participant-roles/two', { token: sibling })).status).toBe(401);
    } finally {
      await both.close();
    }
  });

  test('of keys that do not exist, or are those of others, is refused', async () => {
    const stranger = await createApplicant();
    expect(outcome(await retire(stranger, rotated))).toBe('404 registry.unknown');
    expect(outcome(await retire(rotated, only(other.keys)))).toBe('401 registry.proof');
    const token = await tokenOf(server, 'other');
    const path = `${keysPath('agent')}/${rotated.thumbprint}/retire`;
    expect(outcome(await ask(server, path, { token, body: {} }))).toBe('403 token.insufficient_scope');
  });
});

describe('a key that is to be registered', () => {
  let server: TestServer;
  let agent: Member;
  let other: Member;
  let token: string;
  let ended: Applicant;

  beforeAll(async () => {
    [agent, other] = [await member('agent', 'org-agent', 2), await member('other', 'org-2')];
    ended = await createApplicant();
    const past = { ...ended.publicKey, nbf: 1_500_000_000, exp: 1_600_000_000 };
    const [one, two] = agent.keys.map(({ publicKey }) => publicKey);
    server = await testServer({
      network: networkOf(entryOf(agent, { keys: [past, one, two] }), entryOf(other)),
      env: proxied,
    });
    token = await tokenOf(server, 'agent');
  });
  afterAll(() => server.close());

  const seconds = () => Math.floor(Date.now() / 1000);
  type Row = readonly [name: string, wishes: (() => RotationWishes) | RotationWishes, expected: string];

  /** Everything is right but for this one thing. */
  const proofs: readonly Row[] = [
    ['the new key signs for another realm', { newClaims: { realm: 'elsewhere' } }, '401 registry.proof'],
    ['the current key signs for another realm', { currentClaims: { realm: 'elsewhere' } }, '401 registry.proof'],
    ['the new key signs for another participant', { newClaims: { participantId: 'other' } }, '401 registry.proof'],
    [
      'the current key signs for another participant',
      { currentClaims: { participantId: 'other' } },
      '401 registry.proof',
    ],
    ['the new key signs for another thumbprint', { newClaims: { thumbprint: 'x' } }, '401 registry.proof'],
    ['the current key signs for another thumbprint', { currentClaims: { thumbprint: 'x' } }, '401 registry.proof'],
    ['no thumbprint is signed', { currentClaims: { thumbprint: undefined } }, '401 registry.proof'],
    ['the new key signs for another audience', { newClaims: { aud: 'https://other.example' } }, '401 registry.proof'],
    ['the audience is a list', () => ({ currentClaims: { aud: [server.issuer()] } }), '401 registry.proof'],
    ['the audience of the current is absent', { currentClaims: { aud: undefined } }, '401 registry.proof'],
    ['the new proof is old', () => ({ newClaims: { iat: seconds() - 400 } }), '401 registry.proof'],
    ['the current proof is old', () => ({ currentClaims: { iat: seconds() - 400 } }), '401 registry.proof'],
    ['the current proof is from the future', () => ({ currentClaims: { iat: seconds() + 400 } }), '401 registry.proof'],
    ['the current proof has no time', { currentClaims: { iat: undefined } }, '401 registry.proof'],
    ['the current proof has expired', { currentClaims: { exp: 1 } }, '401 registry.proof'],
    ['the new proof has no jti', { newClaims: { jti: undefined } }, '401 registry.proof'],
    ['the current proof has no jti', { currentClaims: { jti: undefined } }, '401 registry.proof'],
    ['the jti is long', { currentClaims: { jti: 'j'.repeat(256) } }, '401 registry.proof'],
    ['the proofs are those of an application', { typ: 'countersign-application+jwt' }, '401 registry.proof'],
    ['the proofs are tokens', { typ: 'at+jwt' }, '401 registry.proof'],
    ['nbf is beyond 90 days', () => ({ nbf: seconds() + 91 * day }), '400 request.invalid'],
    ['nbf is a fraction', { nbf: 1.5 }, '400 request.invalid'],
    ['nbf is negative', { nbf: -1 }, '400 request.invalid'],
    ['the overlap is beyond 90 days', { overlapSeconds: 90 * day + 1 }, '400 request.invalid'],
    ['the overlap is negative', { overlapSeconds: -1 }, '400 request.invalid'],
    ['the overlap is a fraction', { overlapSeconds: 0.5 }, '400 request.invalid'],
  ];

  // Failed proofs count as attempts of their source; each row comes from its own.
  test.each(proofs)('%s: refused', async (_name, wishes, expected) => {
    const next = await createApplicant();
    const wanted = typeof wishes === 'function' ? wishes() : wishes;
    expect(outcome(await rotate(server, 'agent', next, only(agent.keys), { ...wanted, token }))).toBe(expected);
    const rows = await server.context.store.db
      .selectFrom('participant_key')
      .selectAll()
      .where('thumbprint', '=', next.thumbprint)
      .execute();
    expect(rows).toEqual([]);
  });

  const signed = async (change: (body: Record<string, unknown>) => unknown) => {
    const body = await rotationBody(server.issuer(), 'agent', await createApplicant(), only(agent.keys));
    return change(body as unknown as Record<string, unknown>);
  };
  const jwkOf = (body: Record<string, unknown>) => body.publicKey as Record<string, unknown>;
  const proofsOf = (body: Record<string, unknown>) => body.proofs as Record<string, string>;
  const bodies: readonly (readonly [string, (body: Record<string, unknown>) => unknown, string])[] = [
    ['a private key', (body) => ({ ...body, publicKey: { ...jwkOf(body), d: 'AAAA' } }), '400 registry.key'],
    ['a key for encryption', (body) => ({ ...body, publicKey: { ...jwkOf(body), use: 'enc' } }), '400 registry.key'],
    [
      'a key off its curve',
      (body) => ({ ...body, publicKey: { ...jwkOf(body), x: 'A'.repeat(43) } }),
      '400 registry.key',
    ],
    ['a shared secret', (body) => ({ ...body, publicKey: { kty: 'oct', k: 'AAAA' } }), '400 registry.key'],
    [
      'another kind of algorithm',
      (body) => ({ ...body, publicKey: { ...jwkOf(body), alg: 'RS256' } }),
      '400 registry.key',
    ],
    ['a string for a key', (body) => ({ ...body, publicKey: 'key' }), '400 request.invalid'],
    ['no key', ({ publicKey: _, ...body }) => body, '400 request.invalid'],
    ['no proofs', ({ proofs: _, ...body }) => body, '400 request.invalid'],
    [
      'no proof of the new key',
      (body) => ({ ...body, proofs: { current: proofsOf(body).current } }),
      '400 request.invalid',
    ],
    [
      'no proof of the current key',
      (body) => ({ ...body, proofs: { new: proofsOf(body).new } }),
      '400 request.invalid',
    ],
    [
      'the proofs swapped',
      (body) => ({ ...body, proofs: { new: proofsOf(body).current, current: proofsOf(body).new } }),
      '401 registry.proof',
    ],
    [
      'the new proof twice',
      (body) => ({ ...body, proofs: { new: proofsOf(body).new, current: proofsOf(body).new } }),
      '401 registry.proof',
    ],
    [
      'the current proof twice',
      (body) => ({ ...body, proofs: { new: proofsOf(body).current, current: proofsOf(body).current } }),
      '401 registry.proof',
    ],
    [
      'a proof that is no JWS',
      (body) => ({ ...body, proofs: { ...proofsOf(body), current: 'x.y' } }),
      '401 registry.proof',
    ],
    [
      'a proof of 9,000 characters',
      (body) => ({ ...body, proofs: { ...proofsOf(body), current: 'x'.repeat(9_000) } }),
      '400 request.invalid',
    ],
    ['a third proof', (body) => ({ ...body, proofs: { ...proofsOf(body), other: 'x' } }), '400 request.invalid'],
    ['a member of its own', (body) => ({ ...body, exp: 1 }), '400 request.invalid'],
    ['a list', (body) => [body], '400 request.invalid'],
    ['null', () => null, '400 request.invalid'],
  ];
  test.each(bodies)('%s: refused', async (_name, change, expected) => {
    const answer = await ask(server, keysPath('agent'), { token, body: await signed(change) });
    expect(outcome(answer)).toBe(expected);
    // A refusal repeats neither keys nor proofs.
    expect(answer.text()).not.toMatch(/eyJ|AAAA/);
  });

  test('a key that has ended, one that has never been, and that of another vouch for nothing', async () => {
    const stranger = await createApplicant();
    for (const current of [ended, stranger, only(other.keys)]) {
      expect(outcome(await rotate(server, 'agent', await createApplicant(), current, { token }))).toBe(
        '401 registry.proof',
      );
    }
    const unnamed = await createApplicant();
    const body = await rotationBody(server.issuer(), 'agent', unnamed, only(agent.keys));
    // Any of the valid keys does.
    const { proofs: byOther } = await rotationBody(server.issuer(), 'agent', unnamed, agent.keys[1]);
    expect(outcome(await ask(server, keysPath('agent'), { token, body: { ...body, proofs: byOther } }))).toBe(201);
  });

  test('the same proofs a second time, keys that are there, and keys of others are refused', async () => {
    const next = await createApplicant();
    const body = await rotationBody(server.issuer(), 'agent', next, only(agent.keys));
    expect(outcome(await ask(server, keysPath('agent'), { token, body }))).toBe(201);
    expect(outcome(await ask(server, keysPath('agent'), { token, body }))).toBe('401 registry.proof');
    const again = {
      ...body,
      proofs: { ...body.proofs, new: (await rotationBody(server.issuer(), 'agent', next, undefined)).proofs.new },
    };
    expect(outcome(await ask(server, keysPath('agent'), { token, body: again }))).toBe('401 registry.proof');
    expect(outcome(await rotate(server, 'agent', next, only(agent.keys), { token }))).toBe('409 registry.conflict');
    expect(outcome(await rotate(server, 'agent', ended, only(agent.keys), { token }))).toBe('409 registry.conflict');
    expect(outcome(await rotate(server, 'agent', only(other.keys), only(agent.keys), { token }))).toBe(
      '409 registry.key_taken',
    );
  });

  test('by whom: nobody, another participant, another realm', async () => {
    const next = await createApplicant();
    const body = await rotationBody(server.issuer(), 'agent', next, only(agent.keys));
    const foreign = await tokenOf(server, 'agent', 'elsewhere');
    const asked = async (by: string | undefined, path = keysPath('agent')) =>
      outcome(await ask(server, path, { body, ...(by === undefined ? {} : { token: by }) }));
    expect(await asked(undefined)).toBe('401 token.missing');
    expect(await asked('x.y.z')).toBe('401 token.invalid');
    expect(await asked(await tokenOf(server, 'other'))).toBe('403 token.insufficient_scope');
    expect(await asked(foreign)).toBe('403 token.other_realm');
    expect(await asked(token, keysPath('agent', 'elsewhere'))).toBe('403 token.other_realm');
    expect(await asked(token, keysPath('agent', 'nowhere'))).toBe('404 realm.unknown');
    expect(await asked(token, keysPath('nobody'))).toBe('403 token.insufficient_scope');
    expect(await asked(await server.adminToken(), keysPath('nobody'))).toBe('404 participant.unknown');
  });

  test('more than eight keys that have not ended are refused', async () => {
    const crowd = await member('crowd', 'org-crowd');
    const own = await testServer({ network: networkOf(entryOf(crowd)) });
    try {
      const by = await tokenOf(own, 'crowd');
      const outcomes: unknown[] = [];
      for (let count = 0; count < 8; count++)
        outcomes.push(outcome(await rotate(own, 'crowd', await createApplicant(), only(crowd.keys), { token: by })));
      expect(outcomes).toEqual([...Array(7).fill(201), '409 registry.transition']);
    } finally {
      await own.close();
    }
  });

  test('sixty rotations an hour, then the next is told to wait', async () => {
    const hasty = await member('hasty', 'org-hasty');
    const own = await testServer({
      network: networkOf(entryOf(hasty)),
      clock: { now: Date.now, elapsed: () => 0 },
    });
    try {
      const by = await tokenOf(own, 'hasty');
      let current = only(hasty.keys);
      for (let count = 0; count < 60; count++) {
        const next = await createApplicant();
        expect(outcome(await rotate(own, 'hasty', next, current, { token: by, overlapSeconds: 0 }))).toBe(201);
        current = next;
      }
      const more = await rotate(own, 'hasty', await createApplicant(), current, { token: by });
      expect(outcome(more)).toBe('429 attempt.throttled');
    } finally {
      await own.close();
    }
  });

  test('a key that begins in the past begins now: nothing signed before it was registered is good', async () => {
    const next = await createApplicant();
    const before = seconds();
    const answer = await rotate(server, 'agent', next, agent.keys[1], { token, nbf: 1_000 });
    expect(answer.status).toBe(201);
    expect(answer.body.nbf).toBeGreaterThanOrEqual(before);
  });
});
