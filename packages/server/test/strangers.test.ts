import { expect, test } from 'vitest';
import { type Applicant, applicationBody, ask, createApplicant, proofClaims, proxied } from './support/applicant.ts';
import { eachDatabase } from './support/databases.ts';
import {
  assertionClaims,
  assertionForm,
  type SigningPair,
  signAssertion,
  signingPair,
  tokenUrl,
  until,
} from './support/oauth.ts';
import { type TestServer, testServer } from './support/server.ts';

const stranger = '198.51.100.66';
/** Milliseconds between two requests of the stranger: 50 in a second. */
const pause = 20;
const rounds = 4;
/** Requests of the stranger after which one of its limits is reached. */
const enough = 100;

/** Numbers that are no moment, or not a whole one; what each gets is decided for it alone. */
const moments: readonly ((now: number) => number)[] = [
  (now) => now + 0.5,
  (now) => now - 0.1234,
  () => 1e300,
  () => -0,
  () => 2 ** 53 + 1,
  () => Number.MIN_VALUE,
];

async function request(server: TestServer, source: string, body: string): Promise<number> {
  const headers = { 'content-type': 'application/x-www-form-urlencoded', 'x-forwarded-for': source };
  const response = await fetch(tokenUrl(server), { method: 'POST', headers, body });
  await response.arrayBuffer();
  return response.status;
}

/** An application whose proof says one of the moments. */
async function poison(server: TestServer, applicant: Applicant, at: number): Promise<number> {
  const body = await applicationBody(server.issuer(), applicant);
  const iat = moments[at % moments.length]?.(Math.floor(Date.now() / 1000));
  const { thumbprint } = applicant;
  const { participantName } = body.participant;
  const claims = { ...proofClaims(server.issuer()), iat, role: body.role, thumbprint, participantName };
  const proof = await applicant.sign('countersign-application+jwt', claims);
  const answer = await ask(server, '/realms/dev/registry/applications', {
    source: stranger,
    body: { ...body, proof },
  });
  return answer.status;
}

eachDatabase('while a stranger poisons, floods and replays at 50 requests a second', (freshUrl) => {
  test('a hundred clients with private_key_jwt lose no request', async () => {
    const pairs = await Promise.all(Array.from({ length: 100 }, (_, at) => signingPair('ES256', `key-${at}`)));
    const participants = pairs.map(({ jwk }, at) => ({
      ...{ id: `p-${at}`, role: 'LENDER', keys: [jwk] },
      client: { id: `client-${at}`, secret: `secret-of-client-${at}-for-tests` },
    }));
    const settings = { accessTokenAlg: 'ES256' };
    const network = { realms: [{ name: 'dev', profile: 'ocen4', settings, participants }] };
    const server = await testServer({ databaseUrl: await freshUrl(), env: proxied, network });
    try {
      const applicant = await createApplicant();
      const seen: string[] = [];
      const strangers: Promise<number>[] = [];
      const attacks: readonly ((at: number) => Promise<number>)[] = [
        (at) => poison(server, applicant, at),
        (at) => poison(server, applicant, at),
        (at) => request(server, stranger, assertionForm(`e30.e30.${at}`, { client_id: `client-${at % 100}` })),
        (at) => request(server, stranger, seen[at % Math.max(1, seen.length)] ?? ''),
      ];
      let sent = 0;
      const attack = setInterval(() => {
        strangers.push((attacks[sent % attacks.length] as (at: number) => Promise<number>)(sent));
        sent++;
      }, pause);
      const answers: number[] = [];
      const client = async (pair: SigningPair, at: number) => {
        for (let round = 0; round < rounds; round++) {
          const claims = assertionClaims(server.issuer(), `client-${at}`);
          const body = assertionForm(await signAssertion(pair, claims));
          answers.push(await request(server, `10.9.0.${at}`, body));
          seen.push(body);
        }
      };
      const clients = Promise.all(pairs.map(client));
      // The clients are sometimes done before the stranger has reached a limit.
      await Promise.all([
        clients,
        until(
          async () => sent,
          (so) => so >= enough,
          10_000,
        ),
      ]).finally(() => clearInterval(attack));
      expect(answers.filter((status) => status === 200)).toHaveLength(100 * rounds);
      const theirs = await Promise.all(strangers);
      expect(theirs.filter((status) => status >= 500)).toEqual([]);
      expect(theirs, 'the stranger is throttled').toContain(429);
    } finally {
      await server.close();
    }
  });
});
